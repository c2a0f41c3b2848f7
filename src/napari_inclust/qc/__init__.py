"""Checks of a section and a reference before training."""
