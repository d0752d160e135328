"""Keras on JAX.

Keras trains on JAX without side effects: `fit` calls the model by `stateless_call`, and so does a loop of
one's own. What runs under a gradient runs on tracers, whose numbers come later, see `Framework.when_known`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .dependence import dependent
from .frameworks import Values, infers_shapes, stored_losses


class Jax:
    """JAX, for Keras 3."""

    def __init__(self) -> None:
        self._jax: Any = importlib.import_module("jax")
        self._jnp: Any = importlib.import_module("jax.numpy")
        self._keras: Any = importlib.import_module("keras")
        # While gradients are taken: the values of the variables by identity, what is added to the outputs of
        # layers, what the call left in the variables that are not trained, and the losses that it added.
        self._values: dict[int, Any] | None = None
        self._added: Iterator[Any] | None = None
        self._updates: list[tuple[Any, Any]] = []
        self._losses: list[Any] = []

    def device(self) -> str:
        device = self._jax.devices()[0]
        return "CPU" if device.platform == "cpu" else str(device.device_kind)

    def version(self) -> str:
        return str(self._jax.__version__)

    def prepare(self, seed: int) -> None:
        # 10 bits of mantissa are too few to tell equal outputs from different ones.
        self._jax.config.update("jax_default_matmul_precision", "highest")
        if self.device() == "CPU":
            # Three steps cost less than what makes them faster.
            self._jax.config.update("jax_disable_most_optimizations", True)

    def is_eager(self) -> bool:
        return not infers_shapes()

    def is_array(self, value: Any) -> bool:
        return isinstance(value, self._jax.Array)

    def is_differentiable(self, value: Any) -> bool:
        return self.is_array(value) and bool(self._jnp.issubdtype(value.dtype, self._jnp.floating))

    def distinct(self, tensor: Any) -> Any:
        if self._added is None:
            return tensor
        try:
            fresh = tensor + next(self._added)
        except StopIteration:
            raise RuntimeError("the model calls more layers when it is called again") from None
        mask = getattr(tensor, "_keras_mask", None)
        if mask is not None:
            fresh._keras_mask = mask
        return fresh

    def tensor(self, array: Values) -> Any:
        return self._keras.ops.convert_to_tensor(array)

    def numpy(self, tensor: Any) -> Values:
        return np.asarray(self._keras.ops.convert_to_numpy(tensor))

    def when_known(self, tensors: Sequence[Any], receive: Callable[..., None]) -> None:
        if any(isinstance(tensor, self._jax.core.Tracer) for tensor in tensors):
            self._jax.debug.callback(lambda *values: receive(*map(np.asarray, values)), *tensors)
        else:
            receive(*map(self.numpy, tensors))

    def settle(self) -> None:
        self._jax.effects_barrier()

    def project(self, tensor: Any, weights: Values) -> Any:
        return self._jnp.sum(tensor.astype("float32") * weights)

    def keep(self, model: Any) -> Callable[[], None]:
        return lambda: None

    def compile_options(self) -> dict[str, Any]:
        # As people run it. A step is traced once, with flags that are Python values; without this every
        # operation of it would be compiled alone, which takes five times as long.
        return {"jit_compile": "auto"}

    def call_in_training(self, model: Any, inputs: Any) -> Any:
        values = self._values or {}
        flags = {"training": True} if getattr(model, "_call_has_training_arg", True) else {}
        # Weight decay would give a gradient to a layer that nothing reaches.
        model.__dict__["_get_regularization_losses"] = list
        outputs, state, self._losses = model.stateless_call(
            [values.get(id(variable), variable.value) for variable in model.trainable_variables],
            [variable.value for variable in model.non_trainable_variables],
            inputs,
            return_losses=True,
            **flags,
        )
        self._updates = list(zip(model.non_trainable_variables, state))
        return outputs

    def added_losses(self, model: Any) -> list[Any]:
        if self._values is not None:
            return self._losses
        # `fit` and `evaluate` keep them here while they compute the loss.
        return [*(getattr(model, "_losses_override", None) or []), *stored_losses(model)]

    def gradients(
        self, loss_of: Callable[[], Any], variables: Sequence[Any], outputs: list[Any]
    ) -> tuple[Any, list[Any], list[Any]]:
        """See `Framework.gradients`.

        The model is called twice: first to see how many tensors come out of its layers, then with a zero
        added to each of them, because JAX takes gradients with respect to arguments only.
        """

        def forward(values: list[Any], zeros: list[Any]) -> tuple[Any, list[Any]]:
            pairs = list(zip(variables, values))
            self._values = {id(variable): value for variable, value in pairs}
            self._added = iter(zeros) if zeros else None
            self._updates = []
            try:
                # For a call that does not go through `call_in_training`.
                with self._keras.StatelessScope(state_mapping=pairs):
                    loss = self._jnp.asarray(loss_of(), "float32")
            finally:
                self._values = self._added = None
            return loss, [new for _, new in self._updates]

        def backward(values: list[Any], zeros: list[Any], seed: Any) -> Any:
            loss, back, state = self._jax.vjp(forward, values, zeros, has_aux=True)
            return loss, back(seed), state

        values = [variable.value for variable in variables]
        self._jax.eval_shape(lambda values: forward(values, [])[0], values)
        zeros = [self._jnp.zeros(tensor.shape, tensor.dtype) for tensor in outputs]
        traced = self._jax.make_jaxpr(backward)(values, zeros, 1.0)
        del outputs[len(zeros) :]
        leaves = self._jax.tree_util.tree_leaves((values, zeros, 1.0))
        run = self._jax.jit(importlib.import_module("jax.extend.core").jaxpr_as_fun(traced))
        loss, *results = run(*leaves)
        # The last input is the gradient of the loss.
        flags = [False] * (len(leaves) - 1) + [True]
        exists = dependent(traced.jaxpr, flags)[1:]
        for (variable, _), new in zip(self._updates, results[len(values) + len(zeros) :]):
            variable.assign(new)
        found = [self.numpy(result) if there else None for result, there in zip(results, exists)]
        return loss, found[: len(values)], found[len(values) : len(values) + len(zeros)]
