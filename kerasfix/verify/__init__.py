"""Proof by running: the original and the patched model are trained for a few steps and compared.

`session.Session` is the way in. Nothing in this package imports Keras: models run in a child process of the
user's own Python (`worker`), which `runner` starts, limits and ends.
"""
