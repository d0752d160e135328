"""Rewrites of one signature: add the parameter `training`, set its default."""

from __future__ import annotations

import libcst as cst

from kerasfix.codemods import CannotEdit
from kerasfix.codemods.layout import Layout, appended


def add_parameter(
    function: cst.FunctionDef, name: str, default: str, annotation: str | None, layout: Layout
) -> cst.FunctionDef:
    """Add `name=default` behind the positional parameters, before `*`, `*args` and `**kwargs`.

    Behind `*args` it becomes keyword-only. Where every parameter has a line of its own, it gets one too.
    """
    parameters = function.params
    group = "kwonly_params" if isinstance(parameters.star_arg, cst.Param) else "params"
    new = _parameter(name, default, annotation)
    if group == "kwonly_params" and not parameters.kwonly_params and parameters.star_kwarg is not None:
        # The first one behind `*args` stands before `**kwargs` as `*args` did.
        assert isinstance(parameters.star_arg, cst.Param)
        new = new.with_changes(comma=parameters.star_arg.comma)
    found = appended(getattr(parameters, group), new, function.whitespace_before_params, layout)
    return function.with_changes(params=parameters.with_changes(**{group: found}))


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


def _code(node: cst.CSTNode) -> str:
    return cst.Module(body=[]).code_for_node(node)
