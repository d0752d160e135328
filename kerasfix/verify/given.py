"""What a model was constructed with and fed, as the worker writes it, for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasfix.verify.report import Argument, InputArray

Spec = Mapping[str, Any]


def inputs_of(spec: Spec | None) -> tuple[InputArray, ...]:
    """The inputs of a spec, each with its source as far as that was written."""
    if spec is None:
        return ()
    sources = spec.get("sources", {}).get("input") or [""] * len(spec["items"])
    return tuple(
        InputArray(tuple(item["shape"]), item["dtype"], item["name"], source)
        for item, source in zip(spec["items"], sources, strict=True)
    )


def arguments_of(spec: Spec | None) -> tuple[Argument, ...]:
    """The arguments of the constructor."""
    if spec is None:
        return ()
    sources = spec.get("sources", {}).get("init", {})
    return tuple(
        Argument(name, spelled(value), sources.get(name, "")) for name, value in spec.get("init", {}).items()
    )


def spelled(value: Any) -> str:
    """A value, with the objects that JSON cannot say, as Python would spell it."""
    if isinstance(value, list):
        return f"[{', '.join(map(spelled, value))}]"
    if not isinstance(value, dict):
        return repr(value)
    if "$name" in value:
        return str(value["$name"])
    if "$tuple" in value:
        items = ", ".join(map(spelled, value["$tuple"]))
        return f"({items},)" if len(value["$tuple"]) == 1 else f"({items})"
    if "$call" in value:
        named = [f"{name}={spelled(item)}" for name, item in value.get("named", {}).items()]
        return f"{value['$call']}({', '.join([*map(spelled, value.get('positional', ())), *named])})"
    if "$array" in value:
        return f"an array of {value['dtype']}"
    if "$keras" in value:
        return f"{value['$keras'].get('class_name', 'an object')}(…)"
    if "$settings" in value:
        return "an object that has every setting"
    return f"{{{', '.join(f'{name!r}: {spelled(item)}' for name, item in value.items())}}}"
