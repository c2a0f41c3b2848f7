"""What is open, chosen and found: the state that the docks observe. No Qt."""
