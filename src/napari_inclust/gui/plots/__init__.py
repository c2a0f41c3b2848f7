"""Plots of the docks, by pyqtgraph."""
