"""kerasfix beside other tools that find and fix: one small experiment for each cell of a table.

`python -m benchmarks.comparison` installs the other tools at the versions named in `peers.py`, each in an
environment of its own, does the experiments and writes the page `docs/comparison.md`.
"""
