"""Who calls a model outside of `call`: loops that people write themselves, and the mode that it runs in there."""
