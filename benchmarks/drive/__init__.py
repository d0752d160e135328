"""How many classes of published packages can be constructed, fed and trained without being told how."""
