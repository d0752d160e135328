"""What differs between the backends of Keras: gradients, devices, eager execution.

A backend that has no class here is reported as not supported; it never passes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

#: A NumPy array.
Values = Any


class Framework(Protocol):
    """What the rest of the worker asks of a backend. Tensors are the backend's own."""

    def device(self) -> str:
        """The name of the GPU in use, or "CPU"."""

    def prepare(self, seed: int) -> None:
        """Set up a fresh process: memory growth, eager execution, exact arithmetic."""

    def is_eager(self) -> bool:
        """Whether code runs on values now, not on symbols while a graph is traced."""

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


_FRAMEWORKS: dict[str, Callable[[], Framework]] = {"tensorflow": TensorFlow}


def framework_for(backend: str) -> Framework | None:
    """The framework of a Keras backend, None if kerasfix does not support it yet."""
    factory = _FRAMEWORKS.get(backend)
    return factory() if factory else None
