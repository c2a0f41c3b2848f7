"""Values of cells as pixels: values and colour limits, cell rasters, napari layers and figures. No Qt."""
