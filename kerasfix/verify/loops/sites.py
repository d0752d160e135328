"""What the callers of a training function give it, as recipes: see `kerasfix.verify.sites` for their form.

Only what makes objects is of use, and plain numbers; where data comes from is not run.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kerasfix.syntax import own_nodes, walk
from kerasfix.verify.loops.reading import parameters_of
from kerasfix.verify.modules import FunctionNode, ImportNode, imports_of, never_runs
from kerasfix.verify.names import dotted_name
from kerasfix.verify.sites import Unknown, evaluate

_MOST_STEPS = 8
_MOST_RECIPES = 3
_COUNTS = re.compile(r"epoch|step|iter", re.IGNORECASE)


@dataclass
class Recipes:
    """What parameters are given.

    Attributes:
        by_parameter: The best first.
        names: The names that they speak of, each with the place of its module; "" is the function's own.
        made: The calls that make something for one of them, anew each time, with their places.
        is_called: Whether anybody calls the function.
    """

    by_parameter: dict[str, list[Any]] = field(default_factory=dict)
    names: dict[tuple[str, str], None] = field(default_factory=dict)
    made: list[tuple[str, ast.Call]] = field(default_factory=list)
    is_called: bool = False


#: Says which other modules may call a function or a class by its name: their places and their trees.
Elsewhere = Callable[[str], Iterable[tuple[str, ast.Module]]]


def recipes(
    tree: ast.Module, function: FunctionNode, objects: Collection[str], elsewhere: Elsewhere
) -> Recipes:
    """What the calls of a function give it, those in its own module if there are any.

    Args:
        objects: The parameters that are models, optimizers and the like. Of the others only numbers, texts
            and the like are of use: data are made up.
    """
    sites = _Sites(tree, "", elsewhere, Recipes())
    for parameter in parameters_of(function):
        name = parameter.arg
        for value in sites.given(function, name, _MOST_STEPS, constants_only=name not in objects):
            known = sites.found.by_parameter.setdefault(name, [])
            if value not in known and len(known) < _MOST_RECIPES:
                known.append(_fewer(name, value))
    return sites.found


def construction(tree: ast.Module, class_name: str, found: Recipes, elsewhere: Elsewhere) -> Any:
    """How a class of a module is constructed; None if that is not in sight."""
    for place, each in [("", tree), *elsewhere(class_name)]:
        sites = _Sites(each, place, elsewhere, found)
        for site in sites.calls:
            if sites.called(site.call) == class_name:
                for recipe in sites.recipe_or_nothing(site.call, site.around, _MOST_STEPS):
                    return _in(place, recipe)
    return None


def _in(place: str, recipe: Any) -> Any:
    """A recipe whose names are those of another module."""
    return {"$in": place, "value": recipe} if place and isinstance(recipe, dict | list) else recipe


def _fewer(name: str, value: Any) -> Any:
    """One epoch is as good as fifty."""
    return 1 if isinstance(value, int) and not isinstance(value, bool) and _COUNTS.search(name) else value


@dataclass(frozen=True)
class _Site:
    call: ast.Call
    around: FunctionNode | None


class _Sites:
    def __init__(self, tree: ast.Module, place: str, elsewhere: Elsewhere, found: Recipes) -> None:
        self.found = found
        self._place = place
        self._elsewhere = elsewhere
        scripts = [each for each in tree.body if isinstance(each, ast.If) and never_runs(each.test)]
        body = [each for each in tree.body if each not in scripts]
        self._values = _values(body)
        self._bound = {name for each in own_nodes(body) for name in _bound(each)}
        self._imported = {
            item.bound for each in tree.body if isinstance(each, ImportNode) for item in imports_of(each)
        }
        # What is made where `__name__ == "__main__"` is made anew.
        self._made_there = _values([each for one in scripts for each in one.body])
        # What a loop over data binds.
        loops = [each for each in own_nodes(body) if isinstance(each, ast.For)]
        self._fleeting = {name for each in loops for name in _stored(each.target)}
        self.calls = list(_calls(tree))
        self._locals: dict[FunctionNode, Mapping[str, ast.expr | None]] = {}

    def given(
        self, function: FunctionNode, name: str, steps: int, *, constants_only: bool = False
    ) -> Iterator[Any]:
        """What a parameter of a function gets."""
        is_called = False
        for site in self.calls if steps else ():
            if self.called(site.call) != function.name or site.around is function:
                continue
            self.found.is_called = is_called = True
            argument = _argument(function, site.call, name)
            if argument is not None and constants_only:
                yield from self._constant_or_nothing(argument, site.around, steps)
            elif argument is not None:
                yield from self.recipe_or_nothing(argument, site.around, steps)
        for place, tree in self._elsewhere(function.name) if steps and not is_called else ():
            if place != self._place:
                other = _Sites(tree, place, self._elsewhere, self.found)
                for value in other.given(function, name, steps - 1, constants_only=constants_only):
                    yield _in(place, value)

    def called(self, call: ast.Call) -> str | None:
        """The function or class of the project that a call may be of."""
        name = dotted_name(call.func)
        if name is not None and self._place and name.partition(".")[0] in self._imported:
            name = name.rpartition(".")[2]
        value = self._values.get(name or "")
        if isinstance(value, ast.Call) and value.args:
            # `step = tf.function(train_step)`
            return dotted_name(value.args[0])
        return name

    def _constant_or_nothing(
        self, node: ast.expr | None, around: FunctionNode | None, steps: int
    ) -> Iterator[Any]:
        if isinstance(node, ast.Name):
            if around is not None and node.id in _parameters(around):
                yield from self.given(around, node.id, steps - 1, constants_only=True)
                return
            local = self._local(around) if around is not None else self._made_there
            node = local[node.id] if node.id in local else self._values.get(node.id)
        if isinstance(node, ast.Constant | ast.UnaryOp | ast.BinOp):
            with contextlib.suppress(Unknown):
                yield evaluate(node, {name: each for name, each in self._values.items() if each is not None})

    def recipe_or_nothing(self, node: ast.expr, around: FunctionNode | None, steps: int) -> Iterator[Any]:
        if isinstance(node, ast.Name) and around is not None and node.id in _parameters(around):
            yield from self.given(around, node.id, steps - 1)
            return
        made, names = len(self.found.made), dict(self.found.names)
        try:
            yield self._recipe(node, around, steps)
        except Unknown:
            del self.found.made[made:]
            self.found.names = names

    def _recipe(self, node: ast.expr, around: FunctionNode | None, steps: int) -> Any:
        """A value as JSON.

        Raises:
            Unknown: if it cannot be known.
        """
        if steps == 0:
            raise Unknown
        name = dotted_name(node)
        if name is not None:
            return self._named(name, around, steps)
        if isinstance(node, ast.Call):
            return self._made(node, around, steps)
        return evaluate(node, {})

    def _named(self, name: str, around: FunctionNode | None, steps: int) -> Any:
        root = name.partition(".")[0]
        if around is not None:
            local = self._local(around)
            if root in local:
                value = local[root]
                if value is None or root != name:
                    raise Unknown
                return self._recipe(value, around, steps - 1)
            if root in _parameters(around):
                given = list(self.given(around, root, steps - 1)) if root == name else []
                if not given:
                    raise Unknown
                return given[0]
        if around is None and root == name and root not in self._bound:
            made = self._made_there.get(root)
            if made is None:
                raise Unknown
            return self._recipe(made, None, steps - 1)
        if root not in self._bound or root in self._fleeting:
            raise Unknown
        value = self._values.get(name)
        if isinstance(value, ast.Constant):
            return evaluate(value, {})
        self.found.names[self._place, root] = None
        return {"$name": name}

    def _made(self, node: ast.Call, around: FunctionNode | None, steps: int) -> Any:
        name = dotted_name(node.func)
        root = (name or "").partition(".")[0]
        is_local = around is not None and root in {*self._local(around), *_parameters(around)}
        if name is None or is_local or root not in self._bound:
            raise Unknown
        if any(isinstance(each, ast.Starred) for each in node.args) or any(
            each.arg is None for each in node.keywords
        ):
            raise Unknown
        self.found.names[self._place, root] = None
        self.found.made.append((self._place, node))
        return {
            "$call": name,
            "positional": [self._recipe(each, around, steps - 1) for each in node.args],
            "named": {
                each.arg: self._recipe(each.value, around, steps - 1) for each in node.keywords if each.arg
            },
        }

    def _local(self, function: FunctionNode) -> Mapping[str, ast.expr | None]:
        if function not in self._locals:
            self._locals[function] = _values(function.body)
        return self._locals[function]


def _values(body: list[ast.stmt]) -> dict[str, ast.expr | None]:
    """Names -> the one expression that they are bound to; None for those that are bound otherwise."""
    found: dict[str, ast.expr | None] = {}
    for node in own_nodes(body):
        is_plain = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        value = node.value if isinstance(node, ast.Assign) and is_plain else None
        for name in _bound(node):
            found[name] = value if name not in found else None
    return found


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds itself."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            for alias in names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.Assign(targets=targets):
            yield from (name for target in targets for name in _stored(target))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target) | ast.For(target=target):
            yield from _stored(target)
        case ast.With(items=items):
            yield from (name for item in items if item.optional_vars for name in _stored(item.optional_vars))


def _stored(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _stored(each)


def _parameters(function: FunctionNode) -> set[str]:
    return {each.arg for each in parameters_of(function)}


def _calls(tree: ast.Module) -> Iterator[_Site]:
    """All calls, each with the function around it."""
    waiting: list[tuple[list[ast.stmt], FunctionNode | None]] = [(tree.body, None)]
    while waiting:
        body, around = waiting.pop()
        for node in own_nodes(body):
            if isinstance(node, FunctionNode):
                waiting.append((node.body, node))
            elif isinstance(node, ast.ClassDef):
                waiting += [(each.body, each) for each in walk(node) if isinstance(each, FunctionNode)]
            elif isinstance(node, ast.Call):
                yield _Site(node, around)


def _argument(function: FunctionNode, call: ast.Call, name: str) -> ast.expr | None:
    """What a call gives as a parameter."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    positional = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    for parameter, value in zip(positional, call.args, strict=False):
        if isinstance(value, ast.Starred):
            return None
        if parameter == name:
            return value
    return None
