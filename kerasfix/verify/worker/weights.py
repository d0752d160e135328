"""Initial weights that original and patched model share, and putting a model back to them between phases."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .frameworks import Framework, Values
from .walk import Named


class SharedWeights:
    """A file of initial values by attribute path, variable name and shape.

    A fix may change the shape of one kernel and the automatic names of layers; every variable whose path and
    shape are the same in both versions starts from the same numbers. The first version that has a variable
    provides its value.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._values: dict[str, Values] = {}
        if os.path.exists(path):
            with np.load(path) as stored:
                self._values = {key: stored[key] for key in stored.files}

    def share(self, variables: list[Named], framework: Framework) -> None:
        """Load what is known, and add what is not."""
        known = len(self._values)
        for named in variables:
            variable = named.variable
            key = f"{named.name}:{'x'.join(str(size) for size in variable.shape)}"
            if key in self._values:
                variable.assign(self._values[key])
            else:
                self._values[key] = framework.numpy(variable)
        if len(self._values) > known:
            temporary = self._path + ".new.npz"
            np.savez(temporary, **self._values)
            os.replace(temporary, self._path)


class Snapshot:
    """The values of all variables of a model, weights and random states alike."""

    def __init__(self, model: Any, framework: Framework) -> None:
        self._values = [(variable, framework.numpy(variable)) for variable in model.variables]
        self._restore_the_rest = framework.keep(model)

    def restore(self) -> None:
        for variable, value in self._values:
            variable.assign(value)
        self._restore_the_rest()
