"""Training loops that people write themselves, run before and after a fix."""
