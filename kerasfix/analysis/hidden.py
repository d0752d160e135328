"""A training flag that is looked for in `**kwargs`."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from kerasfix.analysis.index import Method
from kerasfix.analysis.sites import FLAG
from kerasfix.syntax import walk


@dataclass(frozen=True, slots=True)
class Reading:
    """One read of the flag.

    Attributes:
        node: `kwargs.get("training")`, `kwargs["training"]` and their like.
        statement: The statement, where it only gives the flag the name `training`.
    """

    node: ast.expr
    statement: ast.Assign | None = None


@dataclass(slots=True)
class Readings:
    """The reads of the flag from the `**kwargs` of a method.

    Attributes:
        name: What the method calls its `**kwargs`.
        is_off: Whether a read falls back to False, so that the rest of the method may not expect None.
        reads: In the order of the source.
        blockers: Why the signature cannot simply name the flag.
    """

    name: str = ""
    is_off: bool = False
    reads: list[Reading] = field(default_factory=list)
    blockers: list[str] = field(default_factory=list)


def readings(method: Method) -> Readings:
    """Where a method looks for the flag in its `**kwargs`."""
    keywords = method.node.args.kwarg
    if keywords is None:
        return Readings()
    found = Readings(keywords.arg)
    known: set[ast.AST] = set()
    for node in (each for statement in method.node.body for each in walk(statement)):
        if isinstance(node, ast.Assign) and _names_the_flag(node) and _is_read(node.value, found.name):
            found.reads.append(Reading(node.value, node))
            known.add(node.value)
        elif isinstance(node, ast.expr) and node not in known and _is_read(node, found.name):
            found.reads.append(Reading(node))
            known.add(node)
    found.is_off = any(_falls_back(read.node) for read in found.reads)
    inside = {name for node in known for name in walk(node) if isinstance(name, ast.Name)}
    for node in (each for statement in method.node.body for each in walk(statement)):
        if not isinstance(node, ast.Name) or node in inside:
            continue
        if node.id == found.name:
            found.blockers.append(f"`{found.name}` is also used on line {node.lineno}")
        elif node.id == FLAG and isinstance(node.ctx, ast.Store) and not _is_stored_by(node, found):
            found.blockers.append(f"line {node.lineno} gives `{FLAG}` another value")
    return found


def _is_read(node: ast.expr, name: str) -> bool:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=owner), attr="get" | "pop"),
            args=[ast.Constant(value="training"), *defaults],
        ):
            return owner == name and all(_is_off(default) for default in defaults)
        case ast.Subscript(value=ast.Name(id=owner), slice=ast.Constant(value="training"), ctx=ast.Load()):
            return owner == name
    return False


def _falls_back(node: ast.expr) -> bool:
    default = node.args[1:] if isinstance(node, ast.Call) else []
    return any(not (isinstance(each, ast.Constant) and each.value is None) for each in default)


def _is_off(node: ast.expr) -> bool:
    """Whether a default means that nobody asked for training."""
    return isinstance(node, ast.Constant) and not node.value


def _names_the_flag(node: ast.Assign) -> bool:
    return len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and node.targets[0].id == FLAG


def _is_stored_by(name: ast.Name, found: Readings) -> bool:
    return any(read.statement is not None and name in read.statement.targets for read in found.reads)
