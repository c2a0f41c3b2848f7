"""napari layers of a section: genes, categories, marks, images and molecules."""
