"""Which global names a piece of Python reads, and which names a statement binds.

Scopes are followed, because a local variable that happens to be called like something in the module's script
part must not drag that script part along.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from kerasfix.syntax import walk

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def global_reads(node: ast.AST) -> dict[str, bool]:
    """What `node`, a statement or expression of the module, looks up in the module or in builtins.

    Annotations are left out: the worker compiles with postponed evaluation, so they are never looked up.

    Returns:
        Names with the attributes that are read of them ("tf.keras.Model") -> whether they are looked up when
        the statement runs; False for those that only functions look up, when they are called.
    """
    reader = _Reader()
    reader.visit(node)
    return reader.reads


def imports_in_functions(node: ast.stmt) -> list[ast.Import | ast.ImportFrom]:
    """The import statements inside the functions of a statement."""
    functions = [each for each in walk(node) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = [each for one in functions for each in walk(one) if isinstance(each, ast.Import | ast.ImportFrom)]
    return list(dict.fromkeys(found))


def dotted_name(node: ast.AST) -> str | None:
    """The text of a plain dotted name such as `a.b.c`, None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = dotted_name(node.value)
        return None if value is None else f"{value}.{node.attr}"
    return None


def bound_names(statement: ast.stmt) -> set[str]:
    """The names that a statement binds where it stands; "*" for a star import."""
    return _own_bindings([statement])


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.reads: dict[str, bool] = {}
        self.scopes: list[set[str]] = []
        self._functions = 0

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = dotted_name(node)
        if dotted is None:
            self.generic_visit(node)
        else:
            self._read(dotted)

    def _read(self, dotted: str) -> None:
        name = dotted.partition(".")[0]
        if not any(name in scope for scope in self.scopes):
            self.reads[dotted] = self.reads.get(dotted, False) or not self._functions

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all([*node.decorator_list, *_defaults(node.args)])
        self._visit_function(node, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all(_defaults(node.args))
        self._visit_function(node, [node.body])

    def _visit_function(self, node: FunctionNode, body: Iterable[ast.AST]) -> None:
        local = {argument.arg for argument in _all_arguments(node.args)}
        body = list(body)
        statements = [item for item in body if isinstance(item, ast.stmt)]
        declared = _declared_global(statements)
        local |= _own_bindings(statements) - declared
        self.scopes.append(local)
        self._functions += 1
        self._visit_all(body)
        self._functions -= 1
        self.scopes.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *(item.value for item in node.keywords)])
        # Names of a class body are seen by the body itself, never by the functions in it.
        bound: set[str] = set()
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.scopes.append(bound)
                self._visit_all([*statement.decorator_list, *_defaults(statement.args)])
                self.scopes.pop()
                self._visit_function_body_only(statement)
            else:
                self.scopes.append(bound)
                self.visit(statement)
                self.scopes.pop()
            bound |= _own_bindings([statement])

    def _visit_function_body_only(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.scopes.append({"__class__"})
        self._visit_function(node, node.body)
        self.scopes.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, _COMPREHENSIONS):
            targets: set[str] = set()
            for generator in node.generators:
                targets |= _stored(generator.target)
            self.scopes.append(targets)
            super().generic_visit(node)
            self.scopes.pop()
        else:
            super().generic_visit(node)

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(item for item in arguments.kw_defaults if item is not None)]


def _all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    optional = [item for item in (arguments.vararg, arguments.kwarg) if item is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *optional]


def _stored(node: ast.AST) -> set[str]:
    return {
        item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
    }


def _declared_global(statements: Iterable[ast.stmt]) -> set[str]:
    return {
        name
        for statement in statements
        for item in ast.walk(statement)
        if isinstance(item, ast.Global)
        for name in item.names
    }


def _own_bindings(statements: Iterable[ast.stmt]) -> set[str]:
    """Names bound by the statements themselves, not by the functions and classes inside of them."""
    names: set[str] = set()
    todo: list[ast.AST] = list(statements)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, (ast.Lambda, *_COMPREHENSIONS)):
            continue
        names |= _names_of(node)
        todo += ast.iter_child_nodes(node)
    return names


def _names_of(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    name = None
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        name = node.name
    elif isinstance(node, ast.MatchMapping):
        name = node.rest
    return {name} if name else set()
