"""Edits that give a parameter another name: where it stands, where it is used, where it is passed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerasfix.analysis.flag_names import occurrences
from kerasfix.analysis.index import Method
from kerasfix.analysis.renames import Renaming
from kerasfix.analysis.sites import FLAG
from kerasfix.codemods import CannotEdit
from kerasfix.source import Edit, Source

_COMMENT = re.compile(r"#[^\r\n]*")
_EQUALS = re.compile(r"\w+(\s*=\s*)")


def rename_edits(renaming: Renaming) -> tuple[Edit, ...]:
    """All edits of one renaming, which belong together.

    Raises:
        CannotEdit: if the name does not stand where Python says it does.
    """
    edits = [edit for method in renaming.methods for edit in _in_method(method, renaming.old)]
    for module, keyword in renaming.keywords:
        edits.append(_name(module.source, keyword, renaming.old))
    for module, call, names in renaming.positional:
        edits += name_arguments(module.source, call, names)
    return tuple(sorted(set(edits)))


def _in_method(method: Method, old: str) -> Iterator[Edit]:
    source = method.owner.module.source
    yield from (_name(source, argument, old) for argument in method.named if argument.arg == old)
    yield from (_name(source, node, old) for node in occurrences(method.node, old).names)
    yield from _in_docstring(source, method, old)


def _name(source: Source, node: ast.expr | ast.arg | ast.keyword, old: str) -> Edit:
    """The name that a node begins with becomes the flag's."""
    start, _ = source.span(node)
    end = start + len(old)
    before, after = source.text[start - 1 : start], source.text[end : end + 1]
    if source.text[start:end] != old or _is_part_of_word(before) or _is_part_of_word(after):
        # Before Python 3.12, what stands in an f-string is not always where the tree says.
        raise CannotEdit(f"`{old}` on line {node.lineno} is not found in its place")
    return Edit(start, end, FLAG, source.file)


def _is_part_of_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def name_arguments(source: Source, call: ast.Call, names: dict[int, str]) -> Iterator[Edit]:
    """Turn the positional arguments at the given positions, of which none is the first, into keywords.

    Their values are left as they are: they may be renamed in the same step.
    """
    equals = _equals(source, call)
    for position, name in names.items():
        start = _beginning(source, call, position)
        yield Edit(start, start, f"{name}{equals}", source.file)


def _beginning(source: Source, call: ast.Call, position: int) -> int:
    """Where an argument begins, brackets around it included."""
    _, behind = source.span(call.args[position - 1])
    start, _ = source.span(call.args[position])
    between = _COMMENT.sub(lambda match: " " * len(match[0]), source.text[behind:start])
    opening = between.find("(", between.index(","))
    return start if opening < 0 else behind + opening


def _equals(source: Source, call: ast.Call) -> str:
    """The author's spacing around `=`, taken from a keyword of this call; none without one."""
    for keyword in call.keywords:
        if keyword.arg is not None:
            match = _EQUALS.match(source.text, source.span(keyword)[0])
            if match is not None and "\n" not in match[1]:
                return match[1]
    return "="


def _in_docstring(source: Source, method: Method, old: str) -> Iterator[Edit]:
    """What the docstring of a method says of the parameter: its entry, and where it stands as code."""
    first = method.node.body[0]
    if not (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return
    start, end = source.span(first)
    entry = re.compile(
        rf"(?:(?<![^\r\n])[ \t]*[*-]?[ \t]*|:param[ \t]+(?:\w+[ \t]+)?|:type[ \t]+|`){re.escape(old)}"
        r"(?=[ \t]*(?:[:`=\r\n]|\(|\Z))"
    )
    for match in entry.finditer(source.text[start:end]):
        stop = start + match.end()
        yield Edit(stop - len(old), stop, FLAG, source.file)
