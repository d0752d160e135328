"""Which classes of a package a patch changes, told from the sources of both versions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Changed:
    """A class whose own lines differ.

    Attributes:
        name: "module:name", as Python calls it.
        untrained: The default of a method's `training` was True and no longer is, so that a plain call runs
            in another mode on purpose.
    """

    name: str
    untrained: bool


def changed_classes(original: Path, patched: Path, files: list[Path]) -> list[Changed]:
    """The changed classes in `files`, paths inside both folders."""
    found: list[Changed] = []
    for file in sorted(files):
        before, after = (classes(folder / file) for folder in (original, patched))
        module = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
        for name, (text, node) in after.items():
            old_text, old_node = before[name]
            if text != old_text:
                untrained = trains_by_default(old_node) - trains_by_default(node)
                found.append(Changed(f"{module}:{name}", bool(untrained)))
    return found


def classes(path: Path) -> dict[str, tuple[list[bytes], ast.ClassDef]]:
    """Every class of a file by its qualified name, with its lines; of several with one name the last."""
    source = path.read_bytes()
    lines = source.splitlines()

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, tuple[list[bytes], ast.ClassDef]]]:
        for child in ast.iter_child_nodes(node):
            inside = prefix
            if isinstance(child, ast.ClassDef):
                yield prefix + child.name, (lines[child.lineno - 1 : child.end_lineno], child)
                inside = f"{prefix}{child.name}."
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = f"{prefix}{child.name}.<locals>."
            yield from walk(child, inside)

    return dict(walk(ast.parse(source), ""))


def trains_by_default(node: ast.ClassDef) -> set[str]:
    """The methods whose `training` is True unless told otherwise."""
    found = set()
    for method in node.body:
        if isinstance(method, ast.FunctionDef):
            arguments = method.args
            positional = (*arguments.posonlyargs, *arguments.args)
            defaults = [
                *zip(reversed(positional), reversed(arguments.defaults), strict=False),
                *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
            ]
            if any(
                argument.arg == "training" and isinstance(default, ast.Constant) and default.value is True
                for argument, default in defaults
            ):
                found.add(method.name)
    return found
