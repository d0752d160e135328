"""Checks for people's own tests: what `--verify` sees of a class, seen of a model that is there already.

The model is run where it is and put back as it was: weights, random states, optimizer and metrics. Keras is
imported by whoever made the model; importing this module imports neither Keras nor NumPy.
"""

from __future__ import annotations

import importlib
import inspect
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

from kerasfix.verify.report import Observation, SensitiveLayer
from kerasfix.verify.verdict import INFERENCE, few, layer_name, phase_name

_SEED = 20_231
_STEPS = 3


def check_gradients(model: Any, inputs: Any) -> Observation:
    """Run a model for a few steps and say what was seen; the model is as it was afterwards.

    It is called, predicts, evaluates, runs under a gradient tape, and is fitted for three steps, all with a
    loss that needs no labels. A model that was not built is built by that, and stays so.

    Args:
        model: A `keras.Model` or a layer of Keras 2 or 3.
        inputs: What `model(inputs)` takes: an array or tensor, or a list or dictionary of such, with a batch
            axis.

    Returns:
        Which trainable variables get a gradient, which layers reach the output, and which value of `training`
        each layer that depends on it received in each phase. An exception of the model is part of it
        (`raised`, `errors`); nothing is raised.
    """
    return _Live(model).observe(inputs)


def assert_gradients(model: Any, inputs: Any, *, ignore: Sequence[str] = ()) -> Observation:
    """Fail if a trainable variable gets no gradient, a layer is not reached, or a flag is lost.

    Args:
        model: A `keras.Model` or a layer of Keras 2 or 3.
        inputs: What `model(inputs)` takes, see `check_gradients`.
        ignore: Layers that are as they should be, by attribute path or pattern: `"pooler"`, `"heads[*]"`
            means these and all in them.

    Returns:
        What `check_gradients` returns.

    Raises:
        AssertionError: with one line for each thing that is wrong.
    """
    live = _Live(model)
    seen = live.observe(inputs)
    wrong = list(_faults(seen, live.frozen, ignore))
    if wrong:
        name = type(model).__name__
        raise AssertionError("\n".join([f"{name} does not train as it should:", *wrong, *_advice(model)]))
    return seen


class _Live:
    """One model that somebody else made.

    Attributes:
        frozen: The paths of its layers that are not to be trained.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.frozen: frozenset[str] = frozenset()

    def observe(self, inputs: Any) -> Observation:
        from kerasfix.verify.observed import observation
        from kerasfix.verify.worker import keras_import
        from kerasfix.verify.worker.frameworks import framework_for

        keras = keras_import.keras_of(type(self._model))
        if keras is None:
            kind = type(self._model).__name__
            return Observation(f"TypeError: {kind} is neither a Keras Model nor a Keras Layer", "init")
        backend = keras_import.backend_of(keras)
        framework = framework_for(backend)
        if framework is None:
            return Observation(f"RuntimeError: backend {backend} is not supported yet", "init")
        with (
            _random_states(),
            _eagerly(backend),
            _torch_state(self._model, backend),
            warnings.catch_warnings(),
        ):
            # What Keras would warn of is what is looked for.
            warnings.simplefilter("ignore")
            return observation(self._run(keras, framework, inputs))

    def _run(self, keras: Any, framework: Any, inputs: Any) -> dict[str, Any]:
        from kerasfix.verify.worker import job
        from kerasfix.verify.worker.drive import call, drive
        from kerasfix.verify.worker.observe import Recorder
        from kerasfix.verify.worker.train import Trainer
        from kerasfix.verify.worker.walk import layers_of, named_variables

        files = [_file_of(self._model)]
        driven = drive(keras, self._model, None)
        arrays = _each(inputs, framework.numpy)
        tensors = _each(arrays, framework.tensor)
        try:
            call(driven, tensors)
        except (Exception, SystemExit) as error:
            return job.raised("call", error, files)
        layers = layers_of(self._model, keras)
        self.frozen = frozenset(found.path for found in layers if not found.layer.trainable)
        try:
            names = named_variables(self._model, layers)
        except ValueError as error:
            return job.unbuilt(error, driven, keras, files)
        classes = job.layer_classes(driven, keras)
        work = {"files": files, "seed": _SEED, "steps": _STEPS}
        with _as_it_was([self._model, *(found.layer for found in layers)]):
            recorder = Recorder(framework)
            recorder.wrap(layers)
            trainer = Trainer(
                keras, framework, driven, layers, names, tensors, arrays, recorder, work, lambda _phase: None
            )
            try:
                trainer.run()
            finally:
                trainer.restore()
            return job.observation(trainer, recorder, driven, names, classes)


def _file_of(model: Any) -> str:
    try:
        return inspect.getsourcefile(type(model)) or ""
    except TypeError:
        return ""


def _each(value: Any, function: Any) -> Any:
    """The same structure with a function of each of its parts."""
    if isinstance(value, Mapping):
        return {key: _each(item, function) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_each(item, function) for item in value)
    return function(value)


@contextmanager
def _as_it_was(owners: Sequence[Any]) -> Iterator[None]:
    """Put back all attributes of some objects, and what their lists, dictionaries and sets hold."""
    before = [(owner, dict(vars(owner)), _contents(owner)) for owner in owners]
    try:
        yield
    finally:
        for owner, attributes, contents in before:
            # Past __setattr__, by which Keras would track everything once more.
            vars(owner).clear()
            vars(owner).update(attributes)
            for held, kept in contents:
                _refill(held, kept)


def _contents(owner: Any) -> list[tuple[Any, Any]]:
    """The containers that an object holds, each with a copy; those of Keras' tracker too."""
    held = list(vars(owner).values())
    tracker = vars(owner).get("_tracker")
    if tracker is not None:
        held += [each for value in vars(tracker).values() for each in _and_inside(value)]
    return [(each, type(each)(each)) for each in held if type(each) in (list, dict, set)]


def _and_inside(value: Any) -> list[Any]:
    return [value, *value.values()] if type(value) is dict else [value]


def _refill(held: Any, kept: Any) -> None:
    if held == kept and type(held) is not list:
        return
    held.clear()
    if isinstance(held, list):
        held.extend(kept)
    else:
        held.update(kept)


@contextmanager
def _random_states() -> Iterator[None]:
    """The generators of Python and NumPy go on as if nothing had happened."""
    import numpy as np

    python, numbers = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)


@contextmanager
def _eagerly(backend: str) -> Iterator[None]:
    """In a traced function the flag of a layer would be seen once, when it is traced."""
    if backend != "tensorflow":
        yield
        return
    tf: Any = importlib.import_module("tensorflow")
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextmanager
def _torch_state(model: Any, backend: str) -> Iterator[None]:
    """What PyTorch keeps beside weights: gradients that somebody gathers, modes, its generators."""
    if backend != "torch":
        yield
        return
    torch: Any = importlib.import_module("torch")
    gradients = {id(each): each.grad for each in model.parameters()}
    modes = {id(each): each.training for each in model.modules()}
    with torch.random.fork_rng():
        try:
            yield
        finally:
            for parameter in model.parameters():
                parameter.grad = gradients.get(id(parameter))
            for module in model.modules():
                module.training = modes.get(id(module), module.training)


# --- What is wrong ----------------------------------------------------------------------------------------


def _faults(seen: Observation, frozen: frozenset[str], ignore: Sequence[str]) -> Iterator[str]:
    for phase, message in (
        seen.errors or ({seen.raised_in or "call": seen.raised} if seen.raised else {})
    ).items():
        yield f"- {phase} raises {message}"

    def counts(name: str) -> bool:
        return not any(_is_in(name, pattern) for pattern in ignore)

    missing = [name for name in seen.missing_gradient if counts(name)]
    if missing:
        count = f"{len(missing)} of {seen.trainable_count}"
        yield f"- {count} trainable variables have no gradient: {few(missing)}"
    wild = [name for name in seen.nonfinite_gradient if counts(name)]
    if wild:
        yield f"- the gradient is not finite: {few(wild)}"
    lost = [path for path in seen.layers_not_reached if counts(path)]
    if lost:
        uncalled = [path for path in lost if path in seen.layers_not_called]
        yield f"- not reached from the output: {few(lost)}" + (
            f"; never called: {few(uncalled)}" if uncalled else ""
        )
    for path, layer in seen.sensitive.items():
        if counts(path):
            yield from _lost_flags(path, layer, is_frozen=path in frozen)


def _lost_flags(path: str, layer: SensitiveLayer, *, is_frozen: bool) -> Iterator[str]:
    if layer.trained_in("fit") is False and not is_frozen:
        yield f"- {layer_name(path, layer)} does not run in training mode in fit"
    for phase in INFERENCE:
        if layer.trained_in(phase):
            yield f"- {layer_name(path, layer)} runs in training mode in {phase_name(phase)}"


def _is_in(name: str, pattern: str) -> bool:
    """Whether a layer, or the layer of a variable, is one that a pattern names, or stands in one."""
    path = name.rpartition("/")[0] or name
    parts = [path[:end] for end in range(1, len(path) + 1) if end == len(path) or path[end] in ".["]
    # Brackets are part of paths, not of the pattern.
    literal = pattern.replace("[", "[[]")
    return any(fnmatchcase(part, literal) for part in parts)


def _advice(model: Any) -> Iterator[str]:
    file = _file_of(model)
    if file.endswith(".py"):
        yield f"`kerasfix {file}` may know the line."
