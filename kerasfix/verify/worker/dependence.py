"""Which results of a traced JAX computation depend on one of its inputs.

JAX fills a gradient that does not exist with zeros, so that no number tells it from a gradient that happens
to be zero. The computation does: a gradient exists if it is computed from the gradient of the loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


def dependent(jaxpr: Any, sources: Sequence[bool]) -> list[bool]:
    """For each result of `jaxpr`, whether it is computed from one of the inputs that `sources` marks.

    Where a part of the computation cannot be looked into, all of its results depend on all of its inputs.
    """
    marked = {variable for variable, is_source in zip(jaxpr.invars, sources) if is_source}

    def is_marked(atom: Any) -> bool:
        # A literal stands for itself and cannot be looked up.
        return not hasattr(atom, "val") and atom in marked

    for equation in jaxpr.eqns:
        flags = [is_marked(atom) for atom in equation.invars]
        if any(flags):
            results = zip(equation.outvars, _through(equation, flags))
            marked |= {variable for variable, depends in results if depends}
    return [is_marked(atom) for atom in jaxpr.outvars]


def _through(equation: Any, flags: list[bool]) -> list[bool]:
    """The same for the results of one equation, some of whose inputs depend on the sources."""
    everything = [True] * len(equation.outvars)
    name, params = equation.primitive.name, equation.params
    if name == "scan" and {"jaxpr", "num_consts", "num_carry"} <= set(params):
        return _through_scan(params, flags)
    if name == "cond" and "branches" in params:
        branches = [dependent(_open(branch), flags[1:]) for branch in params["branches"]]
        return everything if flags[0] else [any(ways) for ways in zip(*branches)]
    inner = next((_open(params[key]) for key in _INNER if key in params), None)
    if inner is None or name == "while":
        return everything
    if (len(inner.invars), len(inner.outvars)) != (len(flags), len(equation.outvars)):
        return everything
    return dependent(inner, flags)


def _through_scan(params: Any, flags: list[bool]) -> list[bool]:
    """What a round leaves in the carried values is the next one's input: repeated until nothing changes."""
    first, count = params["num_consts"], params["num_carry"]
    while True:
        results = dependent(_open(params["jaxpr"]), flags)
        carried = [old or new for old, new in zip(flags[first : first + count], results[:count])]
        if carried == flags[first : first + count]:
            return results
        flags = [*flags[:first], *carried, *flags[first + count :]]


def _open(jaxpr: Any) -> Any:
    """Without the constants that a closed one carries."""
    return getattr(jaxpr, "jaxpr", jaxpr)
