"""Gradients that JAX fills with zeros, told from gradients that are zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kerasfix.verify.worker.dependence import dependent

jax = pytest.importorskip("jax")
jnp = jax.numpy
lax = jax.lax


def exists(function: Callable[..., Any], *values: Any) -> list[bool]:
    """For each argument, whether it has a gradient."""

    def backward(values: Any, seed: Any) -> Any:
        return jax.vjp(lambda *each: jnp.sum(function(*each)), *values)[1](seed)

    traced = jax.make_jaxpr(backward)(values, 1.0)
    return dependent(traced.jaxpr, [False] * len(values) + [True])


X = jnp.arange(6.0).reshape(2, 3)


def test_zeros_that_are_computed_are_gradients() -> None:
    assert exists(lambda a, b: jax.nn.relu(-jnp.abs(a) - 1) + 0 * b, X, X) == [True, True]


def test_what_is_cut_off_has_none() -> None:
    def function(a: Any, b: Any, c: Any) -> Any:
        return lax.stop_gradient(a) + jnp.round(b) + jnp.argmax(c)

    assert exists(function, X, X, X) == [False, False, False]


def test_what_is_not_used_has_none() -> None:
    # The gradient of a sum is a constant, and exists all the same.
    assert exists(lambda a, b: a, X, X) == [True, False]


def test_compiled_functions_are_looked_into() -> None:
    inner = jax.jit(lambda a, b: (a * 2, lax.stop_gradient(b)))
    assert exists(lambda a, b: sum(inner(a, b)), X, X) == [True, False]


def test_loops_carry_from_round_to_round() -> None:
    def function(a: Any, b: Any, c: Any) -> Any:
        def body(carry: Any, x: Any) -> Any:
            _, second, third = carry
            # It takes two rounds until `b` reaches the first of the carried values.
            return (second, third, b + x), lax.stop_gradient(c * x)

        (first, _, _), rows = lax.scan(body, (a, a, a), X)
        return first + rows.sum()

    row = X[0]
    assert exists(function, row, row, row) == [True, True, False]


def test_branches_count_together() -> None:
    def function(a: Any, b: Any, c: Any) -> Any:
        ways = (lambda a, b, c: a, lambda a, b, c: b)
        return lax.switch(jnp.argmax(c[0]), ways, a, b, c)

    assert exists(function, X, X, X) == [True, True, False]


def test_loops_of_unknown_length_are_not_looked_into() -> None:
    def forward(a: Any, b: Any) -> Any:
        def body(state: Any) -> Any:
            return state[0] + 1, state[1] * 2

        return lax.while_loop(lambda state: state[0].sum() < 9, body, (a, b))

    traced = jax.make_jaxpr(forward)(X, X)
    assert dependent(traced.jaxpr, [True, False]) == [True, True]
