"""What a decorator does to the flag of the method below it: hands it on, hides it from Keras, or who knows.

Keras 3 asks `inspect.signature` whether a `call` takes `training`. What it sees is the function that the
outermost decorator returned, unless `functools.wraps` says whom that one stands for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from kerasfix.analysis.index import Method, Module
from kerasfix.analysis.project import Project
from kerasfix.analysis.scope import Function, Scope, function_scope, named_parameters
from kerasfix.analysis.sites import FLAG
from kerasfix.syntax import own_nodes, parents_in, walk

# Decorators that hand all arguments through and show the signature of what they decorate.
_TRANSPARENT = frozenset(
    {
        "tensorflow.function",
        "tensorflow.autograph.experimental.do_not_convert",
        "tensorflow.Module.with_name_scope",
        "typing.no_type_check",
        "typing.override",
        "typing_extensions.override",
        "abc.abstractmethod",
    }
)
_WRAPS = "functools.wraps"
_UPDATE_WRAPPER = "functools.update_wrapper"
# Attributes of a function by which `inspect.signature` finds another signature than its own.
_SIGNATURES = frozenset({"__signature__", "__wrapped__"})
# Methods of a dict that leave it as it is, and functions that only read what they are given.
_READING = frozenset({"copy", "get", "items", "keys", "values"})
_READERS = frozenset({"bool", "dict", "len", "list", "print", "repr", "set", "sorted", "str", "tuple"})


@dataclass(frozen=True, slots=True)
class Hidden:
    """A decorator of the project behind which Keras 3 does not see that a method takes the flag.

    Attributes:
        decorator: The decorator as it stands above the method.
        function: The function that it names.
        module: The file of that function.
        scope: The names around the functions that Keras sees instead of the method.
        original: What the method is called there.
        inners: These functions; those of them that have no `functools.wraps`.
        blockers: Why `functools.wraps` alone may not bring the flag to the method; empty if the whole way is
            in sight.
    """

    decorator: ast.expr
    function: Function
    module: Module
    scope: Scope
    original: str
    inners: tuple[Function, ...]
    blockers: tuple[str, ...]

    @property
    def in_sight(self) -> bool:
        return not self.blockers


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """What a decorator puts in the place of a method.

    Attributes:
        function: The decorator, or the function that makes it.
        scope: The names around `inners`.
        original: The parameter that holds the method.
        inners: The functions that are returned, and whether each shows the method's signature.
    """

    function: Function
    scope: Scope
    original: str
    inners: dict[Function, bool]

    def losses(self) -> list[str]:
        """How the flag can get lost on the way through."""
        return [reason for inner in self.inners for reason in _losses(inner, self.original)]


def hidden_by(method: Method) -> Hidden | None:
    """The outermost decorator that hides the flag of a method, if there is one for certain.

    Whether the method takes the flag at all is not looked at.
    """
    project, scope = method.owner.module.project, method.owner.scope
    decorators = method.node.decorator_list
    for index, decorator in enumerate(decorators):
        if is_transparent(decorator, scope):
            continue
        wrapper = _wrapper(decorator, scope, project)
        if wrapper is None:
            return None
        hiding = tuple(
            inner for inner, shows in wrapper.inners.items() if not shows and not _takes_flag(inner)
        )
        if hiding:
            module = project.module_of(wrapper.scope)
            assert module is not None
            blockers = wrapper.losses()
            if not module.given:
                blockers.append(f"`{wrapper.function.name}` is written in a file that was not given")
            blockers += _unclear_below(method, decorators[index + 1 :])
            return Hidden(
                decorator, wrapper.function, module, wrapper.scope, wrapper.original, hiding, tuple(blockers)
            )
        if any(_takes_flag(inner) for inner in wrapper.inners):
            return None
    return None


def hands_on(decorator: ast.expr, method: Method) -> bool:
    """Whether a decorator is known to bring the flag to `method`, from Keras or from another method."""
    scope = method.owner.scope
    if is_transparent(decorator, scope):
        return True
    project = method.owner.module.project
    wrapper = _wrapper(decorator, scope, project)
    if wrapper is None:
        return False
    if wrapper.losses() and not (
        all(wrapper.inners.values()) and _is_relied_on(wrapper.function, method, project)
    ):
        return False
    # Only of `call` does Keras read the signature.
    return method.name != "call" or all(
        shows or _takes_flag(inner) for inner, shows in wrapper.inners.items()
    )


def _is_relied_on(function: Function, method: Method, project: Project) -> bool:
    """Whether another method below a decorator hands on the flag that it gets through it."""
    return any(each.node is not method.node for each in project.handing_on.get(function, ()))


def is_transparent(decorator: ast.expr, scope: Scope) -> bool:
    """Whether it is a decorator of TensorFlow or Python that hands all through."""
    return scope.dotted(named(decorator)) in _TRANSPARENT


def named(decorator: ast.expr) -> ast.expr:
    """The name in a decorator, with or without arguments."""
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _unclear_below(method: Method, decorators: list[ast.expr]) -> Iterator[str]:
    for decorator in decorators:
        # Whether it shows the signature is the next question; first the flag has to get through.
        wrapper = _wrapper(decorator, method.owner.scope, method.owner.module.project)
        if not is_transparent(decorator, method.owner.scope) and (wrapper is None or wrapper.losses()):
            yield f"below it stands the decorator `{ast.unparse(named(decorator))}`"


def _wrapper(decorator: ast.expr, scope: Scope, project: Project) -> _Wrapper | None:
    """What a decorator that is a function of the project returns, if that can be told."""
    found = project.function_named(named(decorator), scope)
    if found is None:
        return None
    function, outer = found
    if not isinstance(decorator, ast.Call):
        return _made_by(function, function, outer)
    # `@logged(level=2)`: the function returns the decorator.
    inner = function_scope(function, outer)
    makers = _returned(function, inner, "")
    if makers is None or len(makers) != 1 or function.decorator_list:
        return None
    [maker] = makers
    return _made_by(function, maker, inner)


def _made_by(function: Function, maker: Function, outer: Scope) -> _Wrapper | None:
    """What `maker` makes of the function that it is called with."""
    parameters = maker.args.posonlyargs + maker.args.args
    without_default = len(parameters) - len(maker.args.defaults)
    if maker.decorator_list or without_default > 1 or not parameters or None in maker.args.kw_defaults:
        return None
    original = parameters[0].arg
    scope = function_scope(maker, outer)
    if len(scope.bindings[original]) > 1:
        return None
    inners = _returned(maker, scope, original)
    return _Wrapper(function, scope, original, inners) if inners is not None else None


def _returned(maker: Function, scope: Scope, original: str) -> dict[Function, bool] | None:
    """The nested functions that `maker` returns, and whether each shows the signature of `original`.

    None if it may return something else; `original` itself does no harm.
    """
    if isinstance(maker, ast.AsyncFunctionDef):
        return None
    found: dict[Function, bool] = {}
    shown = _shown(maker, scope, original)
    for node in own_nodes(maker.body):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return None
        if not isinstance(node, ast.Return):
            continue
        name, wrapped = _unwrapped(node.value, scope, original)
        if name is None:
            return None
        if name == original:
            continue
        for binding in scope.bindings.get(name, []):
            if isinstance(binding, ast.Call) and _unwrapped(binding, scope, original) == (name, True):
                continue
            if not isinstance(binding, Function) or not _is_plain(binding, scope, original):
                return None
            shows = (
                wrapped
                or name in shown
                or any(_is_wraps(decorator, scope, original) for decorator in binding.decorator_list)
            )
            found[binding] = shows
        if name not in scope.bindings:
            return None
    return found


def _unwrapped(node: ast.expr | None, scope: Scope, original: str) -> tuple[str | None, bool]:
    """The name of the function that an expression gives, and whether it is made to look like `original`."""
    match node:
        case ast.Name(id=name):
            return name, False
        case ast.Call(func=func, args=[ast.Name(id=name)]) if _is_wraps(func, scope, original):
            return name, True
        case ast.Call(func=func, args=[ast.Name(id=name), ast.Name(id=model)]) if (
            model == original and scope.dotted(func) == _UPDATE_WRAPPER
        ):
            return name, True
    return None, False


def _shown(maker: Function, scope: Scope, original: str) -> set[str]:
    """The functions that statements in `maker` make look like `original`."""
    found: set[str] = set()
    for node in own_nodes(maker.body):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Store()):
                if attribute in _SIGNATURES:
                    found.add(name)
            case ast.Call():
                name_found, wrapped = _unwrapped(node, scope, original)
                if wrapped and name_found is not None:
                    found.add(name_found)
    return found


def _is_wraps(node: ast.expr, scope: Scope, original: str) -> bool:
    """Whether an expression is `functools.wraps(original)`."""
    match node:
        case ast.Call(func=func, args=[ast.Name(id=name), *_]):
            return name == original and scope.dotted(func) == _WRAPS
    return False


def _is_plain(inner: Function, scope: Scope, original: str) -> bool:
    """Whether no decorator of a nested function can make something else of it."""
    return all(
        _is_wraps(decorator, scope, original) or is_transparent(decorator, scope)
        for decorator in inner.decorator_list
    )


def _takes_flag(inner: Function) -> bool:
    return any(argument.arg == FLAG for argument in named_parameters(inner))


def _losses(inner: Function, original: str) -> Iterator[str]:
    """How the flag can get lost between a call of `inner` and the call of `original` in it."""
    keywords = inner.args.kwarg.arg if inner.args.kwarg else None
    rest = inner.args.vararg.arg if inner.args.vararg else None
    if keywords is None and not _takes_flag(inner):
        yield f"`{inner.name}` takes no `**kwargs`, in which the flag could come"
        return
    parents = parents_in(inner)
    names = [node for statement in inner.body for node in walk(statement) if isinstance(node, ast.Name)]
    calls = []
    for name in names:
        parent = parents[name]
        if name.id == original and isinstance(parent, ast.Call) and parent.func is name:
            calls.append(parent)
        elif name.id == original and not isinstance(parent, ast.Attribute):
            yield f"`{inner.name}` hands `{original}` on to something that is not followed"
        elif name.id == keywords and not _only_reads(name, parents):
            yield f"`{inner.name}` may change `**{keywords}`"
        elif name.id == FLAG and isinstance(name.ctx, ast.Store):
            yield f"`{inner.name}` sets `{FLAG}`"
    if any(
        argument.arg in (original, keywords, rest)
        for node in walk(inner)
        if isinstance(node, ast.Lambda | Function) and node is not inner
        for argument in named_parameters(node)
    ):
        yield f"`{inner.name}` has a nested function with a parameter of the same name"
    if not calls:
        yield f"`{inner.name}` does not call `{original}` itself"
    for call in calls:
        if not _passes_on(call, inner, rest, keywords):
            yield f"`{inner.name}` calls `{original}` without handing everything on"


def _passes_on(call: ast.Call, inner: Function, rest: str | None, keywords: str | None) -> bool:
    passed = {
        keyword.value.id
        for keyword in call.keywords
        if keyword.arg is None and isinstance(keyword.value, ast.Name)
    }
    starred = {
        argument.value.id
        for argument in call.args
        if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name)
    }
    flag = [keyword.value for keyword in call.keywords if keyword.arg == FLAG]
    if _takes_flag(inner):
        flag_arrives = any(isinstance(value, ast.Name) and value.id == FLAG for value in flag)
    else:
        flag_arrives = not flag
    return flag_arrives and (rest is None or rest in starred) and (keywords is None or keywords in passed)


def _only_reads(name: ast.Name, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a use of `kwargs` leaves the dict as it is."""
    if not isinstance(name.ctx, ast.Load):
        return False
    match parents[name]:
        case ast.keyword(arg=None):
            return True
        case ast.Attribute(attr=attribute):
            return attribute in _READING
        case ast.Subscript(value=value, ctx=ast.Load()):
            return value is name
        case ast.Compare() | ast.FormattedValue() | ast.BoolOp() | ast.UnaryOp() | ast.If() | ast.IfExp():
            return True
        case ast.Dict():
            # `{**kwargs, "a": 1}`
            return True
        case ast.Call(func=ast.Name(id=reader)):
            return reader in _READERS
    return False
