"""Widgets and layouts without knowledge of the session."""
