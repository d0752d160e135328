"""Edits that give a layer of a functional model a mode that no `fit` and no `predict` overrides."""

from __future__ import annotations

import ast
from functools import partial

from kerasfix.analysis.index import Module
from kerasfix.analysis.made import Made
from kerasfix.analysis.scope import Scope
from kerasfix.analysis.sites import FLAG
from kerasfix.analysis.spelling import keras_of
from kerasfix.codemods import CannotEdit
from kerasfix.codemods.calls import drop_keyword
from kerasfix.codemods.insertion import class_before, spelled
from kerasfix.codemods.segment import edit_call
from kerasfix.source import Edit

# In Keras 2 and 3 alike; `keras.saving` came late to Keras 2.
_REGISTER = "utils.register_keras_serializable"


def always_training(
    module: Module, scope: Scope, call: ast.Call, layer: str, before: ast.stmt
) -> tuple[Edit, ...]:
    """Turn `Dropout(rate)(x, training=True)` into `AlwaysTrainingDropout(rate)(x)`.

    Args:
        module: The module.
        scope: The names at the call.
        call: The call.
        layer: The name of the layer's class.
        before: The statement at the top of the module before which the class is to stand.
    """
    assert isinstance(call.func, ast.Call)
    name = f"AlwaysTraining{layer}"
    keras = _keras_of(call.func.func, scope)
    body = [
        f'\t"""A {layer} that stays in training mode, whatever `fit` and `predict` ask for."""',
        "",
        f"\tdef call(self, inputs, {FLAG}=None):",
        f"\t\treturn super().call(inputs, {FLAG}=True)",
    ]
    start, end = module.source.span(call.func.func)
    return (
        *_class(module, name, f"{keras}.layers.{layer}", keras, body, before),
        Edit(start, end, name, module.file),
        *edit_call(module.source, call, partial(drop_keyword, name=FLAG)),
    )


def always_inference(module: Module, call: ast.Call, backbone: Made, before: ast.stmt) -> tuple[Edit, ...]:
    """Turn `base(x, training=False)` into `AlwaysInference(base)(x)`.

    Args:
        module: The module.
        call: The call.
        backbone: What made `base`; it tells which Keras is in use.
        before: The statement at the top of the module before which the class is to stand.
    """
    if len(call.args) + len(call.keywords) != 2:
        raise CannotEdit("it is given more than its input")
    name = "AlwaysInference"
    keras = _keras_of(backbone.call.func, backbone.scope)
    body = [
        '\t"""Runs the model inside in inference mode, whatever `fit` asks for."""',
        "",
        f"\tdef call(self, inputs, {FLAG}=None):",
        f"\t\treturn self.layer(inputs, {FLAG}=False)",
    ]
    start, end = module.source.span(call.func)
    return (
        *_class(module, name, f"{keras}.layers.Wrapper", keras, body, before),
        Edit(start, start, f"{name}(", module.file),
        Edit(end, end, ")", module.file),
        *edit_call(module.source, call, partial(drop_keyword, name=FLAG)),
    )


def _keras_of(node: ast.expr, scope: Scope) -> str:
    found = keras_of(node, scope)
    if found is None:
        raise CannotEdit(f"it is not clear from which Keras `{ast.unparse(node)}` comes")
    return found


def _class(
    module: Module, name: str, base: str, keras: str, body: list[str], before: ast.stmt
) -> tuple[Edit, ...]:
    """A registered class with a base, unless the module has it already."""
    bindings = module.scope.lookup(name)
    if bindings:
        existing = bindings[0]
        if len(bindings) == 1 and isinstance(existing, ast.ClassDef) and existing.lineno < before.lineno:
            made = [module.scope.dotted(each) for each in existing.bases]
            if made == [module.scope.dotted(ast.parse(spelled(module, before, base)[0], mode="eval").body)]:
                return ()
        raise CannotEdit(f"the name `{name}` is taken")
    base_text, base_import = spelled(module, before, base)
    register, register_import = spelled(module, before, f"{keras}.{_REGISTER}")
    lines = [f"@{register}()", f"class {name}({base_text}):", *body]
    inserted = [*base_import, *register_import, class_before(module.source, before, lines)]
    # At one place they are one edit, so that the imports stay above the class.
    text: dict[int, str] = {}
    for edit in inserted:
        text[edit.start] = text.get(edit.start, "") + edit.content
    return tuple(Edit(at, at, content, module.file) for at, content in text.items())
