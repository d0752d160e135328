"""Breaks correct Keras code mechanically, and counts how often kerasfix brings the author's program back."""
