"""The child process: builds the objects of one version of a package, calls them and keeps what they return.

Runs in the Python that has TensorFlow, with the package's folder first on the path, as
`python -m benchmarks.behaviour.worker before|after FOLDER RECIPE...`; the folder has the recipes. What the
original (`before`) writes there, weights and outputs, the patched version (`after`) reads: it is given the
same weights and compares.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.behaviour.compare import Call, Seen, compare, load, save
from benchmarks.behaviour.spec import Array, New, Package, Recipe
from benchmarks.behaviour.stubs import Stubs

SEED = 7
SECONDS = 300  # for one recipe
_COLOUR = re.compile(r"\x1b\[\d*m")
PHASES = ("inference", "bare", "predict", "training")
# Keras begins with weights that hide faults: moving means of 0, variances of 1, scales of 0. A shift that
# keeps variances positive makes them tell.
SHIFT = 0.1


class Symbolic(Exception):
    """A tensor without numbers: a graph is being built."""


@dataclass(slots=True)
class Recorder:
    """Keeps what every layer of the package returns while it is on."""

    modules: tuple[str, ...]
    on: bool = False
    calls: list[Call] = field(default_factory=list)
    _open: list[set[str]] = field(default_factory=list)

    def wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(layer: Any, *arguments: Any, **options: Any) -> Any:
            kind = type(layer)
            if not self.on or kind.__module__.partition(".")[0] not in self.modules:
                return original(layer, *arguments, **options)
            self._open.append(set())
            try:
                output = original(layer, *arguments, **options)
            finally:
                inner = self._open.pop()
                for outer in self._open:
                    outer |= self.ancestry(kind)
            try:
                leaves = flatten(output)
            except Symbolic:
                return output
            self.calls.append(Call(name(kind), sorted(self.ancestry(kind)), sorted(inner), leaves))
            return output

        recorded.__wrapped__ = original  # type: ignore[attr-defined]
        return recorded

    def ancestry(self, kind: type) -> set[str]:
        """The class and its bases, as far as the package defines them."""
        return {name(base) for base in kind.__mro__ if base.__module__.partition(".")[0] in self.modules}

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        self.on, self.calls = True, []
        try:
            yield self.calls
        finally:
            self.on = False


def name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def flatten(output: Any, path: str = "") -> list[tuple[str, Any]]:
    """The arrays of an output, each with where it was in it.

    Raises:
        Symbolic: if there is a tensor without numbers.
    """
    if output is None or isinstance(output, str):
        return []
    if isinstance(output, Mapping):
        return [leaf for key in output for leaf in flatten(output[key], f"{path}.{key}")]
    if isinstance(output, list | tuple):
        return [leaf for at, each in enumerate(output) for leaf in flatten(each, f"{path}[{at}]")]
    if hasattr(output, "flat_values"):  # ragged
        return flatten([output.flat_values, *output.nested_row_splits], path)
    if hasattr(output, "dense_shape"):  # sparse
        return flatten([output.indices, output.values], path)
    if isinstance(output, np.ndarray | np.generic | bool | int | float):
        return [(path, np.asarray(output))]
    if not hasattr(output, "shape") or not hasattr(output, "dtype"):
        return []  # a distribution, a function
    try:
        return [(path, np.asarray(output.numpy()))]
    except Exception as error:
        raise Symbolic from error


class Session:
    """Keras, the recorder, and what makes objects from recipes."""

    def __init__(self, package: Package) -> None:
        sys.meta_path.insert(0, Stubs(package.stubs))
        self.keras: Any = importlib.import_module("tf_keras" if package.legacy else "keras")
        self.tensorflow: Any = importlib.import_module("tensorflow")
        self.recorder = Recorder(package.modules)
        layer = self.keras.layers.Layer
        layer.__call__ = self.recorder.wrap(layer.__call__)

    def seed(self) -> None:
        self.keras.utils.set_random_seed(SEED)

    def make(self, item: Any) -> Any:
        """The object that a `New` names; lists and mappings of them; anything else as it is."""
        if isinstance(item, New):
            module, _, path = item.path.partition(":")
            thing: Any = importlib.import_module(module)
            for part in path.split("."):
                thing = getattr(thing, part)
            return thing(*self.make(item.arguments), **self.make(item.options)) if item.call else thing
        return self.over(item, self.make)

    def over(self, item: Any, function: Callable[[Any], Any]) -> Any:
        if isinstance(item, Mapping):
            return {key: function(each) for key, each in item.items()}
        if isinstance(item, list | tuple):
            return type(item)(function(each) for each in item)
        return item

    def feed(self, item: Any, use: Callable[[Array], Any]) -> Any:
        """The inputs, each `Array` of them replaced with what `use` makes of it."""
        if isinstance(item, Array):
            return use(item)
        if isinstance(item, New):
            return self.make(item)
        return self.over(item, lambda each: self.feed(each, use))

    def tensor(self, array: Array) -> Any:
        return self.tensorflow.constant(numbers(array))

    def predict(self, made: Any, recipe: Recipe) -> Any:
        """The outputs in a graph: of the model itself, or of a functional model around the layer."""
        arrays: list[Array] = []
        self.feed([recipe.inputs, recipe.options], arrays.append)
        batch = arrays[0].shape[0]
        if isinstance(made, self.keras.Model) and len(recipe.inputs) == 1 and not recipe.options:
            return made.predict(self.feed(recipe.inputs[0], numbers), batch_size=batch, verbose=0)
        if any(array.shape[:1] != (batch,) for array in arrays):
            raise ValueError("the inputs have no batch in common")
        inputs: list[Any] = []

        def symbol(array: Array) -> Any:
            inputs.append(self.keras.Input(array.shape[1:], batch_size=batch, dtype=array.dtype))
            return inputs[-1]

        output = made(*self.feed(recipe.inputs, symbol), **self.feed(recipe.options, symbol))
        tensors = [leaf for leaf in self.tensorflow.nest.flatten(output) if hasattr(leaf, "shape")]
        around = self.keras.Model(inputs, tensors)
        return around.predict([numbers(array) for array in arrays], batch_size=batch, verbose=0)


def numbers(array: Array) -> Any:
    """The numbers of an input, the same ones each time."""
    if array.value is not None:
        return np.broadcast_to(np.asarray(array.value, array.dtype), array.shape).copy()
    generator = np.random.default_rng(len(array.shape) + sum(array.shape))
    if array.below is not None:
        return generator.integers(0, array.below, array.shape).astype(array.dtype)
    return generator.standard_normal(array.shape).astype(array.dtype)


def shifted(weights: Sequence[Any]) -> list[Any]:
    generator = np.random.default_rng(SEED)
    return [
        weight + SHIFT * generator.random(weight.shape).astype(weight.dtype)
        if np.issubdtype(np.asarray(weight).dtype, np.floating)
        else weight
        for weight in weights
    ]


def observe(session: Session, recipe: Recipe, weights: Sequence[Any] | None) -> Seen:
    """Build what a recipe says, give it `weights` (None: its own, shifted) and call it in every mode."""
    seen = Seen()
    try:
        session.seed()
        made = session.make(recipe.make)
        arguments, options = (
            session.feed(each, session.tensor) for each in (recipe.inputs, dict(recipe.options))
        )
        seen.stage = "first call"
        made(*arguments, training=False, **options)
        seen.stage = "weights"
        own = made.get_weights()
        seen.weights = shifted(own) if weights is None else list(weights)
        if [weight.shape for weight in own] != [weight.shape for weight in seen.weights]:
            raise ValueError("the weights have other shapes")
        made.set_weights(seen.weights)
        seen.stage = ""
    except Exception as error:
        seen.errors["construct"] = told(error)
        return seen
    runs: dict[str, Callable[[], Any]] = {
        "inference": lambda: made(*arguments, training=False, **options),
        "bare": lambda: made(*arguments, **options),
        "predict": lambda: session.predict(made, recipe),
        "training": lambda: made(*arguments, training=True, **options),
    }
    for phase in PHASES:
        if phase == "predict" and not recipe.predict:
            continue
        try:
            made.set_weights(seen.weights)  # a call in training mode moves statistics
            session.seed()
            with session.recorder.recording() as calls:
                output = runs[phase]()
            seen.outputs[phase] = flatten(output)
            seen.calls[phase] = [] if phase == "predict" else calls
            if phase != "predict" and name(type(made)) not in {call.kind for call in calls}:
                # Its base is a layer of yet another Keras, the one inside TensorFlow.
                own = sorted(session.recorder.ancestry(type(made)))
                calls.append(Call(name(type(made)), own, [], seen.outputs[phase]))
        except Exception as error:
            seen.errors[phase] = told(error)
    return seen


def told(error: BaseException) -> str:
    """An error in one line, with where in the code it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and __file__ != frame.filename]
    lines = [_COLOUR.sub("", line).strip() for line in str(error).splitlines() if line.strip()]
    # Keras begins with where it was; what happened comes after that.
    what = [line for line in lines if not line.startswith(("Exception encountered", "in user code", "File "))]
    text = next(iter(what), "")
    where = f" ({os.path.basename(own[-1].filename)}:{own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {text[:240]}{where}"


def out_of_time(*_: Any) -> None:
    raise TimeoutError(f"not done after {SECONDS} seconds")


def main(version: str, folder: Path, indices: Sequence[int]) -> None:
    package: Package = pickle.loads((folder / "package.pickle").read_bytes())
    session = Session(package)
    signal.signal(signal.SIGALRM, out_of_time)
    for index in indices:
        recipe = package.recipes[index]
        signal.alarm(SECONDS)
        original = load(folder / f"{index}.npz") if version == "after" else None
        if original is not None and original.errors.get("construct"):
            outcome: dict[str, Any] = {"unbuilt": original.stage_and_reason()}
        else:
            seen = observe(session, recipe, original.weights if original else None)
            if original is None:
                save(seen, folder / f"{index}.npz")
                outcome = {}
            else:
                outcome = compare(original, seen)
        signal.alarm(0)
        (folder / f"{index}.{version}.json").write_text(json.dumps(outcome))
        session.keras.backend.clear_session()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [int(index) for index in sys.argv[3:]])
