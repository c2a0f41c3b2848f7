"""Files to `Section` and `Reference`, results to files. Never napari or Qt."""
