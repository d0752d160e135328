"""What functions are given: by those who run them for somebody else, and by the constructors of objects."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from kerasfix.analysis.index import Method
from kerasfix.analysis.scope import Function
from kerasfix.syntax import own_nodes


def given_to_each(
    call: ast.Call, rest: Sequence[ast.expr]
) -> tuple[Sequence[ast.expr], Sequence[ast.keyword]]:
    """The arguments in `strategy.run(step, (x, y), {"weight": w})`."""
    named = {each.arg: each.value for each in call.keywords}
    first, second, *_ = *rest, None, None
    args, kwargs = named.get("args", first), named.get("kwargs", second)
    keywords = zip(kwargs.keys, kwargs.values, strict=True) if isinstance(kwargs, ast.Dict) else ()
    return (
        args.elts if isinstance(args, ast.Tuple | ast.List) else (),
        [
            ast.keyword(key.value, value)
            for key, value in keywords
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        ],
    )


def attributes_set(method: Method) -> Iterator[tuple[str, ast.expr]]:
    """What a constructor sets the attributes of `self` to."""
    for node in own_nodes(method.node.body):
        match node:
            case (
                ast.Assign(targets=[ast.Attribute(value=ast.Name(id=owner), attr=name)], value=value)
                | ast.AnnAssign(
                    target=ast.Attribute(value=ast.Name(id=owner), attr=name), value=ast.expr() as value
                )
            ) if owner == method.self_name:
                yield name, value


def is_static(function: Function) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in function.decorator_list)
