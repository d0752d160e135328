"""The phases: bare call, predict, evaluate, tape, fit. Each starts from the same weights and seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .drive import Driven, call
from .frameworks import Framework, Values
from .inputs import _flatten
from .keras_import import is_keras_class_method
from .load import lines_of, one_line
from .observe import Recorder
from .own_step import NoStep, fit_own, has_own_step
from .walk import Found, Named
from .weights import Snapshot

_MOST_OUTPUTS = 2048
_LEARNING_RATE = 1e-3


class Trainer:
    """Runs the phases on one built model and keeps what they showed.

    Attributes:
        errors: Phase -> exception in one line.
        error_lines: Phase -> where the user's code raised, see `lines_of`.
        losses: Phase -> losses.
        gradients: For each trainable variable its gradient as an array, or None; None before the tape has
            run.
        not_reached, not_called: Layer paths, see `Recorder.not_reached`.
        statistics_moved: Path -> phase -> whether a "state" layer's moving statistics changed.
        moved: For each trainable variable whether `fit` changed it; None before `fit` has run.
        outputs: Inference outputs, flattened and cut; None if inference raised.
        outputs_random: Whether a second inference run gave others.
    """

    def __init__(
        self,
        keras: Any,
        framework: Framework,
        driven: Driven,
        layers: list[Found],
        weights: list[Named],
        inputs: Any,
        arrays: Any,
        recorder: Recorder,
        job: dict[str, Any],
        say: Callable[[str], None],
    ) -> None:
        self._keras = keras
        self._framework = framework
        self._driven = driven
        self._layers = layers
        self._owners = {id(named.variable): named.owner for named in weights}
        self._inputs = inputs
        self._arrays = arrays
        self._recorder = recorder
        self._files = job["files"]
        self._seed = int(job["seed"])
        self._steps = int(job["steps"])
        self._say = say
        self._projection = Projection(framework, self._seed)
        self._snapshot = Snapshot(driven.model, framework)
        self._stateful = {
            found.path: found.layer for found in layers if recorder.kinds.get(found.path) == "state"
        }
        self.errors: dict[str, str] = {}
        self.error_lines: dict[str, dict[str, Any]] = {}
        self.losses: dict[str, list[float]] = {}
        self.gradients: list[Any] | None = None
        self.not_reached: list[str] = []
        self.not_called: list[str] = []
        self.statistics_moved: dict[str, dict[str, bool]] = {}
        self.moved: list[bool] | None = None
        self.outputs: list[float] | None = None
        self.outputs_random = False
        self.notes: list[str] = []
        if driven.model is not driven.root and isinstance(driven.root, keras.Model):
            self.notes.append("its inputs were joined by a model around it, which takes the flag")

    def run(self) -> None:
        self._infer()
        with self._phase("call"):
            self._driven.model(self._inputs)
        self._compile()
        base = self._keras.Model
        model, size = self._driven.model, self._batch_size()
        with self._phase("predict"):
            base.predict(model, _placeholder(size), batch_size=size, verbose=0)
        with self._phase("evaluate"):
            base.evaluate(model, _placeholder(size), batch_size=size, verbose=0)
        with self._phase("tape"):
            self._tape()
        with self._phase("fit"):
            before = self._trainable_values()
            data = _placeholder(size)
            base.fit(model, data, batch_size=size, epochs=self._steps, shuffle=False, verbose=0)
            after = self._trainable_values()
            self.moved = [not np.array_equal(old, new) for old, new in zip(before, after)]
        if has_own_step(model):
            self._fit_own()

    def _fit_own(self) -> None:
        """Its own training step, if it takes made-up data; else what was seen of it is forgotten."""
        with self._phase("train_step"):
            try:
                outputs = self._framework.numpy(self._driven.model(self._inputs, training=False))
            except Exception:
                outputs = None
            self._recorder.forget("train_step")
            try:
                options = self._framework.compile_options()
                fit_own(self._keras, self._driven.model, self._arrays, outputs, self._steps, options)
            except NoStep as reason:
                self._recorder.forget("train_step")
                self.notes.append(f"its own train_step did not run: {reason}")

    def restore(self) -> None:
        """Put the weights back to what they were before the first phase."""
        self._snapshot.restore()

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self._say(name)
        self._snapshot.restore()
        seed_everything(self._keras, self._seed)
        state = self._state()
        self._recorder.phase = name
        try:
            yield
            self._framework.settle()
        # SystemExit too: a model that calls sys.exit() raised, it did not end the comparison.
        except (Exception, SystemExit) as error:
            self.errors[name] = one_line(error)
            self.error_lines[name] = lines_of(error, self._files)
        finally:
            self._recorder.phase = None
        if name not in self.errors:
            self._record_statistics(name, state)

    def _state(self) -> dict[str, list[Any]]:
        return {path: self._values(layer.non_trainable_weights) for path, layer in self._stateful.items()}

    def _record_statistics(self, phase: str, before: dict[str, list[Any]]) -> None:
        for path, values in self._state().items():
            # A layer that was never called has nothing to say, not even that it stood still.
            if phase in self._recorder.received.get(path, {}):
                same = all(np.array_equal(old, new) for old, new in zip(before[path], values))
                self.statistics_moved.setdefault(path, {})[phase] = not same

    def _values(self, variables: Any) -> list[Any]:
        return [self._framework.numpy(variable) for variable in variables]

    def _trainable_values(self) -> list[Any]:
        return self._values(self._driven.root.trainable_variables)

    def _batch_size(self) -> int:
        return int((*_flatten(self._arrays)[0].shape, 1)[0])

    def _infer(self) -> None:
        """Inference outputs, twice, without putting random states back in between."""
        self._say("call")
        seed_everything(self._keras, self._seed)
        try:
            self.outputs = self._flat_outputs()
            self.outputs_random = not np.array_equal(self.outputs, self._flat_outputs(), equal_nan=True)
        except (Exception, SystemExit) as error:
            self.notes.append(f"model(x, training=False) raised {one_line(error)}")

    def _flat_outputs(self) -> list[float]:
        outputs = self._driven.model(self._inputs, training=False)
        arrays = [self._framework.numpy(item) for item in self._projection.floats(outputs)]
        flat = np.concatenate([np.ravel(array) for array in arrays]) if arrays else np.zeros(0)
        return [float(value) for value in flat[:_MOST_OUTPUTS]]

    def _tape(self) -> None:
        outputs, route = self._recorder.outputs, self._recorder.route
        route.begin(self._inputs)

        def loss() -> Any:
            try:
                result = self._framework.call_in_training(self._driven.model, self._inputs)
            except TypeError as error:
                # A class that overrides __call__ without the flag can only be called without it.
                if "training" not in str(error):
                    raise
                outputs.clear()
                self._recorder.output_paths.clear()
                route.begin(self._inputs)
                result = call(self._driven, self._inputs)
                self.notes.append("model(x, training=True) raised TypeError; the tape ran the bare call")
            route.end(result)
            return self._projection.loss(result, self._driven.model)

        variables = list(self._driven.root.trainable_variables)
        value, self.gradients, of_outputs = self._framework.gradients(loss, variables, outputs)
        self.losses["tape"] = [float(self._framework.numpy(value))]
        used = {
            self._owners.get(id(variable), "")
            for variable, gradient in zip(variables, self.gradients)
            if gradient is not None
        }
        self.not_reached, self.not_called = self._recorder.not_reached(self._layers, of_outputs, used)
        outputs.clear()

    def _compile(self) -> None:
        """Keras' own training step with a loss that needs no labels, run so that flags are real."""
        base, model = self._keras.Model, self._driven.model
        # Adam's step hardly depends on the size of the gradient, so a weight with a gradient visibly moves.
        optimizer = self._keras.optimizers.Adam(_LEARNING_RATE, epsilon=1e-12)
        base.compile(model, optimizer=optimizer, **self._framework.compile_options())
        model.__dict__["compute_loss"] = self._compute_loss
        # Metrics ask for labels, those of an earlier compile too.
        model.__dict__["compute_metrics"] = lambda *_args, **_keywords: {}
        # Those of an earlier compile stay with the model and are never fed now.
        model.__dict__["get_metrics_result"] = dict
        for name in ("train_step", "test_step"):
            model.__dict__[name] = _stock_step(base, model, name, self._inputs)
        own = [name for name in ("test_step", "predict_step") if not is_keras_class_method(type(model), name)]
        model.__dict__["predict_step"] = _with_inputs(base.predict_step, model, self._inputs)
        if own:
            self.notes.append(f"its own {' and '.join(own)} did not run; Keras' own did")

    def _compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = self._projection.loss(y_pred, self._driven.model)
        if self._recorder.phase and self._framework.is_eager():
            losses = self.losses.setdefault(self._recorder.phase, [])
            self._framework.when_known([loss], lambda value: losses.append(float(value)))
        return loss


def _placeholder(size: int) -> Values:
    """Data for Keras to count batches of; the steps take the real inputs.

    On their way through Keras' data sets lists become tuples, and inputs that have no common batch axis are
    refused.
    """
    return np.zeros((size, 1), "float32")


def _with_inputs(step: Callable[..., Any], model: Any, inputs: Any) -> Callable[..., Any]:
    """A step of Keras on the real inputs; on JAX it also takes the state."""
    return lambda *arguments: step(model, *arguments[:-1], (inputs,))


def _stock_step(base: Any, model: Any, name: str, inputs: Any) -> Callable[..., Any]:
    """Keras' own step; a model that hides its metrics must not leave `fit` without a single number."""
    stock = _with_inputs(getattr(base, name), model, inputs)

    def step(*arguments: Any) -> Any:
        result = stock(*arguments)
        if isinstance(result, tuple):
            # On JAX a step also takes and gives the state.
            logs, state = result
            return logs or {"loss": 0.0}, state
        return result or {"loss": 0.0}

    return step


class Projection:
    """The loss: a fixed random projection of the outputs, plus what layers add by `add_loss`.

    The mean of squares would do for most models, but its gradient is zero behind a softmax or a
    normalisation. Weight decay is left out: it would give a gradient to a layer that nothing reaches.
    """

    def __init__(self, framework: Framework, seed: int) -> None:
        self._framework = framework
        self._seed = seed

    def floats(self, outputs: Any) -> list[Any]:
        return [item for item in _flatten(outputs) if self._framework.is_differentiable(item)]

    def loss(self, outputs: Any, model: Any) -> Any:
        tensors = self.floats(outputs)
        if not tensors:
            raise ValueError("its output holds no floating-point tensor")
        total: Any = 0.0
        for index, tensor in enumerate(tensors):
            total = total + self._framework.project(tensor, self._weights(index, tuple(tensor.shape)))
        for added in self._framework.added_losses(model):
            total = total + added
        return total

    def _weights(self, index: int, shape: tuple[int, ...]) -> Values:
        random = np.random.RandomState(self._seed + index)
        elements = max(1, int(np.prod(shape)))
        return (random.normal(size=shape) / np.sqrt(elements)).astype("float32")


def norm_of(gradient: Any) -> float | None:
    """The length of a gradient as a vector; None if there is no gradient, or it is not finite."""
    if gradient is None:
        return None
    # In double precision, so that large gradients are not lost to an overflow of the squares.
    norm = float(np.linalg.norm(np.ravel(gradient).astype("float64")))
    return norm if np.isfinite(norm) else None


def seed_everything(keras: Any, seed: int) -> None:
    """Python's, NumPy's, the backend's and Keras' generators."""
    keras.utils.set_random_seed(seed)
