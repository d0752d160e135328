"""Edits that bring the training flag where it is needed, in the author's own style."""

from __future__ import annotations

import ast

from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.scope import Function, named_parameters
from kerasfix.analysis.sites import FLAG, Site
from kerasfix.analysis.threads import Thread
from kerasfix.codemods.calls import add_keyword, name_arguments
from kerasfix.codemods.layout import fitting, indentation_below
from kerasfix.codemods.segment import edit_call, edit_signature
from kerasfix.codemods.signatures import add_parameter, set_default
from kerasfix.source import Edit, Source


def pass_flag(module: Module, site: Site) -> tuple[Edit, ...]:
    """Add `training=training` to a call."""
    return add_training(module.source, site.call, site.method.node, FLAG)


def add_training(source: Source, call: ast.Call, inside: Function | None, value: str) -> tuple[Edit, ...]:
    """Add `training=value` to a call that stands in the function `inside`."""
    text = source.segment(inside) if inside is not None else source.text
    first = call.args[0] if call.args else call
    return fitting(
        source,
        text,
        indentation_below(source, source.span(first)[0]),
        lambda layout: edit_call(source, call, lambda node: add_keyword(node, FLAG, value, layout)),
    )


def put_flag(module: Module, site: Site) -> tuple[Edit, ...]:
    """Write the flag in the place of the mode that a call is given."""
    assert site.value is not None
    start, end = module.source.span(site.value)
    return (Edit(start, end, FLAG),)


def name_flag(module: Module, site: Site, names: dict[int, str]) -> tuple[Edit, ...]:
    """Turn the positional arguments of a call at the given positions into keywords."""
    return edit_call(module.source, site.call, lambda node: name_arguments(node, names))


def default_to_none(module: Module, method: Method) -> tuple[Edit, ...]:
    """Make the flag of a method default to None."""
    optional = _optional_bool(module)
    return edit_signature(module.source, method.node, lambda node: set_default(node, FLAG, "None", optional))


def gain_flag(module: Module, method: Method) -> tuple[Edit, ...]:
    """Give a method the parameter `training=None`."""
    source = module.source
    annotation = _optional_bool(module) if _is_annotated(method) else None
    first = named_parameters(method.node)[:1]
    return fitting(
        source,
        source.segment(method.node),
        indentation_below(source, source.span(first[0])[0]) if first else "",
        lambda layout: edit_signature(
            source, method.node, lambda node: add_parameter(node, FLAG, "None", annotation, layout)
        ),
    )


def thread_edits(module: Module, thread: Thread, but: Site | None = None) -> tuple[Edit, ...]:
    """All edits of one thread, which belong together; those of the call `but` are left out."""
    edits = [edit for method in thread.gains for edit in gain_flag(module, method)]
    edits += [edit for site in thread.passes if site is not but for edit in pass_flag(module, site)]
    return tuple(sorted(set(edits)))


def _is_annotated(method: Method) -> bool:
    return any(argument.annotation is not None for argument in method.named)


def _optional_bool(module: Module) -> str:
    """`Optional[bool]` where the file writes types so, `bool | None` otherwise."""
    optional = ast.Name("Optional", ast.Load())
    return "Optional[bool]" if module.scope.dotted(optional) == "typing.Optional" else "bool | None"
