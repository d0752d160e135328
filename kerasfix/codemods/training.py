"""Edits that bring the training flag where it is needed, in the author's own style."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.scope import Function, named_parameters
from kerasfix.analysis.sites import FLAG, Site
from kerasfix.analysis.thread import Thread
from kerasfix.codemods.blocks import Block, break_call, break_signature
from kerasfix.codemods.calls import add_keyword, name_arguments
from kerasfix.codemods.layout import Layout, fitting, indentation_below
from kerasfix.codemods.segment import edit_call, edit_signature
from kerasfix.codemods.signatures import add_parameter, set_default
from kerasfix.source import Edit, Source
from kerasfix.syntax import walk

if TYPE_CHECKING:
    import libcst as cst


def pass_flag(site: Site) -> tuple[Edit, ...]:
    """Add `training=training` to a call."""
    return add_training(site.method.owner.module.source, site.call, site.method.node, FLAG)


def add_training(source: Source, call: ast.Call, inside: Function | None, value: str) -> tuple[Edit, ...]:
    """Add `training=value` to a call that stands in the function `inside`."""
    text = source.segment(inside) if inside is not None else source.text
    first = call.args[0] if call.args else call

    def make_block(exploded: bool) -> tuple[Edit, ...]:
        assert inside is not None
        outer, unit = _indentation(source, call.lineno), _unit(source, inside)
        block = Block(outer, outer + unit, exploded)
        one_line = Layout(", ")
        return edit_call(
            source, call, lambda node: break_call(add_keyword(node, FLAG, value, one_line), block)
        )

    return fitting(
        source,
        text,
        indentation_below(source, source.span(first)[0]),
        lambda layout: edit_call(source, call, lambda node: add_keyword(node, FLAG, value, layout)),
        make_block if inside is not None and _ends_one_line(source, call) else None,
    )


def replace_flag(site: Site, value: str) -> tuple[Edit, ...]:
    """Give a call another value of the flag than the one that it is given."""
    assert site.value is not None
    return replace_value(site.method.owner.module.source, site.value, value)


def replace_value(source: Source, node: ast.expr, value: str) -> tuple[Edit, ...]:
    """Put another value in the place of an expression."""
    start, end = source.span(node)
    return (Edit(start, end, value, source.file),)


def name_flag(site: Site, names: dict[int, str]) -> tuple[Edit, ...]:
    """Turn the positional arguments of a call at the given positions into keywords."""
    return edit_call(site.method.owner.module.source, site.call, lambda node: name_arguments(node, names))


def default_to_none(method: Method, also: Sequence[str] = ()) -> tuple[Edit, ...]:
    """Make the flag of a method default to None, and the parameters `also` behind it."""
    module = method.owner.module
    optional = _optional_bool(module)

    def change(node: cst.FunctionDef) -> cst.FunctionDef:
        # The last one first: there is no time at which one without a default stands behind one with.
        for name in (*reversed(also), FLAG):
            node = set_default(node, name, "None", optional)
        return node

    return edit_signature(module.source, method.node, change)


def gain_flag(method: Method, default: str = "None") -> tuple[Edit, ...]:
    """Give a method the parameter `training`, with None for its default or with another one."""
    annotation = _optional_bool(method.owner.module) if _is_annotated(method.named) else None
    return _gain(method.owner.module.source, method.node, default, annotation)


def gain_mode(source: Source, function: Function) -> tuple[Edit, ...]:
    """Give a function the parameter `training=False`: who calls it says when it is to train."""
    annotation = "bool" if _is_annotated(named_parameters(function)) else None
    return _gain(source, function, "False", annotation)


def _gain(source: Source, function: Function, default: str, annotation: str | None) -> tuple[Edit, ...]:
    first = named_parameters(function)[:1]

    def make_block(exploded: bool) -> tuple[Edit, ...]:
        outer = _indentation(source, function.lineno)
        block = Block(outer, outer + _unit(source, function), exploded)

        def change(node: cst.FunctionDef) -> cst.FunctionDef:
            longer = add_parameter(node, FLAG, default, annotation, Layout(", "))
            return break_signature(longer, block) or node

        return edit_signature(source, function, change)

    return fitting(
        source,
        source.segment(function),
        indentation_below(source, source.span(first[0])[0]) if first else "",
        lambda layout: edit_signature(
            source, function, lambda node: add_parameter(node, FLAG, default, annotation, layout)
        ),
        make_block if _has_one_line(source, function) else None,
    )


def thread_edits(thread: Thread, but: Site | None = None) -> tuple[Edit, ...]:
    """All edits of one thread, which belong together; those of the call `but` are left out."""
    edits = [edit for method in thread.gains for edit in gain_flag(method)]
    edits += [edit for site in thread.passes if site is not but for edit in pass_flag(site)]
    return tuple(sorted(set(edits)))


def _ends_one_line(source: Source, call: ast.Call) -> bool:
    """Whether a call stands on one line, at its end, and holds no other call that may be edited too."""
    if call.lineno != call.end_lineno or call.end_lineno is None:
        return False
    rest = source.line(call.end_lineno)[source.position(source.span(call)[1]).column - 1 :]
    inner = (node for argument in (*call.args, *call.keywords) for node in walk(argument))
    return not rest.strip() and not any(isinstance(node, ast.Call) for node in inner)


def _has_one_line(source: Source, function: Function) -> bool:
    """Whether the signature of a function stands on one line, with nothing behind it."""
    line = source.line(function.lineno).rstrip()
    return (
        line.endswith(":")
        and function.body[0].lineno > function.lineno
        and line.count("(") == line.count(")")
    )


def _indentation(source: Source, number: int) -> str:
    line = source.line(number)
    return line[: len(line) - len(line.lstrip())]


def _unit(source: Source, function: Function) -> str:
    """The white space by which the body of a function is indented."""
    outer = _indentation(source, function.lineno)
    return _indentation(source, function.body[0].lineno)[len(outer) :]


def _is_annotated(arguments: Sequence[ast.arg]) -> bool:
    return any(argument.annotation is not None for argument in arguments)


def _optional_bool(module: Module) -> str:
    """`Optional[bool]` where the file writes types so, `bool | None` otherwise."""
    optional = ast.Name("Optional", ast.Load())
    return "Optional[bool]" if module.scope.dotted(optional) == "typing.Optional" else "bool | None"
