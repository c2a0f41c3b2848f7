"""Files to data sets, and results to files. Never napari or Qt."""
