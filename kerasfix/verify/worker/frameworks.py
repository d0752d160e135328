"""What differs between the backends of Keras: gradients, devices, eager execution.

TensorFlow is here, JAX and PyTorch in modules of their own. A backend without a class is reported as not
supported; it never passes.
"""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

#: A NumPy array.
Values = Any


class Framework(Protocol):
    """What the rest of the worker asks of a backend. Tensors are the backend's own."""

    def device(self) -> str:
        """The name of the GPU in use, or "CPU"."""

    def version(self) -> str:
        """The version of the backend's library."""

    def prepare(self, seed: int) -> None:
        """Set up a fresh process: memory growth, eager execution, exact arithmetic."""

    def is_eager(self) -> bool:
        """Whether code runs on the values of a phase, not on symbols while shapes are found out."""

    def is_differentiable(self, value: Any) -> bool:
        """Whether a value is a tensor with numbers in it that a gradient can be taken with respect to."""

    def is_array(self, value: Any) -> bool:
        """Whether a value is a tensor with numbers in it, of any dtype."""

    def distinct(self, tensor: Any) -> Any:
        """A new tensor with the same value, which the running tape follows."""

    def tensor(self, array: Values) -> Any: ...

    def sparse(self, array: Values) -> Any:
        """The same as a sparse tensor, with what is negative left out."""

    def numpy(self, tensor: Any) -> Values: ...

    def when_known(self, tensors: Sequence[Any], receive: Callable[..., None]) -> None:
        """Hand the values of tensors to `receive`: now, or when what is traced now is run."""

    def settle(self) -> None:
        """Wait until `receive` of every `when_known` so far has run."""

    def keep(self, model: Any) -> Callable[[], None]:
        """Remember what a model keeps besides Keras variables; the result puts it back."""

    def compile_options(self) -> dict[str, Any]:
        """Arguments of `Model.compile` with which the layers of a model receive their real flags."""

    def call_in_training(self, model: Any, inputs: Any) -> Any:
        """What a training loop of one's own calls, with the flag; only while gradients are taken."""

    def added_losses(self, model: Any) -> list[Any]:
        """What layers added by `add_loss` in the last call, without weight decay."""

    def project(self, tensor: Any, weights: Values) -> Any:
        """The scalar sum(tensor * weights), differentiable."""

    def gradients(
        self, loss_of: Callable[[], Any], variables: Sequence[Any], outputs: list[Any]
    ) -> tuple[Any, list[Any], list[Any]]:
        """Run `loss_of` under a tape.

        Args:
            loss_of: Gives a scalar; may append to `outputs` while it runs.
            variables: Keras variables.
            outputs: Tensors that appear while `loss_of` runs.

        Returns:
            The loss, and the gradients with respect to `variables` and `outputs` as arrays; None where the
            loss does not depend on them.
        """


class TensorFlow:
    """TensorFlow, for Keras 3 and for tf_keras."""

    def __init__(self) -> None:
        self._tf: Any = importlib.import_module("tensorflow")
        self._tape: Any = None

    def device(self) -> str:
        gpus = self._tf.config.list_physical_devices("GPU")
        if not gpus:
            return "CPU"
        details = self._tf.config.experimental.get_device_details(gpus[0])
        return str(details.get("device_name", gpus[0].name))

    def version(self) -> str:
        return str(self._tf.__version__)

    def prepare(self, seed: int) -> None:
        config = self._tf.config
        for gpu in config.list_physical_devices("GPU"):
            config.experimental.set_memory_growth(gpu, True)
        # 10 bits of mantissa are too few to tell equal outputs from different ones.
        config.experimental.enable_tensor_float_32_execution(False)
        # In a traced function the flag of a layer is seen once, when tracing; and tracing costs seconds.
        config.run_functions_eagerly(True)
        self._tf.random.set_seed(seed)

    def is_eager(self) -> bool:
        return bool(self._tf.executing_eagerly())

    def is_array(self, value: Any) -> bool:
        return isinstance(value, self._tf.Tensor) and hasattr(value, "numpy")

    def is_differentiable(self, value: Any) -> bool:
        return self.is_array(value) and bool(value.dtype.is_floating)

    def distinct(self, tensor: Any) -> Any:
        fresh = self._tf.identity(tensor)
        mask = getattr(tensor, "_keras_mask", None)
        if mask is not None:
            fresh._keras_mask = mask
        if self._tape is not None:
            self._tape.watch(fresh)
        return fresh

    def tensor(self, array: Values) -> Any:
        return self._tf.constant(array)

    def sparse(self, array: Values) -> Any:
        return self._tf.sparse.from_dense(np.maximum(array, 0))

    def numpy(self, tensor: Any) -> Values:
        return np.asarray(self._tf.convert_to_tensor(tensor))

    def when_known(self, tensors: Sequence[Any], receive: Callable[..., None]) -> None:
        receive(*map(self.numpy, tensors))

    def settle(self) -> None:
        pass

    def keep(self, model: Any) -> Callable[[], None]:
        return lambda: None

    def compile_options(self) -> dict[str, Any]:
        return {"run_eagerly": True, "jit_compile": False}

    def call_in_training(self, model: Any, inputs: Any) -> Any:
        return model(inputs, training=True)

    def added_losses(self, model: Any) -> list[Any]:
        return stored_losses(model)

    def project(self, tensor: Any, weights: Values) -> Any:
        return self._tf.reduce_sum(self._tf.cast(tensor, "float32") * weights)

    def gradients(
        self, loss_of: Callable[[], Any], variables: Sequence[Any], outputs: list[Any]
    ) -> tuple[Any, list[Any], list[Any]]:
        with self._tf.GradientTape() as tape:
            self._tape = tape
            try:
                loss = loss_of()
            finally:
                self._tape = None
        plain = [getattr(variable, "value", variable) for variable in variables]
        # tf.Variable.value is a method that reads, Keras' is the tf.Variable itself.
        plain = [variables[i] if callable(value) else value for i, value in enumerate(plain)]
        found = tape.gradient(loss, [*plain, *outputs])
        arrays = [None if gradient is None else self.numpy(gradient) for gradient in found]
        return loss, arrays[: len(plain)], arrays[len(plain) :]


def stored_losses(model: Any) -> list[Any]:
    """What the layers of a model keep of the losses that were added in the last call."""
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else []
    added = []
    for layer in layers:
        for name in ("_losses", "_eager_losses"):
            values = getattr(layer, name, None) or []
            added += [value for value in values if not callable(value)]
    return added


def driver_version() -> str | None:
    """The version of the driver of NVIDIA's GPUs, None if there is none that says."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().partition("\n")[0] or None


def infers_shapes() -> bool:
    """Whether Keras 3 is finding out shapes, and calls layers with flags of its own choosing."""
    try:
        scopes = importlib.import_module("keras.src.backend.common.symbolic_scope")
    except ImportError:
        # Before Keras 3.3 there is no telling.
        return False
    return bool(scopes.in_symbolic_scope())


# The modules are imported when they are asked for: each needs its own library.
_FRAMEWORKS = {
    "tensorflow": (__name__, "TensorFlow"),
    "jax": (".on_jax", "Jax"),
    "torch": (".on_torch", "Torch"),
}


def framework_for(backend: str) -> Framework | None:
    """The framework of a Keras backend, None if kerasfix does not know it."""
    if backend not in _FRAMEWORKS:
        return None
    module, name = _FRAMEWORKS[backend]
    framework: Framework = getattr(importlib.import_module(module, __package__), name)()
    return framework
