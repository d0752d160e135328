"""Small changes to a program, as people and merges make them: many give a program that is still Python.

All of them work on the text by the places that `ast` and `tokenize` name: the rest stays as it was written.
"""

from __future__ import annotations

import ast
import io
import random
import tokenize
from collections.abc import Callable, Iterator

from kerasfix.source import Edit, Source, SourceError, apply_edits
from tests.programs import is_python

Chance = random.Random
_WRAPPERS = (
    "if training:",
    "if x is not None:",
    "for i in range(2):",
    "while x:",
    "with tf.name_scope('a'):",
    "try:",
    "def inner():",
    "class Inner:",
    "async def inner():",
    "match x:",
)
_MARGINS = (" ", "  ", "\t", " \\\n ", "\f ")
_MARGINS_INSIDE = (*_MARGINS, "\n", "\n\n    ", "  # why\n", "  # noqa: KF103\n ", "\r\n")


def mutated(text: str, chance: Chance, times: int) -> str:
    """The text after some changes; those that would not leave a program are left out."""
    for _ in range(times):
        change = chance.choice(_CHANGES)
        try:
            new = change(Source(text), chance)
        except (SourceError, tokenize.TokenError, SyntaxError, IndexError, ValueError):
            continue
        if is_python(new):
            text = new
    return text


def smallest(text: str, is_wanted: Callable[[str], bool]) -> str:
    """A text with as few of the lines as can be that is wanted all the same."""
    lines = text.splitlines(keepends=True)
    size = len(lines) // 2
    while size:
        at = 0
        while at < len(lines):
            rest = lines[:at] + lines[at + size :]
            if is_wanted("".join(rest)):
                lines = rest
            else:
                at += size
        size //= 2
    return "".join(lines)


def _statements(source: Source) -> list[ast.stmt]:
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.stmt)]


def _blocks(source: Source) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(source.tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                yield block


def _one(source: Source, chance: Chance) -> tuple[int, int]:
    """The span of some statement."""
    return source.span(chance.choice(_statements(source)))


def _delete(source: Source, chance: Chance) -> str:
    block = chance.choice(list(_blocks(source)))
    start, end = source.span(chance.choice(block))
    return apply_edits(
        source.text, [Edit(start, end, "pass" if len(block) == 1 or chance.random() < 0.3 else "")]
    )


def _swap(source: Source, chance: Chance) -> str:
    block = chance.choice([each for each in _blocks(source) if len(each) > 1])
    at = chance.randrange(len(block) - 1)
    (start, end), (start2, end2) = source.span(block[at]), source.span(block[at + 1])
    one, other = source.text[start:end], source.text[start2:end2]
    return apply_edits(source.text, [Edit(start, end, other), Edit(start2, end2, one)])


def _duplicate(source: Source, chance: Chance) -> str:
    """A statement twice, or a whole method or class."""
    whole = [each for each in _statements(source) if isinstance(each, ast.FunctionDef | ast.ClassDef)]
    node = chance.choice(whole if whole and chance.random() < 0.5 else _statements(source))
    start, end = source.span(node)
    if chance.random() < 0.3:
        return apply_edits(source.text, [Edit(end, end, f"; {source.text[start:end]}")])
    first = source.line_starts[node.lineno - 1]
    return apply_edits(source.text, [Edit(first, first, source.text[first:end] + source.newline)])


def _rename(source: Source, chance: Chance) -> str:
    """Another name for one name, there or wherever it stands."""
    names = _tokens(source, lambda token: token.type == tokenize.NAME and token.string.isidentifier())
    start, end = chance.choice(names)
    old = source.text[start:end]
    if chance.random() < 0.3:
        new = chance.choice(
            [
                "größe",
                "training",
                "call",
                "self",
                "x",
                "_",
                "keras",
                "K",
                "layers",
                "\N{MATHEMATICAL BOLD SMALL X}",
            ]
        )
    else:
        new = source.text[slice(*chance.choice(names))]
    everywhere = chance.random() < 0.4
    spans = [(a, b) for a, b in names if source.text[a:b] == old] if everywhere else [(start, end)]
    return apply_edits(source.text, [Edit(a, b, new) for a, b in spans])


def _indent(source: Source, chance: Chance) -> str:
    """Another indent, everywhere."""
    unit = chance.choice([" ", "  ", "\t", "      ", "        ", "    "])
    depth, edits = 0, []
    tokens = list(
        tokenize.generate_tokens(io.StringIO(source.text.replace("\r\n", "\n"), newline="").readline)
    )
    if "\r" in source.text:
        raise IndexError
    fresh = True
    for token in tokens:
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            depth += 1 if token.type == tokenize.INDENT else -1
        elif token.type in (tokenize.NEWLINE, tokenize.NL):
            fresh = fresh or token.type == tokenize.NEWLINE
        elif fresh and token.type not in (tokenize.COMMENT, tokenize.ENDMARKER):
            fresh = False
            start = source.line_starts[token.start[0] - 1]
            edits.append(Edit(start, start + token.start[1], unit * depth))
    return apply_edits(source.text, edits)


def _wrap(source: Source, chance: Chance) -> str:
    """Some statements of a block inside of another one."""
    block = chance.choice(list(_blocks(source)))
    first = chance.randrange(len(block))
    last = min(first + chance.randint(0, 2), len(block) - 1)
    decorators = getattr(block[first], "decorator_list", [])
    number = min([block[first].lineno, *(each.lineno for each in decorators)])
    start, (_, end) = source.line_starts[number - 1], source.span(block[last])
    head = source.text[start : source.offset(block[first].lineno, block[first].col_offset)]
    indent = head[: len(head) - len(head.lstrip(" \t\f"))]
    newline, wrapper = source.newline, chance.choice(_WRAPPERS)
    lines = source.text[start:end].split("\n")
    inner = "\n".join("  " + line if line.strip() else line for line in lines)
    opening = [wrapper]
    if wrapper.startswith("match"):
        opening.append(" case [x, *_]:")
    end_of_it = f"{newline}{indent}except Exception:{newline}{indent} pass" if wrapper == "try:" else ""
    new = "".join(f"{indent}{each}{newline}" for each in opening) + inner + end_of_it
    return apply_edits(source.text, [Edit(start, end, new)])


def _drop_argument(source: Source, chance: Chance) -> str:
    calls = [
        node for node in ast.walk(source.tree) if isinstance(node, ast.Call) and (node.args or node.keywords)
    ]
    call = chance.choice(calls)
    given = [*call.args, *(each.value for each in call.keywords)]
    names = [""] * len(call.args) + [f"{each.arg}=" if each.arg else "**" for each in call.keywords]
    kept = [f"{name}{source.segment(each)}" for name, each in zip(names, given, strict=True)]
    del kept[chance.randrange(len(kept))]
    _, function = source.span(call.func)
    _, end = source.span(call)
    return apply_edits(source.text, [Edit(function, end, f"({', '.join(kept)})")])


def _drop_parameter(source: Source, chance: Chance) -> str:
    given = [node for node in ast.walk(source.tree) if isinstance(node, ast.arg)]
    start, end = source.span(chance.choice(given))
    rest = source.text[end:]
    return source.text[:start] + (rest.lstrip(" ,") if rest.startswith(",") else rest)


def _space(source: Source, chance: Chance) -> str:
    """Spaces, comments and lines that go on, between tokens where Python takes them."""
    inside: list[bool] = []
    places: list[tuple[int, bool]] = []
    for token in _all(source):
        at = source.line_starts[token.start[0] - 1] + token.start[1]
        if token.type in (tokenize.OP, tokenize.NAME, tokenize.NUMBER):
            places.append((at, bool(inside)))
        if token.type == tokenize.OP and token.string in "([{":
            inside.append(True)
        elif token.type == tokenize.OP and token.string in ")]}" and inside:
            inside.pop()
    edits = {}
    for _ in range(chance.randint(1, 6)):
        at, is_inside = chance.choice(places)
        edits[at] = Edit(at, at, chance.choice(_MARGINS_INSIDE if is_inside else _MARGINS))
    return apply_edits(source.text, edits.values())


def _join(source: Source, chance: Chance) -> str:
    """Two statements on one line."""
    block = chance.choice([each for each in _blocks(source) if len(each) > 1])
    at = chance.randrange(len(block) - 1)
    (_, end), (start, _) = source.span(block[at]), source.span(block[at + 1])
    return apply_edits(source.text, [Edit(end, start, chance.choice(["; ", ";", " ;"]))])


def _comment(source: Source, chance: Chance) -> str:
    _, end = _one(source, chance)
    comment = chance.choice(
        ["# noqa", "# noqa: KF1", "# kerasfix: ignore[KF103,KF201] ä", "# x", "#noqa:KF205 , KF9"]
    )
    return apply_edits(source.text, [Edit(end, end, f"  {comment}{source.newline}")])


def _replace_expression(source: Source, chance: Chance) -> str:
    """One expression in the place of another."""
    found = [node for node in ast.walk(source.tree) if isinstance(node, ast.expr) and hasattr(node, "lineno")]
    new = source.segment(chance.choice(found))
    start, end = source.span(chance.choice(found))
    return source.text[:start] + (f"({new})" if chance.random() < 0.5 else new) + source.text[end:]


def _line(source: Source, chance: Chance) -> str:
    """A line that is deleted, twice there, or somewhere else."""
    lines = source.text.split("\n")
    at = chance.randrange(len(lines))
    kind = chance.randrange(3)
    line = lines[at] if kind == 1 else lines.pop(at)
    if kind:
        lines.insert(chance.randrange(len(lines) + 1), line)
    return "\n".join(lines)


def _end(source: Source, chance: Chance) -> str:
    return source.text.rstrip() + chance.choice(["", "\\\n", " ", "\n\n\n", "\f", "\n    # end", "\n# noqa"])


def _all(source: Source) -> list[tokenize.TokenInfo]:
    if "\r" in source.text or "\f" in source.text:
        # Their places are not those of the text.
        raise IndexError
    return list(tokenize.generate_tokens(io.StringIO(source.text).readline))


def _tokens(source: Source, wanted: Callable[[tokenize.TokenInfo], bool]) -> list[tuple[int, int]]:
    def offset(place: tuple[int, int]) -> int:
        return source.line_starts[place[0] - 1] + place[1]

    return [(offset(each.start), offset(each.end)) for each in _all(source) if wanted(each)]


_CHANGES = (
    _delete,
    _swap,
    _duplicate,
    _rename,
    _rename,
    _indent,
    _wrap,
    _wrap,
    _drop_argument,
    _drop_parameter,
    _space,
    _join,
    _comment,
    _replace_expression,
    _replace_expression,
    _line,
    _end,
)
