"""A report of a run as one HTML page: figures, numbers and templates."""
