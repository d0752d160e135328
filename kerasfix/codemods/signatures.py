"""Rewrites of one signature: add the parameter `training`, set its default."""

from __future__ import annotations

import libcst as cst

from kerasfix.codemods import CannotEdit


def add_parameter(
    function: cst.FunctionDef, name: str, default: str, annotation: str | None, comma: str
) -> cst.FunctionDef:
    """Add `name=default` behind the positional parameters, before `*`, `*args` and `**kwargs`.

    Behind `*args` it becomes keyword-only. Where every parameter has a line of its own, it gets one too.
    """
    parameters = function.params
    new = _parameter(name, default, annotation)
    if isinstance(parameters.star_arg, cst.Param):
        changed = parameters.with_changes(
            kwonly_params=_appended(function, parameters.kwonly_params, new, comma)
        )
    else:
        changed = parameters.with_changes(params=_appended(function, parameters.params, new, comma))
    return function.with_changes(params=changed)


def set_default(function: cst.FunctionDef, name: str, default: str, optional: str | None) -> cst.FunctionDef:
    """Give the parameter `name` the default value `default`.

    Args:
        function: The function.
        name: The parameter.
        default: The source of the new default.
        optional: If given, the annotation `bool` becomes this one.
    """
    parameters = function.params
    for group in ("posonly_params", "params", "kwonly_params"):
        found = list(getattr(parameters, group))
        for index, parameter in enumerate(found):
            if parameter.name.value == name:
                found[index] = _with_default(parameter, default, optional)
                return function.with_changes(params=parameters.with_changes(**{group: found}))
    raise CannotEdit(f"no parameter {name}")


def _with_default(parameter: cst.Param, default: str, optional: str | None) -> cst.Param:
    annotation = parameter.annotation
    if annotation is not None and optional and _code(annotation.annotation) == "bool":
        annotation = annotation.with_changes(annotation=cst.parse_expression(optional))
    equal = parameter.equal
    if not isinstance(equal, cst.AssignEqual):
        equal = _equal(annotation is not None)
    return parameter.with_changes(default=cst.parse_expression(default), equal=equal, annotation=annotation)


def _parameter(name: str, default: str, annotation: str | None) -> cst.Param:
    return cst.Param(
        name=cst.Name(name),
        annotation=cst.Annotation(cst.parse_expression(annotation)) if annotation else None,
        equal=_equal(annotation is not None),
        default=cst.parse_expression(default),
    )


def _equal(annotated: bool) -> cst.AssignEqual:
    space = cst.SimpleWhitespace(" " if annotated else "")
    return cst.AssignEqual(space, space)


def _appended(function: cst.FunctionDef, parameters: object, new: cst.Param, comma: str) -> list[cst.Param]:
    """`parameters` with `new` at the end, and the white space between them as the author has it."""
    found: list[cst.Param] = list(parameters)  # type: ignore[call-overload]
    if not found:
        return [new]
    last = found[-1]
    gap = _gap(function, comma)
    if isinstance(last.comma, cst.Comma):
        # Something follows, or the comma is a trailing one: either way the new one takes it over.
        after = last.comma.whitespace_after
        if isinstance(gap, cst.ParenthesizedWhitespace) and isinstance(after, cst.ParenthesizedWhitespace):
            gap = gap.with_changes(first_line=after.first_line, empty_lines=after.empty_lines)
        new = new.with_changes(comma=last.comma, whitespace_after_param=last.whitespace_after_param)
        last = last.with_changes(comma=last.comma.with_changes(whitespace_after=gap))
    else:
        new = new.with_changes(whitespace_after_param=last.whitespace_after_param)
        last = last.with_changes(
            comma=cst.Comma(whitespace_after=gap), whitespace_after_param=cst.SimpleWhitespace("")
        )
    return [*found[:-1], last, new]


def _gap(function: cst.FunctionDef, comma: str) -> cst.BaseParenthesizableWhitespace:
    """The white space between two parameters: a line break if the first one stands on its own line."""
    before = function.whitespace_before_params
    if isinstance(before, cst.ParenthesizedWhitespace):
        return cst.ParenthesizedWhitespace(indent=before.indent, last_line=before.last_line)
    return cst.SimpleWhitespace(comma[1:])


def _code(node: cst.CSTNode) -> str:
    return cst.Module(body=[]).code_for_node(node)
