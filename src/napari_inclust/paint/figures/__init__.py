"""Figures for print, by matplotlib alone."""
