"""What else in a project makes a class and calls it: tests, functions that build something with it, classes.

Run in its place, each of them shows what the class is given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, TypedDict

from kerasfix.source import Source, SourceError
from kerasfix.syntax import of_kind, own_nodes
from kerasfix.verify.names import dotted_name
from kerasfix.verify.sites import construction_sites

_MOST = 3
_TEST = "test"


class Holder(TypedDict):
    """A class or a function at the top level of a module that constructs the class in question.

    Attributes:
        name: Its own.
        file: The path of its module; "" for the module of the class in question.
        runs: Whether running it calls the class, most likely: a test, or a function that returns something.
            Any other is a class that has to be driven itself.
        demands: Whether it is a function with parameters that have no default.
        methods: Of a class of tests, those to run.
        sites: Where it is constructed itself.
        holders: Its own, who have none.
    """

    name: str
    file: str
    runs: bool
    demands: bool
    methods: list[str]
    sites: list[dict[str, Any]]
    holders: list[Holder]


def holders_in(text: str, class_name: str, file: str) -> list[Holder]:
    """Those of a module: what runs first, and the shortest first."""
    try:
        tree = Source(text).tree
    except SourceError:
        return []
    nodes = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and node.name != class_name
        and _constructs(node, class_name)
    ]
    nodes.sort(key=lambda node: (node.end_lineno or node.lineno) - node.lineno)
    found = [holder for node in nodes if (holder := _holder(node, class_name, text, file)) is not None]
    return [each for runs in (True, False) for each in [one for one in found if one["runs"] is runs][:_MOST]]


def places_of(holders: Iterable[Holder]) -> list[tuple[str, str]]:
    """The files and the names of holders, and of those that hold them."""
    return [(each["file"], each["name"]) for one in holders for each in (one, *one["holders"])]


def _holder(node: ast.ClassDef | ast.FunctionDef, class_name: str, text: str, file: str) -> Holder | None:
    methods = list(_tests_of(node, class_name)) if isinstance(node, ast.ClassDef) else []
    runs = bool(methods) if isinstance(node, ast.ClassDef) else _is_worth_a_run(node)
    if isinstance(node, ast.FunctionDef) and not runs:
        return None
    sites = [] if runs else construction_sites(text, node.name)
    demands = isinstance(node, ast.FunctionDef) and len(node.args.args) > len(node.args.defaults)
    return Holder(
        name=node.name, file=file, runs=runs, demands=demands, methods=methods, sites=sites, holders=[]
    )


def _constructs(node: ast.AST, class_name: str) -> bool:
    return any(
        (dotted_name(call.func) or "").rpartition(".")[2] == class_name for call in of_kind(node, ast.Call)
    )


def _tests_of(node: ast.ClassDef, class_name: str) -> Iterator[str]:
    """The tests that make it themselves; all, if it is made for all of them."""
    tests = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name.startswith(_TEST)]
    making = [item for item in tests if _constructs(item, class_name)]
    for item in making or tests:
        yield item.name


def _is_worth_a_run(node: ast.FunctionDef) -> bool:
    """A test, or what gives back something: a script in a function does more than that."""
    if node.name.startswith(_TEST):
        return True
    returns = (each for each in own_nodes(node.body) if isinstance(each, ast.Return))
    return any(each.value is not None and not isinstance(each.value, ast.Constant) for each in returns)
