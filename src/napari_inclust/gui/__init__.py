"""The napari plugin: docks, their state and their controllers. No arithmetic, and no torch at import time."""
