"""Loops that people write themselves: who calls a model there, and in which mode it runs."""
