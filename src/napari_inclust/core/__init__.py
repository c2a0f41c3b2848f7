"""The masked model, its training and its trust: numpy, torch and anndata; never napari, Qt or spatialdata."""
