"""How many classes of published packages verification can construct, feed and train without being told how."""
