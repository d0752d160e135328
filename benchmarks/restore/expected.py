"""Whether a class is the author's again: trees compared.

Some of what the author wrote cannot be known from the broken class, and does not matter. So in the original
and in what came back, `training=` is read as the last of the keywords of a call, and `bool`, `bool | None`
and `Optional[bool]` as one annotation of the flag. For a break of the whole signature, `training=None` is
expected last among the positional parameters, and annotated if another parameter is.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from benchmarks.restore.knowledge import FLAG, positional
from benchmarks.restore.library import Function
from benchmarks.restore.surgery import default_of

_SAME = {"bool", "bool | None", "None | bool", "Optional[bool]", "typing.Optional[bool]"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to come back.

    Attributes:
        print: The fingerprint of the class.
        moved: Whether the author has the flag at another place than last.
        annotated: Whether the author annotates the flag and no other parameter, or the other way round.
    """

    print: int
    moved: bool = False
    annotated: bool = False


def fingerprint(node: ast.AST) -> int:
    """What a statement says, without positions, comments and layout, as a number."""
    return hash(ast.dump(node))


def with_flag_last(node: ast.stmt) -> Expected:
    """What has to come back for a class that lost its flag. Changes the tree."""
    call = _call_of(node)
    arguments = call.args
    flag = next(each for each in [*positional(call), *arguments.kwonlyargs] if each.arg == FLAG)
    was_annotated = flag.annotation is not None
    flag.annotation = None
    before = ast.dump(arguments)
    _take_out(arguments, flag, default_of(call))
    _put_last(arguments, flag)
    moved = ast.dump(arguments) != before
    others = [*positional(call)[1:], *arguments.kwonlyargs]
    is_annotated = any(each.annotation is not None for each in others if each is not flag)
    flag.annotation = ast.Name("bool", ast.Load()) if is_annotated else None
    return Expected(normal_print(node), moved, was_annotated != is_annotated)


def normal_print(node: ast.stmt) -> int:
    """The fingerprint of a class without what the author alone can know. Changes the tree."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            each.keywords.sort(key=lambda keyword: keyword.arg == FLAG)
    try:
        call = _call_of(node)
    except LookupError:
        return fingerprint(node)
    for each in [*positional(call), *call.args.kwonlyargs]:
        if each.arg == FLAG and each.annotation is not None and ast.unparse(each.annotation) in _SAME:
            each.annotation = ast.Name("bool", ast.Load())
    return fingerprint(node)


def without_passes(node: ast.stmt) -> int:
    """The fingerprint of a class in which nothing is given a `training=`. Changes the tree."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            each.keywords = [keyword for keyword in each.keywords if keyword.arg != FLAG]
    return normal_print(node)


def _call_of(node: ast.stmt) -> Function:
    """The `call` of a class.

    Raises:
        LookupError: if there is none.
    """
    for item in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(item, Function) and item.name == "call":
            return item
    raise LookupError("call")


def _take_out(arguments: ast.arguments, flag: ast.arg, default: ast.expr | None) -> None:
    if flag in arguments.kwonlyargs:
        at = arguments.kwonlyargs.index(flag)
        del arguments.kwonlyargs[at], arguments.kw_defaults[at]
    else:
        for group in (arguments.posonlyargs, arguments.args):
            if flag in group:
                group.remove(flag)
        arguments.defaults = [each for each in arguments.defaults if each is not default]


def _put_last(arguments: ast.arguments, flag: ast.arg) -> None:
    none = ast.Constant(None)
    if arguments.vararg is not None:
        arguments.kwonlyargs.append(flag)
        arguments.kw_defaults.append(none)
    else:
        arguments.args.append(flag)
        arguments.defaults.append(none)
