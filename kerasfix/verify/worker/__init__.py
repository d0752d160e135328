"""Runs models, in a process of the user's own Python.

This package is loaded by `bootstrap` under a name of its own, so that no module of the user can stand in its
way. It needs Python 3.9 or newer and imports only the standard library, NumPy, Keras and Keras' backend;
never kerasfix. The server imports Keras once and forks a child for every job (`server`, `isolation`); the
child loads the sliced source (`load`), finds an input (`inputs`), trains and watches (`train`, `observe`),
and writes what it saw as JSON (`job`).
"""
