"""Checked data sets: sections, references, feature names, panels, normalisation, observations."""
