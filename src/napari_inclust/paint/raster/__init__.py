"""Cells and points as integer rasters, coloured by lookup tables."""
