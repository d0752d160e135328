"""What the text of a project says about how one class is constructed and fed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

from kerasfix.source import Source, SourceError
from kerasfix.verify.hints import input_shapes
from kerasfix.verify.holders import Holder, holders_in
from kerasfix.verify.names import dotted_name
from kerasfix.verify.near import Near, modules_of
from kerasfix.verify.sites import construction_sites, examples_of

_ENOUGH_SITES = 16
_MOST_HOLDERS = 3
_MOST_CONFIGS = 3
_NO_CONFIGS = frozenset(
    ("Any", "Callable", "Optional", "Union", "List", "Dict", "Tuple", "Sequence", "Iterable")
)


class Evidence(TypedDict):
    """The parts of a job that come from reading.

    Attributes:
        hints: Shapes of inputs without batch.
        sites: See `sites.construction_sites`.
        holders: What else makes it and calls it, the likeliest to show what it is given first.
        configs: Classes that parameters of its constructor are annotated with -> where those are constructed.
    """

    hints: list[list[int]]
    sites: list[dict[str, Any]]
    holders: list[Holder]
    configs: dict[str, list[dict[str, Any]]]


def evidence_for(path: Path, text: str, class_name: str) -> Evidence:
    """What the class' file and, for its constructor, the files around it say.

    Args:
        path: The file of the class.
        text: What it says, or would say.
    """
    near = Near(path, text)
    sites = construction_sites(text, class_name)
    holders = holders_in(text, class_name, "")
    for place, other in near.calling(class_name, ""):
        sites += [site for site in construction_sites(other, class_name) if site not in sites]
        holders += holders_in(other, class_name, place)
    running, classes = _some(holders, runs=True), _some(holders, runs=False)
    for holder in (*running, *(classes if not running else ())):
        if holder["demands"] or not holder["runs"]:
            holder["holders"] = _holders_of(holder, class_name, near)
    return {
        "hints": _hints(text, class_name),
        "sites": sites[:_ENOUGH_SITES],
        "holders": [*running, *classes],
        "configs": dict(_configs(text, [class_name, *(each["name"] for each in classes)], near)),
    }


def _holders_of(holder: Holder, class_name: str, near: Near) -> list[Holder]:
    """What makes a class that makes the class in question, or calls a function that does."""
    name, place = holder["name"], holder["file"]
    found = holders_in(near.text(place), name, place)
    found += [each for other, text in near.calling(name, place) for each in holders_in(text, name, other)]
    found = [each for each in found if each["name"] != class_name]
    return _some(found, runs=True) + ([] if holder["runs"] else _some(found, runs=False))


def _configs(text: str, class_names: list[str], near: Near) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    try:
        tree = Source(text).tree
    except SourceError:
        return
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found = [name for each in class_names for name in _annotations(classes.get(each))]
    for name in list(dict.fromkeys(found))[:_MOST_CONFIGS]:
        texts = [text, *(other for _, other in near.calling(name, "", modules_of(tree, name)))]
        sites = [site for other in texts for site in construction_sites(other, name)]
        told = [site for site in sites if site["named"] or site["positional"]]
        if told:
            yield name, told[:_MOST_HOLDERS]


def _annotations(node: ast.ClassDef | None) -> Iterator[str]:
    """The classes that the parameters of a constructor are annotated with, as far as one name says it."""
    for argument in _parameters(node):
        name = dotted_name(argument.annotation) if argument.annotation else None
        last = (name or "").rpartition(".")[2]
        if last[:1].isupper() and name not in _NO_CONFIGS:
            yield last


def _some(holders: list[Holder], *, runs: bool) -> list[Holder]:
    return [each for each in holders if each["runs"] is runs][:_MOST_HOLDERS]


def companions_of(text: str, class_name: str, evidence: Evidence) -> list[str]:
    """Names of the class' module that its constructor may want.

    Those that construction sites mention, and classes that a parameter is called after: an `encoder` may be
    a `TransformerEncoder`.
    """
    try:
        tree = Source(text).tree
    except SourceError:
        return []
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    wanted = [each.arg.lower().replace("_", "") for each in _parameters(classes.get(class_name))]
    named = [name for site in evidence["sites"] for name in _mentioned(site)]
    called = [
        name
        for name in classes
        if name != class_name and any(name.lower().endswith(word) for word in wanted if len(word) > 3)
    ]
    return list(dict.fromkeys([*named, *called, *evidence["configs"]]))


def _parameters(node: ast.ClassDef | None) -> list[ast.arg]:
    for item in node.body if node else ():
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return [*item.args.args[1:], *item.args.kwonlyargs]
    return []


def _mentioned(value: Any) -> Iterator[str]:
    """The dotted names in a recipe."""
    if isinstance(value, dict):
        for key in ("$call", "$name"):
            if key in value:
                yield value[key]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _mentioned(item)


def _hints(text: str, class_name: str) -> list[list[int]]:
    """Shapes in the class' own examples before those of the file."""
    try:
        tree = Source(text).tree
    except SourceError:
        return []
    examples = [ast.unparse(part) for part in examples_of(tree, class_name)]
    shapes = [shape for example in examples for shape in input_shapes(example)]
    shapes += input_shapes(text)
    return [shape for index, shape in enumerate(shapes) if shape not in shapes[:index]]
