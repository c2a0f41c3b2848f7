"""Values of cells to pixels: the cell raster, colour limits and napari layers. Never Qt."""
