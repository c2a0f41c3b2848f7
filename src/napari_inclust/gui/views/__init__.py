"""Parts of docks: forms, lists and legends."""
