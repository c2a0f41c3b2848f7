"""napari layers over the cell raster of a section."""
