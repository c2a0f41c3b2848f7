"""Spatial domains: found, edited, described and scored."""
