"""Positions of cells: neighbour graphs and drawn regions."""
