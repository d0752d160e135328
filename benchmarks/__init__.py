"""Measurements on code that nobody here wrote; none of this is shipped."""
