"""Runs published layers and models before and after kerasfix and compares what they answer.

    python -m benchmarks.behaviour                       every recipe; half an hour on two cores
    python -m benchmarks.behaviour --list                which classes kerasfix changes, and nothing run
    python -m benchmarks.behaviour --only keras-hub      only what has this in its name, package or class
    python -m benchmarks.behaviour --kerasfix ../other   the kerasfix of another checkout

The wheel of each package, one exact version of it, is unpacked twice, and `kerasfix --apply` patches one of
the two. A child process for each of them builds what the recipes say (`recipes/`: the constructor's arguments
and the inputs' shapes, small), the patched version with the weights of the original, and calls it four times:
in inference mode, without a word about the mode, through `predict`, and in training mode. The first three
have to give equal numbers, of the object and of every layer of the package that was called in it; the last
one only has to work if it did before. A class counts as compared if a call of it was seen in both versions.

A plain call may go from training mode to inference mode: that is what kerasfix says of `training=True` as a
default (KF102). These are listed, and so is such a change that no default accounts for.

The models run in a virtual environment that is made in `benchmarks/.cache` on the first run (TensorFlow for
the CPU, Keras 2 and 3, and what the packages import; Linux on x86-64, Python 3.11 or 3.12, two gigabytes). An
interpreter that has all of `requirements.txt` can be named with --python instead.
"""
