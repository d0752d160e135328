"""What a training log says in Keras' own words, and which lines of the source it is about."""
