"""Training loops that people write themselves: what they train, and in which mode they call it."""
