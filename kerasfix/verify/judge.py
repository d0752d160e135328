"""Whether loading a definition does more than define.

Literals, arithmetic, containers and names are harmless; a call is harmless if its callee stands on a list, or
if it is a function or class of the project in which nothing reaches outside: registries, decorators.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

from kerasfix.syntax import children, walk
from kerasfix.verify.harmless import (
    BUILTINS,
    CALM_BUILTINS,
    CALM_METHODS,
    METHODS,
    REACHING_BUILTINS,
    is_calm_name,
    is_harmless_name,
    is_reaching_name,
    words,
)
from kerasfix.verify.modules import FunctionNode, ImportNode, imports_of, is_growth
from kerasfix.verify.names import bound_names, dotted_name
from kerasfix.verify.program import Found, Program

# What people expect of an import, of an attribute of a library, and of a check of its version.
_IMPORT_ERRORS = words(
    "ImportError ModuleNotFoundError Exception AttributeError NameError KeyError ValueError OSError "
    "RuntimeError TypeError NotFoundError PackageNotFoundError"
)
_REFUSED = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
# What runs when a class is called.
_CONSTRUCTING = ("__new__", "__init__", "__post_init__", "__setattr__", "__init_subclass__")
_PROPERTY = ("setter", "getter", "deleter")


class _Local:
    """The names of a function and of those inside it.

    Attributes:
        names: Those of parameters and variables.
        imports: Those that it imports.
    """

    def __init__(self, function: FunctionNode) -> None:
        nodes = list(walk(function))
        found = [item for each in nodes if isinstance(each, ImportNode) for item in imports_of(each)]
        self.imports = {item.bound: item for item in found}
        self.names = {each.arg for each in nodes if isinstance(each, ast.arg)}
        for each in nodes:
            if isinstance(each, ast.stmt) and each is not function and not isinstance(each, ImportNode):
                self.names |= bound_names(each)
        self.names -= self.imports.keys()


class Judge:
    """Judges the definitions of one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._calm: dict[ast.AST, bool] = {}

    def statement(self, statement: ast.stmt, place: str) -> str | None:
        """What loading a statement would run besides defining, as source text; None if nothing."""
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            return None
        if isinstance(statement, FunctionNode):
            arguments = statement.args
            defaults = [*arguments.defaults, *arguments.kw_defaults]
            return self._first(defaults, place) or self._decorators(statement.decorator_list, place)
        if isinstance(statement, ast.ClassDef):
            own = [*statement.bases, *(item.value for item in statement.keywords)]
            return (
                self._first(own, place)
                or self._decorators(statement.decorator_list, place)
                or self._making(statement, place)
                or self._block(statement.body, place)
            )
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            return self._first([statement.value], place)
        if is_growth(statement):
            return self._growth(statement.value, place)  # type: ignore[attr-defined]
        if isinstance(statement, ast.If):
            parts = self._block([*statement.body, *statement.orelse], place)
            return self._first([statement.test], place) or parts
        if isinstance(statement, ast.Try):
            return self._try(statement, place)
        if isinstance(statement, ast.Match):
            parts = self._block([each for case in statement.cases for each in case.body], place)
            return self._first([statement.subject], place) or parts
        return type(statement).__name__.lower() + " statement"

    def _growth(self, call: ast.Call, place: str) -> str | None:
        """`model.add(…)`, for a model of Keras or an object whose class is looked at."""
        name = dotted_name(call.func) or ""
        meaning = self._program.meaning(place, name)
        makers = self._makers(meaning) if isinstance(meaning, Found) else [None]
        if not all(self._may_grow(maker, name.rpartition(".")[2]) for maker in makers):
            return f"{name}(…)"
        return self._first([*call.args, *(each.value for each in call.keywords)], place)

    def _may_grow(self, maker: str | Found | None, method: str) -> bool:
        if not isinstance(maker, Found):
            return maker is not None and maker.startswith("keras.")
        made = [each for each in self._nodes(maker) if isinstance(each, ast.ClassDef)]
        own = [each for each in made if _method(each, method) is not None]
        return all(self._is_calm_method(each, method, maker.place) for each in own)

    def _try(self, statement: ast.Try, place: str) -> str | None:
        for handler in statement.handlers:
            caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            for item in caught:
                if item is not None and _last(item) not in _IMPORT_ERRORS:
                    return f"except {ast.unparse(item)}"
        handled = [item for handler in statement.handlers for item in handler.body]
        return self._block([*statement.body, *handled, *statement.orelse, *statement.finalbody], place)

    def _block(self, body: Iterable[ast.stmt], place: str) -> str | None:
        """The same for the statements of a class body or of a compound statement."""
        for statement in body:
            if isinstance(statement, (ast.Pass, ast.Raise)):
                continue
            if isinstance(statement, ast.Expr):
                # A docstring, or a call for its effect such as print(...).
                if not isinstance(statement.value, ast.Constant):
                    return ast.unparse(statement.value)
            elif problem := self.statement(statement, place):
                return problem
        return None

    def _decorators(self, decorators: Iterable[ast.expr], place: str) -> str | None:
        """`@name` alone runs a decorator of a library, or one of the project, which is looked at."""
        for decorator in decorators:
            if isinstance(decorator, ast.Call):
                problem = self._first([decorator], place) or self._calling(decorator.func, place)
            elif _last(decorator) in _PROPERTY:
                problem = None
            else:
                name = dotted_name(decorator)
                meaning = self._program.meaning(place, name) if name else None
                is_calm = not isinstance(meaning, Found) or self._is_calm(meaning)
                problem = None if is_calm else ast.unparse(decorator)
            if problem:
                return problem
        return None

    def _calling(self, func: ast.expr, place: str) -> str | None:
        """What an instance runs when it is called as a decorator."""
        name = dotted_name(func)
        meaning = self._program.meaning(place, name) if name else None
        if isinstance(meaning, Found) and not meaning.rest:
            for node in self._nodes(meaning):
                method = _method(node, "__call__") if isinstance(node, ast.ClassDef) else None
                if method is not None and not self._is_calm_body(method, meaning.place, node):  # type: ignore[arg-type]
                    return ast.unparse(func) + "(…)"
        return None

    def _making(self, node: ast.ClassDef, place: str) -> str | None:
        """What the bases and the metaclass run when a class is made of them."""
        for keyword in node.keywords:
            name = dotted_name(keyword.value)
            meaning = self._program.meaning(place, name) if name and keyword.arg == "metaclass" else None
            if isinstance(meaning, Found) and not self._is_calm(meaning):
                return ast.unparse(keyword.value)
        for base in node.bases:
            for owner, found in self._lineage(base, place, set()):
                hook = _method(found, "__init_subclass__")
                if hook is not None and not self._is_calm_body(hook, owner, found):
                    return f"{found.name}.__init_subclass__"
        return None

    def _lineage(
        self, base: ast.expr, place: str, seen: set[ast.ClassDef]
    ) -> Iterable[tuple[str, ast.ClassDef]]:
        """The classes of the project that a base is made of, itself included."""
        name = dotted_name(base)
        meaning = self._program.meaning(place, name) if name else None
        if isinstance(meaning, Found) and not meaning.rest:
            for node in self._nodes(meaning):
                if isinstance(node, ast.ClassDef) and node not in seen:
                    seen.add(node)
                    yield meaning.place, node
                    for other in node.bases:
                        yield from self._lineage(other, meaning.place, seen)

    def _first(self, expressions: Iterable[ast.expr | None], place: str) -> str | None:
        for expression in expressions:
            if expression is not None and (problem := self._expression(expression, place)):
                return problem
        return None

    def _expression(self, node: ast.AST, place: str) -> str | None:
        """The first call in an expression that may do more than give a value; None if there is none."""
        if isinstance(node, ast.Lambda):
            return None
        if isinstance(node, _REFUSED) or self._is_reaching(node, place, None):
            return ast.unparse(node)
        if isinstance(node, ast.Call) and not self._is_harmless(node.func, place):
            return ast.unparse(node.func) + "(…)"
        for child in ast.iter_child_nodes(node):
            if found := self._expression(child, place):
                return found
        return None

    def _is_harmless(self, func: ast.expr, place: str) -> bool:
        name = dotted_name(func)
        if name is not None:
            meaning = self._program.meaning(place, name)
            if isinstance(meaning, str):
                return is_harmless_name(meaning) or is_calm_name(meaning)
            if meaning is not None and self._is_calm(meaning):
                return True
            if meaning is None and name in BUILTINS and hasattr(builtins, name):
                return True
        if isinstance(func, ast.Call):
            # `decorator(...)(function)`: what is inside is judged by itself.
            made_by = dotted_name(func.func)
            maker = self._program.meaning(place, made_by) if made_by else None
            return isinstance(maker, Found) or (maker is not None and maker.startswith("keras."))
        return isinstance(func, ast.Attribute) and func.attr in METHODS

    def _nodes(self, found: Found) -> list[ast.AST]:
        """The functions and classes that a name of the project stands for; [] if it may be something else."""
        module = self._program.module(found.place)
        nodes: list[ast.AST] = []
        for index in module.binding.get(found.name, ()) if module else ():
            here = [
                each
                for each in _not_in_functions(module.definitions[index].node)  # type: ignore[union-attr]
                if isinstance(each, FunctionNode | ast.ClassDef) and each.name == found.name
            ]
            if not here:
                return []
            nodes += here
        return nodes

    def _is_calm(self, found: Found) -> bool:
        """Whether calling something of the project runs only what is harmless."""
        nodes = self._nodes(found)
        if not found.rest:
            return bool(nodes) and all(self._is_calm_node(node, found.place) for node in nodes)
        if len(found.rest) > 1:
            return False
        if not nodes:
            return self._is_calm_method_of_value(found)
        return all(
            isinstance(node, ast.ClassDef) and self._is_calm_method(node, found.rest[0], found.place)
            for node in nodes
        )

    def _is_calm_method_of_value(self, found: Found) -> bool:
        """`REGISTRY.register`, where REGISTRY is made of a class of the project."""
        match self._makers(found):
            case [Found(rest=()) as meaning]:
                pass
            case [_]:
                return found.rest[0] in METHODS
            case _:
                return False
        nodes = self._nodes(meaning)
        return bool(nodes) and all(
            isinstance(node, ast.ClassDef) and self._is_calm_method(node, found.rest[0], meaning.place)
            for node in nodes
        )

    def _makers(self, found: Found) -> list[str | Found | None]:
        """What a value of the project is made by, each time that it is made; None where that is no call."""
        module = self._program.module(found.place)
        indices = module.binding.get(found.name, ()) if module else ()
        values = [getattr(module.definitions[each].node, "value", None) for each in indices]  # type: ignore[union-attr]
        names = [dotted_name(each.func) if isinstance(each, ast.Call) else None for each in values]
        return [self._program.meaning(found.place, name) if name else None for name in names]

    def _is_calm_method(self, owner: ast.ClassDef, name: str, place: str) -> bool:
        method = _method(owner, name)
        return method is not None and self._is_calm_body(method, place, owner)

    def _is_calm_node(self, node: ast.AST, place: str) -> bool:
        if isinstance(node, FunctionNode):
            return self._is_calm_body(node, place, None)
        if node not in self._calm:
            self._calm[node] = True  # where they make each other
            self._calm[node] = isinstance(node, ast.ClassDef) and self._is_calm_class(node, place)
        return self._calm[node]

    def _is_calm_class(self, node: ast.ClassDef, place: str) -> bool:
        for base in [*node.bases, *(item.value for item in node.keywords)]:
            name = dotted_name(base)
            meaning = self._program.meaning(place, name) if name else None
            if isinstance(meaning, Found):
                if meaning.rest or not self._is_calm(meaning):
                    return False
            elif isinstance(meaning, str):
                if not is_calm_name(meaning) and not meaning.startswith("keras."):
                    return False
            elif name is None or not hasattr(builtins, name):
                return False
        methods = (_method(node, name) for name in _CONSTRUCTING)
        return all(self._is_calm_body(method, place, node) for method in methods if method is not None)

    def _is_calm_body(self, function: FunctionNode, place: str, owner: ast.ClassDef | None) -> bool:
        if function in self._calm:
            return self._calm[function]
        self._calm[function] = True  # where they call each other
        local = _Local(function)
        self._calm[function] = all(
            not (isinstance(each, ast.While) and isinstance(each.test, ast.Constant))
            and not self._is_reaching(each, place, local)
            and not (isinstance(each, ast.Call) and not self._is_calm_callee(each.func, place, local, owner))
            for each in _at_once(function)
        )
        return self._calm[function]

    def _is_reaching(self, node: ast.AST, place: str, local: _Local | None) -> bool:
        """Whether what is named reaches outside, if only to hand it on: `sorted(names, key=open)`."""
        name = dotted_name(node) if isinstance(node, ast.Name | ast.Attribute) else None
        if name is None or (local is not None and name.partition(".")[0] in local.names):
            return False
        meaning = self._meaning(place, name, local)
        if isinstance(meaning, str):
            return is_reaching_name(meaning)
        return meaning is None and name in REACHING_BUILTINS

    def _meaning(self, place: str, dotted: str, local: _Local | None) -> str | Found | None:
        """What a name stands for in a function, which may import for itself."""
        root, *rest = dotted.split(".")
        if local is not None and root in local.imports:
            return self._program.meaning_of_import(local.imports[root], tuple(rest), place)
        return self._program.meaning(place, dotted)

    def _is_calm_callee(self, func: ast.expr, place: str, local: _Local, owner: ast.ClassDef | None) -> bool:
        name = dotted_name(func)
        if name is None:
            if not isinstance(func, ast.Attribute):
                # `register(...)(cls)`, `TABLE[name](...)`: what it was given, and what it got by a call.
                return not (isinstance(func, ast.Call) and dotted_name(func.func) == "getattr")
            is_super = isinstance(func.value, ast.Call) and dotted_name(func.value.func) == "super"
            return is_super or func.attr in CALM_METHODS
        root, _, rest = name.partition(".")
        if root in local.names or root in ("self", "cls"):
            if not rest:
                return True
            if root in ("self", "cls") and owner is not None and _method(owner, rest) is not None:
                return self._is_calm_method(owner, rest, place)
            return rest.rpartition(".")[2] in CALM_METHODS
        meaning = self._meaning(place, name, local)
        if isinstance(meaning, str):
            return is_calm_name(meaning)
        if meaning is not None:
            return self._is_calm(meaning) or (bool(rest) and rest.rpartition(".")[2] in CALM_METHODS)
        return root in CALM_BUILTINS and hasattr(builtins, root)


def _last(node: ast.expr) -> str | None:
    name = dotted_name(node)
    return name.rpartition(".")[2] if name else None


def _method(owner: ast.ClassDef, name: str) -> FunctionNode | None:
    for statement in owner.body:
        if isinstance(statement, FunctionNode) and statement.name == name:
            return statement
    return None


def _at_once(function: FunctionNode) -> Iterable[ast.AST]:
    """The nodes of a function that may run when it is called as a decorator: not those of the methods that it
    makes, which run when the model does.
    """
    called = {_last(each.func) for each in walk(function) if isinstance(each, ast.Call)}
    returned = {_last(each.value) for each in walk(function) if isinstance(each, ast.Return) and each.value}
    waiting: list[ast.AST] = [function]
    while waiting:
        node = waiting.pop()
        yield node
        for child in children(node):
            is_later = isinstance(child, FunctionNode) and child.name not in called
            if not is_later or not _is_method(child, child.name in returned):  # type: ignore[arg-type,attr-defined]
                waiting.append(child)


def _is_method(function: FunctionNode, is_returned: bool) -> bool:
    """Whether a function inside a decorator takes the place of the decorated one, or becomes a method."""
    wrappers = (each.func if isinstance(each, ast.Call) else each for each in function.decorator_list)
    if any(_last(each) == "wraps" for each in wrappers):
        return True
    first = function.args.args[0].arg if function.args.args else ""
    return first == "self" and not is_returned


def _not_in_functions(statement: ast.AST) -> Iterable[ast.AST]:
    yield statement
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                yield from _not_in_functions(child)
