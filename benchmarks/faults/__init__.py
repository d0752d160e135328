"""Faults of the file system and of what is around a run, and what kerasfix makes of them."""
