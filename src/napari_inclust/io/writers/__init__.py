"""Writers of results; files are replaced only when the new one is complete."""
