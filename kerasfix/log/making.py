"""Follows what a program makes, in the order in which it runs, far enough to number layers as Keras does.

Nothing runs. Constructors are followed from where the models are made; where a branch, an unknown loop or a
ready-made application hides how many layers of a class there are, later numbers of that class are unknown.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace

from kerasfix.analysis.evaluate import layer_fact
from kerasfix.analysis.index import ClassInfo, Method
from kerasfix.analysis.layers import LayerIndex
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import Function, Scope, comprehension_scope, function_scope
from kerasfix.keras import names
from kerasfix.keras.layers import LAYERS
from kerasfix.log.expressions import is_main, keyword, name_of_class, pattern_of, rounds_of
from kerasfix.log.made import Made, Name, Spot
from kerasfix.log.naming import Counters, numbered, snake_case
from kerasfix.log.place import Place, assigned, calls_of, is_add_weight
from kerasfix.syntax import children, walk

_MAX_DEPTH = 12
_MAX_MADE = 20_000
_MAX_ROUNDS = 200
_VARIABLES = frozenset({"tensorflow.Variable", "keras.Variable", "tensorflow.compat.v1.get_variable"})
_LOOPS = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
_UNNAMED_WEIGHT = re.compile(r"[Vv]ariable(?:_\d+)?")


class Making:
    """All that the given modules of a project make, each module run as a program of its own.

    Args:
        project: The modules.
        layers: Their layers.
    """

    def __init__(self, project: Project, layers: LayerIndex) -> None:
        self.project = project
        self.layers = layers
        self.seen: set[ast.Call] = set()
        # Functions that made nothing when they ran: most of a big project.
        self.barren: set[ast.AST] = set()

    def everything(self) -> list[Made]:
        """What is made, program by program, in the order of each; then what nothing in sight makes."""
        found: list[Made] = []
        for module in self.project.given:
            run = _Program(self)
            run.body(module.source.tree.body, Place(module.scope, module))
            found += run.made
        known = {above for each in found if each.info for above in each.info.ancestors}
        for info in sorted(self.project.keras_classes, key=lambda each: -len(each.ancestors)):
            if info.module.given and info not in known:
                alone = self._alone(info)
                known |= {above for each in alone if each.info for above in each.info.ancestors}
                found += alone
        for module in self.project.given:
            for function in _functions(module.source.tree.body):
                if not any(node in self.seen for node in walk(function) if isinstance(node, ast.Call)):
                    run = _Program(self, alone=True)
                    run.function(function, Place(module.scope, module, function=function.name))
                    found += run.made
        return found

    def _alone(self, info: ClassInfo) -> list[Made]:
        """A class that is made nowhere in sight, as if it were the first thing that a program makes."""
        run = _Program(self, alone=True)
        call = ast.copy_location(ast.Call(ast.Name(info.name, ast.Load()), [], []), info.node)
        run.user_layer(call, info, Place(info.scope, info.module))
        return run.made


class _Program:
    """One program: what it made so far, and the numbers that come next."""

    def __init__(self, making: Making, *, alone: bool = False) -> None:
        self.made: list[Made] = []
        self._project = making.project
        self._layers = making.layers
        self._seen = making.seen
        self._barren = making.barren
        self._alone = alone
        self._counters = Counters()
        self._unknown: set[str] = set()
        self._all_unknown = False
        self._running: list[ast.AST] = []
        # What a name or an attribute holds, for `model.add(layer)`.
        self._held: dict[tuple[Made | None, str], Made] = {}

    def body(self, statements: list[ast.stmt], place: Place) -> None:
        for statement in statements:
            # An expression that is nested too deeply is left out, and whatever it makes.
            with contextlib.suppress(RecursionError):
                self._statement(statement, place)

    def function(self, function: Function, place: Place, scope: Scope | None = None) -> None:
        """Run the body of a function once, unless it is running."""
        if function in self._running or place.depth > _MAX_DEPTH or len(self.made) > _MAX_MADE:
            return
        if function in self._barren:
            return
        before = len(self.made)
        self._running.append(function)
        inner = scope or function_scope(function, place.scope)
        self.body(function.body, replace(place, scope=inner, depth=place.depth + 1))
        self._running.pop()
        if len(self.made) == before:
            self._barren.add(function)

    def user_layer(self, call: ast.Call, info: ClassInfo, place: Place) -> Made:
        """An instance of a class of the project, and all that its constructor makes."""
        made = self._new(call, info.name, place, info)
        self._arguments(call, replace(place, owner=made))
        if info.kind is not None:
            made.name = self._name(call, info, place, made.class_name)
        constructor = info.find("__init__")
        self._methods(made, info, constructor, place)
        return made

    def _methods(self, made: Made, info: ClassInfo, constructor: Method | None, place: Place) -> None:
        if info.node in self._running or place.depth > _MAX_DEPTH or len(self.made) > _MAX_MADE:
            return
        self._running.append(info.node)
        inside = replace(
            place,
            owner=made,
            info=info,
            target="",
            target_at=None,
            holder=None,
            function="",
            depth=place.depth + 1,
        )
        if constructor is not None:
            self._method(constructor, inside)
        # What `build` and its like make comes at some other time, or not at all.
        later = replace(inside, sure=False)
        for name in dict.fromkeys(name for each in info.ancestors for name in each.methods):
            method = info.find(name)
            if method is not None and method is not constructor and self._assigns_unseen(method):
                self._method(method, later)
        self._running.pop()

    def _assigns_unseen(self, method: Method) -> bool:
        return any(
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Attribute)
            and any(isinstance(each, ast.Call) and each not in self._seen for each in walk(node.value))
            for node in walk(method.node)
        )

    def _method(self, method: Method, place: Place) -> None:
        here = replace(place, module=method.owner.module, self_name=method.self_name)
        self.function(method.node, here, method.scope)

    def _statement(self, node: ast.stmt, place: Place) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return
            case ast.Assign(targets=[target, *_], value=value) | ast.AnnAssign(target=target, value=value):
                made = self._value(value, assigned(place, target)) if value is not None else None
                if made is not None:
                    self._held[place.owner, ast.unparse(target)] = made
            case ast.AugAssign(target=target, value=value):
                self._value(value, assigned(place, target))
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=holder, attr=verb)) as call) if verb in (
                "append",
                "add",
                "insert",
                "extend",
            ):
                self._put_in(call, holder, verb, assigned(place, holder))
            case ast.If(test=test, body=body, orelse=orelse):
                self._value(test, place)
                unsure = place if is_main(test) else replace(place, sure=False)
                self.body(body, unsure)
                self.body(orelse, unsure)
            case ast.For(iter=iterated, body=body, orelse=orelse):
                self._value(iterated, place)
                self._repeat(rounds_of(iterated, place.scope), place, lambda here: self.body(body, here))
                self.body(orelse, place)
            case ast.While(body=body):
                self.body(body, replace(place, sure=False))
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                self.body([*body, *orelse, *final], place)
                for handler in handlers:
                    self.body(handler.body, replace(place, sure=False))
            case ast.With(items=items, body=body):
                for item in items:
                    self._value(item.context_expr, place)
                self.body(body, place)
            case _:
                for child in children(node):
                    if isinstance(child, ast.expr):
                        self._value(child, place)

    def _put_in(self, call: ast.Call, holder: ast.expr, verb: str, place: Place) -> None:
        """`model.add(layer)`, `self.blocks.append(layer)`."""
        if verb == "add":
            held = self._held.get((place.owner, ast.unparse(holder)))
            is_own = isinstance(holder, ast.Name) and holder.id == place.self_name
            if held is not None:
                place = replace(place, owner=held, info=None, self_name=None)
            elif is_own:
                place = replace(place, target="")
        self._arguments(call, place)

    def _repeat(self, rounds: int | None, place: Place, once: object) -> None:
        assert callable(once)
        if rounds is None:
            once(replace(place, sure=False))
        for _ in range(min(rounds or 0, _MAX_ROUNDS)):
            once(place)

    def _value(self, node: ast.expr, place: Place) -> Made | None:
        """Make what an expression makes, in the order in which Python does."""
        match node:
            case ast.Call():
                return self._call(node, place)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._comprehension(node, place)
            case ast.Lambda():
                pass
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._value(test, place)
                self._value(body, replace(place, sure=False))
                self._value(orelse, replace(place, sure=False))
            case _:
                for child in children(node):
                    if isinstance(child, ast.expr):
                        self._value(child, place)
        return None

    def _comprehension(self, node: _LOOPS, place: Place) -> None:
        counts = [rounds_of(each.iter, place.scope) if not each.ifs else None for each in node.generators]
        rounds: int | None = 1
        for count in counts:
            rounds = None if rounds is None or count is None else rounds * count
        inside = replace(place, scope=comprehension_scope(node, place.scope))
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]

        def once(here: Place) -> None:
            for part in parts:
                self._value(part, here)

        self._repeat(rounds, inside, once)

    def _call(self, call: ast.Call, place: Place) -> Made | None:
        if isinstance(call.func, ast.Call):
            # `Conv2D(8, 3)(x)`: `x` may be made by other calls, after the layer.
            made = self._value(call.func, place)
            self._arguments(call, place)
            return made
        if isinstance(call.func, ast.Attribute):
            self._value(call.func.value, place)
        info = self._project.class_named(call.func, place.scope)
        if info is not None:
            self._seen.add(call)
            return self.user_layer(call, info, place)
        dotted = place.scope.dotted(call.func) or ""
        if dotted in _VARIABLES or is_add_weight(call, place):
            return self._weight(call, place)
        if dotted == names.SEQUENTIAL:
            return self._layer(call, "Sequential", place)
        fact = self._project.layers.get(dotted) or layer_fact(dotted)
        if fact is not None:
            return self._layer(call, fact.name, place)
        if names.application_name(dotted) or dotted.startswith(names.PACKAGES):
            self._all_unknown = True
        self._arguments(call, place)
        self._into(call, place)
        return None

    def _layer(self, call: ast.Call, class_name: str, place: Place) -> Made:
        """A layer of Keras, after what it wraps."""
        self._seen.add(call)
        made = self._new(call, class_name, place)
        self._arguments(call, replace(place, owner=made))
        made.name = self._name(call, None, place, class_name)
        made.is_foreign = class_name not in LAYERS and class_name != "Sequential"
        return made

    def _weight(self, call: ast.Call, place: Place) -> Made:
        made = self._new(call, "", place)
        given = keyword(call, "name") or next(iter(call.args), None)
        constant = given.value if isinstance(given, ast.Constant) else None
        made.name = Name(exact=constant) if isinstance(constant, str) else Name(pattern=_UNNAMED_WEIGHT)
        return made

    def _into(self, call: ast.Call, place: Place) -> None:
        """What a function or a method of the project makes when it is called."""
        match call.func:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (
                place.info and owner == place.self_name
            ):
                method = place.info.find(name)
                if method is not None:
                    self._method(method, place)
                return
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__") if place.info:
                above = place.info.find_above("__init__", self._class_running(place.info))
                if above is not None:
                    self._method(above, place)
                return
        found = self._project.function_named(call.func, place.scope)
        if found is not None:
            function, outer = found
            module = self._project.module_of(outer) or place.module
            inside = replace(place, scope=outer, module=module, info=None, self_name=None)
            if place.info is None and not place.target:
                inside = replace(inside, function=function.name)
            self.function(function, inside)

    def _class_running(self, info: ClassInfo) -> ClassInfo | None:
        """The class of the family whose constructor runs."""
        running = self._running[-1] if self._running else None
        return next((each for each in info.ancestors if running in each.node.body), None)

    def _arguments(self, call: ast.Call, place: Place) -> None:
        for argument in (*call.args, *(each.value for each in call.keywords)):
            self._value(argument, place)

    def _new(self, call: ast.Call, class_name: str, place: Place, info: ClassInfo | None = None) -> Made:
        if place.holder is None and place.info is not None:
            place = self._held_by(call, place)
        made = Made(
            class_name,
            call,
            place.module,
            place.owner,
            place.target,
            place.holder,
            place.target_at,
            info,
            place.function,
            not place.sure,
            is_foreign=info is not None,
            alone=self._alone,
        )
        self.made.append(made)
        return made

    def _held_by(self, call: ast.Call, place: Place) -> Place:
        """The attribute that a layer gets into by way of a local list."""
        assert place.info is not None
        for name, attribute in self._layers.attributes(place.info).items():
            if attribute.made_at and any(call in calls_of(value) for value in attribute.values):
                at = Spot(place.info.module, attribute.made_at[0].lineno)
                return replace(place, target=f"{place.self_name}.{name}", target_at=at, holder=place.info)
        return place

    def _name(self, call: ast.Call, info: ClassInfo | None, place: Place, class_name: str) -> Name:
        given = keyword(call, "name")
        if info is not None:
            given = name_of_class(info, given)
        if given is None or (isinstance(given, ast.Constant) and given.value is None):
            return self._number(class_name, sure=place.sure)
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            return Name(exact=given.value)
        return Name(pattern=pattern_of(given))

    def _number(self, class_name: str, *, sure: bool) -> Name:
        base = snake_case(class_name)
        number = self._counters.take(base)
        if not sure:
            self._unknown.add(base)
        is_known = base not in self._unknown and not self._all_unknown
        return Name(numbered(base, number) if is_known else None, least=number, auto=True)


def _functions(body: list[ast.stmt]) -> Iterator[Function]:
    for statement in body:
        if isinstance(statement, Function):
            yield statement
