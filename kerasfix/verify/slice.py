"""The definitions that one class needs, without the module's script part.

Pure `ast`: nothing is run here. Every line that is left out stays as an empty line, so that a traceback from
the slice points to the right line of the user's file.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from kerasfix.source import Source, SourceError
from kerasfix.verify.choice import asked_by
from kerasfix.verify.errors import SliceError
from kerasfix.verify.harmless import canonical, dotted_name, offence
from kerasfix.verify.names import bound_names, global_reads

# A star import is followed without being asked only where it is known to bring names and nothing else.
_STAR_MODULES = ("keras", "tensorflow", "numpy", "math", "typing")
_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "AttributeError"}
_MODULE_NAMES = {"__name__", "__file__", "__doc__", "__package__", "__spec__", "__builtins__", "__class__"}


@dataclass(frozen=True)
class Slice:
    """The definitions of one class.

    Attributes:
        text: Python source with the line numbers of the module.
        backend: The Keras backend that the module asks for by name ("jax"), None if it does not.
    """

    text: str
    backend: str | None


@dataclass
class _Definition:
    """A top-level statement that can be kept.

    Attributes:
        offence: What it would run besides giving a value, None if nothing.
    """

    node: ast.stmt
    binds: set[str]
    reads: set[str]
    offence: str | None = None


@dataclass
class _Module:
    source: Source
    definitions: list[_Definition] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    plain_classes: frozenset[str] = frozenset()


def slice_class(
    text: str, class_name: str, is_project_module: Callable[[str], bool] = lambda name: False
) -> Slice:
    """Cut out what `class_name` needs.

    Args:
        text: The module.
        class_name: A class at the top level of the module.
        is_project_module: Whether the first part of a module's dotted name is a module of the user's project.
            Those are not run.

    Raises:
        SliceError: if the class is not there, or needs something that only running the script part would
            give.
    """
    module = _read(text)
    kept = _closure(module, class_name, is_project_module)
    return Slice(_render(module, kept, class_name), asked_by(text).backend)


def _read(text: str) -> _Module:
    source = Source(text)
    try:
        body = source.tree.body
    except SourceError as error:
        raise SliceError(f"line {error.line or 1}: {error.reason}") from None
    module = _Module(source)
    statements = list(_definitions(body))
    for statement in statements:
        module.aliases.update(_import_aliases(statement))
    module.plain_classes = frozenset(
        node.name for node in statements if isinstance(node, ast.ClassDef) and _is_plain(node)
    )
    for statement in statements:
        problem = _statement_offence(statement, module)
        module.definitions.append(
            _Definition(statement, bound_names(statement), global_reads(statement), problem)
        )
    return module


def _definitions(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The top-level statements without those that can only have side effects."""
    for statement in body:
        if isinstance(statement, ast.If) and _never_runs(statement.test):
            yield from _definitions(statement.orelse)
        elif not isinstance(statement, (ast.Expr, ast.Pass, ast.Assert, ast.Delete, ast.Raise)):
            yield statement


def _never_runs(test: ast.expr) -> bool:
    """`if __name__ == "__main__"` and `if TYPE_CHECKING`."""
    if isinstance(test, ast.Compare) and dotted_name(test.left) == "__name__":
        return isinstance(test.ops[0], ast.Eq)
    return dotted_name(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"}


def _import_aliases(statement: ast.stmt) -> dict[str, str]:
    """Bound name -> full dotted name, for all imports in a statement (also those in `try` and `if`)."""
    aliases: dict[str, str] = {}
    for node in _walk_module_level(statement):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                aliases[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return aliases


def _walk_module_level(statement: ast.stmt) -> Iterator[ast.AST]:
    yield statement
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, (ast.stmt, ast.ExceptHandler)):
                yield from _walk_module_level(child)  # type: ignore[arg-type]


def _is_plain(node: ast.ClassDef) -> bool:
    """Whether constructing the class runs nothing of its own: a data class, a bag of constants."""
    special = {"__init__", "__new__", "__post_init__", "__init_subclass__", "__setattr__"}
    bases = {dotted_name(base) for base in node.bases}
    methods = {item.name for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))}
    return (
        bases <= {"object", "NamedTuple", "typing.NamedTuple"} and not node.keywords and not methods & special
    )


def _statement_offence(statement: ast.stmt, module: _Module) -> str | None:
    """What loading the statement would run besides defining, as source text; None if nothing."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return None
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        arguments = statement.args
        return _first_offence([*arguments.defaults, *arguments.kw_defaults, *_decorators(statement)], module)
    if isinstance(statement, ast.ClassDef):
        own = [*statement.bases, *(item.value for item in statement.keywords), *_decorators(statement)]
        return _first_offence(own, module) or _block_offence(statement.body, module)
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        return _first_offence([statement.value], module)
    if isinstance(statement, ast.If):
        parts = _block_offence([*statement.body, *statement.orelse], module)
        return _first_offence([statement.test], module) or parts
    if isinstance(statement, ast.Try):
        return _try_offence(statement, module)
    return type(statement).__name__.lower() + " statement"


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[ast.expr]:
    """The calls among the decorators; `@name` alone runs a decorator of a library or of the file."""
    return [item for item in node.decorator_list if isinstance(item, ast.Call)]


def _try_offence(statement: ast.Try, module: _Module) -> str | None:
    for handler in statement.handlers:
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for item in caught:
            if item is not None and dotted_name(item) not in _IMPORT_ERRORS:
                return f"except {ast.unparse(item)}"
    handled = [item for handler in statement.handlers for item in handler.body]
    return _block_offence([*statement.body, *handled, *statement.orelse, *statement.finalbody], module)


def _block_offence(body: Iterable[ast.stmt], module: _Module) -> str | None:
    """The same for the statements of a class body or of a compound statement."""
    for statement in body:
        if isinstance(statement, (ast.Pass, ast.Raise)):
            continue
        if isinstance(statement, ast.Expr):
            # A docstring, or a call for its effect such as print(...).
            if not isinstance(statement.value, ast.Constant):
                return ast.unparse(statement.value)
        elif problem := _statement_offence(statement, module):
            return problem
    return None


def _first_offence(expressions: Iterable[ast.expr | None], module: _Module) -> str | None:
    for expression in expressions:
        if expression is not None and (problem := offence(expression, module.aliases, module.plain_classes)):
            return problem
    return None


def _closure(
    module: _Module, class_name: str, is_project_module: Callable[[str], bool]
) -> dict[int, tuple[_Definition, set[str]]]:
    """The definitions to keep, by their index, with the names of each that are needed."""
    if not any(
        isinstance(item.node, ast.ClassDef) and class_name in item.binds for item in module.definitions
    ):
        raise SliceError(f"class {class_name} is not defined at the top level of the file")
    kept: dict[int, tuple[_Definition, set[str]]] = {}
    seen: set[str] = set()
    unknown: set[str] = set()
    todo = [class_name]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        indices = _binding_indices(module, name)
        if not indices and not hasattr(builtins, name) and name not in _MODULE_NAMES:
            unknown.add(name)
        for index in indices:
            definition = module.definitions[index]
            _refuse_project_import(definition.node, name, is_project_module)
            kept.setdefault(index, (definition, set()))[1].add(name)
            todo += definition.reads
    _keep_stars(module, kept, unknown, is_project_module)
    return kept


def _binding_indices(module: _Module, name: str) -> list[int]:
    """Where `name` gets its value, as far as that can be had without running the script part."""
    binding = [
        (index, item)
        for index, item in enumerate(module.definitions)
        if name in item.binds or _mutates(item.node, name)
    ]
    harmless = [index for index, item in binding if item.offence is None]
    if binding and not any(name in module.definitions[index].binds for index in harmless):
        worst = binding[-1][1]
        raise SliceError(
            f"it needs `{name}`, which line {worst.node.lineno} makes by running {worst.offence}; "
            "kerasfix runs definitions only"
        )
    return harmless


def _mutates(node: ast.stmt, name: str) -> bool:
    """`CONFIG["units"] = 3` belongs to CONFIG."""
    if not isinstance(node, ast.Assign):
        return False
    return any(
        isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id == name
        for target in node.targets
    )


def _refuse_project_import(node: ast.stmt, name: str, is_project_module: Callable[[str], bool]) -> None:
    for item in _walk_module_level(node):
        if isinstance(item, ast.ImportFrom):
            module = "." * item.level + (item.module or "")
            names = {alias.asname or alias.name for alias in item.names}
            project = item.level > 0 or is_project_module(module.partition(".")[0])
        elif isinstance(item, ast.Import):
            used = [alias for alias in item.names if name == (alias.asname or alias.name.partition(".")[0])]
            module = used[0].name if used else ""
            names = {name} if used else set()
            project = bool(used) and is_project_module(module.partition(".")[0])
        else:
            continue
        if project and names & {name, "*"}:
            raise SliceError(
                f"it needs the module `{module}` of the project (line {item.lineno}); "
                "models that need other files of the project are not run yet"
            )


def _keep_stars(
    module: _Module,
    kept: dict[int, tuple[_Definition, set[str]]],
    unknown: set[str],
    is_project_module: Callable[[str], bool],
) -> None:
    """Keep the star imports if a needed name can come from nowhere else."""
    if not unknown:
        return
    for index, definition in enumerate(module.definitions):
        node = definition.node
        if isinstance(node, ast.ImportFrom) and "*" in definition.binds:
            root = canonical(node.module or "").partition(".")[0]
            if root not in _STAR_MODULES:
                _refuse_project_import(node, min(unknown), is_project_module)
            kept.setdefault(index, (definition, set()))[1].add("*")


def _render(module: _Module, kept: dict[int, tuple[_Definition, set[str]]], class_name: str) -> str:
    source = module.source
    lines = [""] * len(source.line_starts)
    for index, definition in enumerate(module.definitions):
        node = definition.node
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if index not in kept and not future:
            continue
        needed = definition.binds if future else kept[index][1]
        first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
        # What stood before on the line may be gone, so the first line starts at its own column 0.
        start = source.span(node)[0] if first == node.lineno else source.line_starts[first - 1]
        segment = _import_text(node, needed) or source.text[start : source.span(node)[1]]
        for offset, line in enumerate(re.split(r"\r\n|\r|\n", segment)):
            place = first - 1 + offset
            lines[place] = f"{lines[place]}; {line}" if lines[place] else line
    return "\n".join(lines)


def _import_text(node: ast.stmt, needed: set[str]) -> str | None:
    """An import with only its needed names: one that is missing and not needed is no obstacle."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return None
    aliases = [
        alias
        for alias in node.names
        if (alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name))
        in needed
    ]
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(names=aliases))
    return ast.unparse(ast.ImportFrom(module=node.module, names=aliases, level=node.level))
