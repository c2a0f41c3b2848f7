"""Saved sessions: what a session file holds, and how it is put back."""
