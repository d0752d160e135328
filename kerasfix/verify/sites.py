"""Places where a class is constructed, with the arguments that can be known without running anything.

Values are written as JSON, with three forms for what JSON lacks: `{"$tuple": [...]}`, `{"$name": "a.b"}` for
a class or function that the text only mentions, and `{"$call": "a.B", "positional": [...], "named": {...}}`.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from kerasfix.source import Source, SourceError
from kerasfix.verify.names import dotted_name

_MOST_SITES = 12
_FENCE = re.compile(r"```[\w ]*\n(.*?)```", re.DOTALL)
_LIBRARIES = ("keras", "tf", "tensorflow", "layers", "activations", "ops", "np")
_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.) ?", re.MULTILINE)
_OPERATORS: Mapping[type[ast.operator], Any] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
}

FunctionNode = (ast.FunctionDef, ast.AsyncFunctionDef)


# Has no value.
_NOTHING = ast.Name(id="", ctx=ast.Load())


class Unknown(Exception):
    """A value that only running the program would give."""


def construction_sites(text: str, class_name: str) -> list[dict[str, Any]]:
    """The calls of `class_name` in a module and in the examples of its docstrings, the fullest first.

    Returns:
        For each call "positional" (a list; None for an unknown value), "named" and "unknown" (names).

    >>> construction_sites("N = 4\\nnet = Net(N, rate=0.5, size=f())\\n", "Net")
    [{'positional': [{'value': 4}], 'named': {'rate': 0.5}, 'unknown': ['size']}]
    """
    try:
        tree = Source(text).tree
    except SourceError:
        return []
    found: list[dict[str, Any]] = []
    for part in [*_examples(tree, class_name), tree]:
        for site in _sites_in(part, class_name):
            if site not in found:
                found.append(site)
    found.sort(key=lambda site: len(site["unknown"]) + site["positional"].count(None))
    return found[:_MOST_SITES]


def examples_of(tree: ast.Module, class_name: str) -> list[ast.Module]:
    """The programs in the docstring of a class."""
    return [part for node in _classes(tree, class_name) for part in _programs(ast.get_docstring(node) or "")]


def _classes(tree: ast.Module, class_name: str) -> list[ast.ClassDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == class_name]


def _examples(tree: ast.Module, class_name: str) -> list[ast.Module]:
    found = examples_of(tree, class_name)
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, *FunctionNode, ast.Module)):
            docstring = ast.get_docstring(node) or ""
            if class_name in docstring and getattr(node, "name", "") != class_name:
                found += _programs(docstring)
    return found


def _programs(docstring: str) -> Iterator[ast.Module]:
    """Fenced blocks, indented ones after a colon, and the lines after prompts, that are Python."""
    blocks = [*_FENCE.findall(docstring), *_indented(docstring)]
    prompted = [line for line in docstring.splitlines() if _PROMPT.match(line)]
    if prompted:
        blocks.append("\n".join(_PROMPT.sub("", line) for line in prompted))
    for block in blocks:
        with contextlib.suppress(SyntaxError):
            yield ast.parse(textwrap.dedent(block))


def _indented(docstring: str) -> Iterator[str]:
    """The blocks that begin after a line that ends in a colon, as reStructuredText has it."""
    lines = docstring.splitlines()
    for index, line in enumerate(lines):
        if line.rstrip().endswith(":"):
            block = _deeper(lines[index + 1 :], _margin(line))
            if any("(" in each for each in block) and not any(_PROMPT.match(each) for each in block):
                yield "\n".join(block)


def _deeper(lines: list[str], margin: int) -> list[str]:
    return list(itertools.takewhile(lambda line: not line.strip() or _margin(line) > margin, lines))


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())


def _sites_in(tree: ast.Module, class_name: str) -> Iterator[dict[str, Any]]:
    yield from _visit(tree, class_name, _assigned(tree.body))


def _visit(node: ast.AST, class_name: str, known: dict[str, ast.expr]) -> Iterator[dict[str, Any]]:
    if isinstance(node, ast.ClassDef):
        known = {**known, **_attributes(node)}
    elif isinstance(node, FunctionNode):
        known = {**known, **_defaults(node), **_assigned(node.body)}
    elif isinstance(node, ast.Call) and (dotted_name(node.func) or "").rpartition(".")[2] == class_name:
        yield _site(node, known)
    for child in ast.iter_child_nodes(node):
        yield from _visit(child, class_name, known)


def _site(node: ast.Call, known: Mapping[str, ast.expr]) -> dict[str, Any]:
    positional: list[dict[str, Any] | None] = []
    named: dict[str, Any] = {}
    unknown: list[str] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            break
        try:
            positional.append({"value": evaluate(argument, known)})
        except Unknown:
            positional.append(None)
    for keyword in node.keywords:
        if keyword.arg is None:
            continue
        try:
            named[keyword.arg] = evaluate(keyword.value, known)
        except Unknown:
            unknown.append(keyword.arg)
    return {"positional": positional, "named": named, "unknown": unknown}


def _assigned(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """Names that are bound once, at the top of a body, to the expression."""
    values: dict[str, ast.expr] = {}
    twice = set()
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            twice |= {name} & set(values)
            values[name] = statement.value
    # Unknown, not unheard of: a name of the module must not be taken for a local one.
    return {**values, **dict.fromkeys(twice, _NOTHING)}


def _defaults(node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, ast.expr]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = list(
        zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    )
    pairs += [
        (argument, default)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    ]
    return {
        **{argument.arg: _NOTHING for argument in [*positional, *arguments.kwonlyargs]},
        **{argument.arg: default for argument, default in pairs},
    }


def _attributes(node: ast.ClassDef) -> dict[str, ast.expr]:
    """`self.units` where the constructor says `self.units = units` and `units` has a default."""
    init = next(
        (item for item in node.body if isinstance(item, FunctionNode) and item.name == "__init__"), None
    )
    if init is None:
        return {}
    defaults = _defaults(init)
    found: dict[str, ast.expr] = {}
    for statement in init.body:
        if isinstance(statement, ast.Assign):
            target = dotted_name(statement.targets[0]) or ""
            value = statement.value
            if isinstance(value, ast.Name):
                value = defaults.get(value.id, value)
            if target.startswith("self."):
                found[target] = value
    return found


def evaluate(node: ast.expr, known: Mapping[str, ast.expr], depth: int = 0) -> Any:
    """The value of an expression as JSON, see the module.

    Raises:
        Unknown: if it cannot be known.
    """
    if depth > 8:
        raise Unknown
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str, bool, type(None))):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List)):
        items = [evaluate(item, known, depth + 1) for item in node.elts]
        return {"$tuple": items} if isinstance(node, ast.Tuple) else items
    if isinstance(node, ast.Dict):
        return _dict(node, known, depth)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand, known, depth)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        try:
            left, right = _number(node.left, known, depth), _number(node.right, known, depth)
            return _OPERATORS[type(node.op)](left, right)
        except (ArithmeticError, ValueError):
            raise Unknown from None
    if isinstance(node, ast.Call):
        return _call(node, known, depth)
    return _named(node, known, depth)


def _dict(node: ast.Dict, known: Mapping[str, ast.expr], depth: int) -> dict[str, Any]:
    result = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise Unknown
        result[key.value] = evaluate(value, known, depth + 1)
    return result


def _number(node: ast.expr, known: Mapping[str, ast.expr], depth: int) -> Any:
    value = evaluate(node, known, depth + 1)
    if not isinstance(value, (int, float)):
        raise Unknown
    return value


def _call(node: ast.Call, known: Mapping[str, ast.expr], depth: int) -> dict[str, Any]:
    name = dotted_name(node.func)
    last = (name or "").rpartition(".")[2]
    if name is None or name.startswith("self.") or any(isinstance(item, ast.Starred) for item in node.args):
        raise Unknown
    if not last[:1].isupper() or any(keyword.arg is None for keyword in node.keywords):
        raise Unknown
    return {
        "$call": name,
        "positional": [evaluate(item, known, depth + 1) for item in node.args],
        "named": {item.arg: evaluate(item.value, known, depth + 1) for item in node.keywords if item.arg},
    }


def _named(node: ast.expr, known: Mapping[str, ast.expr], depth: int) -> Any:
    name = dotted_name(node) or ""
    if name in known:
        return evaluate(known[name], known, depth + 1)
    root, _, rest = (name or "").partition(".")
    last = rest.rpartition(".")[2] or root
    # A class is spelled so, a constant is not.
    if (last[:1].isupper() and not last.isupper()) or (rest and root in _LIBRARIES):
        return {"$name": name}
    raise Unknown
