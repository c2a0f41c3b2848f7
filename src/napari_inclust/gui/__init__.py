"""The docks: qtpy, superqt and napari. No arithmetic here, and no torch, scanpy or squidpy at import time."""
