"""Saved runs, plans and domains, opened with the data that they were made from."""
