"""Which layers have weights that are there to be trained, and which names say that they are not."""

from __future__ import annotations

import ast
import re

from kerasfix.analysis.index import ClassInfo
from kerasfix.analysis.values import BuiltinLayer, Stack, UserLayer, Value
from kerasfix.keras.gradients import TRAINED, WRAPPERS
from kerasfix.keras.packages import PackageLayer
from kerasfix.syntax import of_kind

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Words of names that are not trained by the gradient: they follow another model, or stay as they are.
_FOLLOWS = """
    target teacher ema momentum frozen freeze freezed fixed pretrained oracle random reference
"""
# Words of classes and methods that only run.
_RUNS = """
    act action actor agent beam best choose classify decode decoder decoding evaluate evaluation explore
    export exporter generate generation greedy infer inference metric metrics nms policy postprocess
    postprocessing postprocessor predict prediction predictions predictor sample sampler sampling search
    select selector serve serving test tokenize tokenizer transform translate translator
"""
# Words at a stopped gradient that say why it is.
_STOPS = """
    anchor auxiliary baseline codebook detach detached discrete label labels memory negative nograd old prior
    probe probing prototype pseudo quantize quantized quantizer quantised ref stopgrad target targets teacher
"""
NOT_TRAINED = frozenset(_FOLLOWS.split())
RUNS_ONLY = frozenset(_RUNS.split())
STOPPED_ON_PURPOSE = frozenset(_STOPS.split())

# Constructor arguments without which a layer of normalisation has no weights.
_NORMALISES = frozenset(
    {"BatchNormalization", "LayerNormalization", "GroupNormalization", "SyncBatchNormalization"}
)


def words_of(*texts: str) -> set[str]:
    """The words of names and of lines, in small letters."""
    return {word.lower() for text in texts for word in _WORD.findall(text)}


def may_have_weights(layer: BuiltinLayer | UserLayer | Stack) -> bool:
    """Whether a layer that an attribute holds could be trained."""
    return not isinstance(layer, BuiltinLayer) or layer.fact.name in TRAINED or layer.fact.name in WRAPPERS


def is_trained(value: Value) -> bool:
    """Whether a value is a layer that has weights for certain, which are not frozen."""
    match value:
        case BuiltinLayer(fact=known, call=call, inner=inner, frozen=frozen):
            if frozen or isinstance(known, PackageLayer) or _is_frozen_by(call):
                return False
            if known.name in WRAPPERS:
                return bool(inner) and all(is_trained(each) for each in inner)
            if known.name in _NORMALISES and {"center", "scale"} & {each.arg for each in call.keywords}:
                return False
            return known.name in TRAINED
        case Stack(layers=layers, frozen=frozen, class_name="Sequential"):
            return not frozen and any(is_trained(each) for each in layers)
        case UserLayer(info=info, call=call, frozen=frozen):
            return not frozen and not _is_frozen_by(call) and _has_weights(info)
    return False


def _is_frozen_by(call: ast.Call) -> bool:
    """Whether `trainable` is given where a layer is made: as False, or as something not known."""
    return any(
        each.arg in (None, "trainable")
        and not (isinstance(each.value, ast.Constant) and each.value.value is True)
        for each in call.keywords
    )


def _has_weights(info: ClassInfo) -> bool:
    """Whether a class makes weights of its own or layers of Keras that have some, in sight."""
    if info.is_open:
        return False
    nodes = [
        node
        for each in info.ancestors
        for method in each.methods.values()
        for node in of_kind(method.node, ast.Attribute, ast.Call)
    ]
    if any(isinstance(node, ast.Attribute) and node.attr in ("trainable", "assign") for node in nodes):
        return False
    for node in nodes:
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "add_weight":
                return not _is_frozen_by(node)
            dotted = info.scope.dotted(node.func) or ""
            if dotted.startswith("keras.layers.") and dotted.rpartition(".")[2] in TRAINED:
                return not _is_frozen_by(node)
    return False
