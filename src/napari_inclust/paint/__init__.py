"""Values of cells as pixels: cell raster, colour limits, napari layers, figures. Never Qt."""
