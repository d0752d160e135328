"""Takes `training=True` out of published training loops, and counts what kerasfix puts back."""
