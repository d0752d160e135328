"""Keras on PyTorch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .frameworks import Values, infers_shapes, stored_losses


class Torch:
    """PyTorch, for Keras 3."""

    def __init__(self) -> None:
        self._torch: Any = importlib.import_module("torch")
        self._keras: Any = importlib.import_module("keras")

    def device(self) -> str:
        if self._torch.cuda.is_available():
            return str(self._torch.cuda.get_device_name(0))
        # Keras puts its variables there, whatever that is: "cpu", "mps", "xpu:0".
        where = str(self._keras.ops.zeros(()).device)
        return "CPU" if where == "cpu" else where

    def version(self) -> str:
        return str(self._torch.__version__)

    def prepare(self, seed: int) -> None:
        # 10 bits of mantissa are too few to tell equal outputs from different ones.
        self._torch.backends.cuda.matmul.allow_tf32 = False
        self._torch.backends.cudnn.allow_tf32 = False
        self._torch.manual_seed(seed)

    def is_eager(self) -> bool:
        return not infers_shapes()

    def is_array(self, value: Any) -> bool:
        return isinstance(value, self._torch.Tensor) and not value.is_meta

    def is_differentiable(self, value: Any) -> bool:
        return self.is_array(value) and bool(value.is_floating_point())

    def distinct(self, tensor: Any) -> Any:
        if not tensor.requires_grad and self._torch.is_grad_enabled():
            tensor = tensor.detach().requires_grad_()
        # A copy, because a tensor that autograd begins with must not be changed in place.
        fresh = tensor.clone()
        mask = getattr(tensor, "_keras_mask", None)
        if mask is not None:
            fresh._keras_mask = mask
        return fresh

    def tensor(self, array: Values) -> Any:
        return self._keras.ops.convert_to_tensor(array)

    def numpy(self, tensor: Any) -> Values:
        return np.asarray(self._keras.ops.convert_to_numpy(tensor))

    def when_known(self, tensors: Sequence[Any], receive: Callable[..., None]) -> None:
        receive(*map(self.numpy, tensors))

    def settle(self) -> None:
        pass

    def project(self, tensor: Any, weights: Values) -> Any:
        return (tensor.to(self._torch.float32) * self.tensor(weights)).sum()

    def keep(self, model: Any) -> Callable[[], None]:
        # The statistics of PyTorch's own layers; every layer of Keras is a module as well.
        buffers = [(each, each.clone()) for each in self._torch.nn.Module.buffers(model)]

        def restore() -> None:
            with self._torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)

        return restore

    def compile_options(self) -> dict[str, Any]:
        return {"run_eagerly": True, "jit_compile": False}

    def call_in_training(self, model: Any, inputs: Any) -> Any:
        return model(inputs, training=True)

    def added_losses(self, model: Any) -> list[Any]:
        return stored_losses(model)

    def gradients(
        self, loss_of: Callable[[], Any], variables: Sequence[Any], outputs: list[Any]
    ) -> tuple[Any, list[Any], list[Any]]:
        loss = loss_of()
        sources = [*(variable.value for variable in variables), *outputs]
        wanted = [source for source in sources if source.requires_grad]
        found: dict[int, Any] = {}
        # A loss that nothing leads to has no graph, and asking it for gradients raises.
        if wanted and getattr(loss, "requires_grad", False):
            gradients = self._torch.autograd.grad(loss, wanted, allow_unused=True)
            found = {id(source): gradient for source, gradient in zip(wanted, gradients)}
        arrays = [None if found.get(id(each)) is None else self.numpy(found[id(each)]) for each in sources]
        return loss, arrays[: len(variables)], arrays[len(variables) :]
