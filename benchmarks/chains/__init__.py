"""Breaks chains of layers in correct Keras code, and counts how often kerasfix sees it and mends it."""
