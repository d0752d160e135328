"""What the text of a project says about how one class is constructed and fed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

from kerasfix.source import Source, SourceError
from kerasfix.syntax import of_kind
from kerasfix.verify.hints import input_shapes
from kerasfix.verify.holders import Holder, holders_in
from kerasfix.verify.names import dotted_name
from kerasfix.verify.sites import construction_sites, examples_of

_MOST_FILES = 3000
_MOST_TEXTS = 12
_LARGEST_FILE = 400_000
_ENOUGH_SITES = 16
_MOST_HOLDERS = 3
_MOST_CONFIGS = 3
_NO_CONFIGS = frozenset(
    ("Any", "Callable", "Optional", "Union", "List", "Dict", "Tuple", "Sequence", "Iterable")
)
# Beside a package.
_TESTS = ("tests", "test")


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
    sites = construction_sites(text, class_name)
    holders = holders_in(text, class_name, "")
    texts = {"": text}
    for file, other in _others(path, class_name):
        texts[str(file)] = other
        sites += [site for site in construction_sites(other, class_name) if site not in sites]
        holders += holders_in(other, class_name, str(file))
    running, classes = _some(holders, runs=True), _some(holders, runs=False)
    for holder in (*running, *(classes if not running else ())):
        if holder["runs"] and not holder["demands"]:
            continue
        own = holder["file"]
        within = holders_in(texts[own], holder["name"], own)
        for file, other in _others(Path(own) if own else path, holder["name"]):
            within += holders_in(other, holder["name"], str(file) if file != path.absolute() else "")
        within = [each for each in within if each["name"] != class_name]
        holder["holders"] = _some(within, runs=True)
        if not holder["runs"]:
            holder["holders"] += _some(within, runs=False)
    return {
        "hints": _hints(text, class_name),
        "sites": sites[:_ENOUGH_SITES],
        "holders": [*running, *classes],
        "configs": dict(_configs(path, text, [class_name, *(each["name"] for each in classes)])),
    }


def _configs(path: Path, text: str, class_names: list[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    try:
        classes = {node.name: node for node in Source(text).tree.body if isinstance(node, ast.ClassDef)}
    except SourceError:
        return
    found = [name for each in class_names for name in _annotations(classes.get(each)) if name not in classes]
    own = [name for each in class_names for name in _annotations(classes.get(each)) if name in classes]
    for name in list(dict.fromkeys([*own, *found]))[:_MOST_CONFIGS]:
        texts = [text, *(other for _, other in _others(path, name))]
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


def _others(path: Path, class_name: str) -> Iterator[tuple[Path, str]]:
    """Other files of the package, or of the folder, that construct the class."""
    found = 0
    for file in files_near(path.absolute()):
        if file == path.absolute() or found == _MOST_TEXTS:
            continue
        try:
            if file.stat().st_size > _LARGEST_FILE:
                continue
            text = file.read_text("utf-8")
        except (OSError, ValueError):
            continue
        if f"{class_name}(" in text and _speaks_of(text, class_name, path):
            found += 1
            yield file, text


def _speaks_of(text: str, class_name: str, path: Path) -> bool:
    """Whether the class that a text names may be the one of a file, and not another of the same name."""
    try:
        tree = Source(text).tree
    except SourceError:
        return False
    if any(isinstance(node, ast.ClassDef) and node.name == class_name for node in tree.body):
        return False
    own = {path.stem, *(folder.name for folder in path.parents)}
    for node in of_kind(tree, ast.ImportFrom):
        if any(class_name in (each.name, each.asname) for each in node.names):
            module = (node.module or "").rpartition(".")[2]
            return not module or module in own
    # By an attribute of something, or by a star.
    return True


def files_near(path: Path) -> list[Path]:
    """The other files of the package, or of the folder, the nearest first."""
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    tests = [file for name in _TESTS for file in sorted((folder / name).rglob("test*.py"))]
    if folder == path.parent:
        return [*sorted(folder.glob("*.py")), *tests][:_MOST_FILES]
    # The folder above the package may hold anything: only the package itself is read.
    package = folder / path.relative_to(folder).parts[0]
    files = sorted(package.rglob("*.py"))[:_MOST_FILES]
    return [*sorted(files, key=lambda file: file.parent != path.parent), *tests]
