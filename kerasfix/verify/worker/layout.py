"""How a model takes its inputs: how many, what each is called and which layer reads it."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

import numpy as np

from .apart import Layout, Slot, first_rebinding, shapes_read, taken_apart
from .documented import documented_shapes, listed_shapes
from .guesses import BATCH, MISSING, by_name
from .keras_import import is_keras_class
from .ranks import is_name, ranks_in
from .reading import NAMED, owner_of, parse_source, signature_of
from .sensitive import words

SWITCHES = words("training is_training train trainable isTraining is_train deterministic")
_NOT_TENSORS = re.compile(
    r"^(num_|n_|height$|width$|axis$|step$|mode$|h$|w$|size$|.*_(size|len|length|axis|height|width)$)"
)
_CHOICE = re.compile(r"(use|is|has|with|return|apply|include|do|only|output)_|causal|verbose|deterministic")
# Kept from call to call, and no tensor in the first.
_STATE = re.compile(r"cache|past|kwargs|mode$|dtype|name")
_STATES = re.compile(r"(^|_)(states?|memory)$")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_MOST_STEPS = 400
_DEEPEST = 3


def layout_of(model: Any) -> Layout:
    """Read off the signature of `call` and off what its lines do with the inputs."""
    owner = owner_of(type(model), "call")
    if owner is None:
        return Layout("one", [Slot("inputs")])
    method = _definition(vars(owner)["call"])
    parameters = [item for item in signature_of(vars(owner)["call"]) if item.kind in _POSITIONAL]
    inner = _handed_on(model, method) if method and not parameters else None
    if inner is not None:
        parameters = [item for item in signature_of(inner) if item.kind in NAMED]
        inner = inner if parameters else None
    needed, constants, optional = [], [], []
    for index, item in enumerate(parameters):
        if item.name in SWITCHES:
            continue
        if item.default is item.empty or (index == 0 and item.default is None):
            if (index or inner) and _is_constant(item):
                value = by_name(item.name)
                constants.append((item.name, 4 if value is MISSING else value))
            else:
                needed.append(item.name)
        elif item.default is None and not _is_constant(item) and not _STATE.search(item.name):
            optional.append(Slot(item.name, item.name))
    if inner and not needed:
        needed = [slot.label for slot in optional[:1]] or ["inputs"]
    if len(needed) > 1 or constants or inner:
        # What is handed on as it comes goes by its name, which tells a dictionary of shapes what is what.
        slots = [Slot(name, name if index or inner else None) for index, name in enumerate(needed)]
        layout = Layout("args", slots, tuple(constants))
    elif method and needed:
        function = vars(owner)["call"]
        layout = taken_apart(method, needed[0], _scope(function, model))
        if layout.kind == "one":
            layout = _taken_apart_inside(model, method, needed[0], _DEEPEST) or _in_build(model) or layout
    else:
        layout = Layout("one", [Slot("inputs")])
    if method:
        for slot in layout.slots:
            _read(slot, model, method, slot.label, set())
    layout.optional = optional
    documented = _documented(owner, len(layout.slots))
    if len(documented) == len(layout.slots):
        for slot, shape in zip(layout.slots, documented):
            slot.shape = shape
            slot.ranks.insert(0, len(shape))
    if layout.kind == "args":
        layout.slots = [one for slot in layout.slots for one in _states(model, slot)]
    return layout


def _definition(function: Any) -> ast.FunctionDef | None:
    tree = parse_source(function)
    return tree.body[0] if tree and tree.body and isinstance(tree.body[0], ast.FunctionDef) else None


def _scope(function: Any, model: Any) -> dict[str, Any]:
    """What the names in a method mean."""
    return {**getattr(inspect.unwrap(function), "__globals__", {}), "self": model}


def _handed_on(model: Any, method: ast.FunctionDef) -> Any:
    """The method that `call(self, *args, **kwargs)` hands all it gets to; None if there is none."""
    rest = method.args.kwarg.arg if method.args.kwarg else ""
    for node in ast.walk(method) if rest else ():
        if isinstance(node, ast.Call) and any(
            keyword.arg is None and is_name(keyword.value, rest) for keyword in node.keywords
        ):
            inner, owner = _method_called(model, ast.unparse(node.func))
            if inner is not None and owner is model:
                return inner
    return None


def _states(model: Any, slot: Slot) -> list[Slot]:
    """What the cell of a recurrent layer takes from its last step: a tensor for each size that it names."""
    if slot.key is None or not _STATES.search(slot.key):
        return [slot]
    try:
        sizes = model.state_size
        rows = [np.ravel(size) for size in (sizes if isinstance(sizes, (list, tuple)) else [sizes])]
        shapes = [(BATCH, *(int(number) for number in row)) for row in rows]
    except Exception:
        # It may have none, or a property of the user's that raises.
        return [slot]
    return [Slot(slot.label, slot.key, shape=shape, listed=True) for shape in shapes]


def _documented(owner: type, count: int) -> list[tuple[int, ...]]:
    """The shapes of so many inputs, from where they are all given."""
    # Its own words only: those of Keras' base classes speak of other layers.
    texts = [inspect.cleandoc(thing.__doc__ or "") for thing in (vars(owner)["call"], owner)]
    for text in texts[:1] if count == 1 else texts:
        for found in (documented_shapes(text), listed_shapes(text)):
            if len(found) == count:
                return found
    return []


def _is_constant(item: inspect.Parameter) -> bool:
    annotated = str(item.annotation)
    if annotated in ("bool", "int", "str", "float") or annotated.startswith("<class 'bool"):
        return True
    return bool(_NOT_TENSORS.match(item.name) or _CHOICE.match(item.name))


def _taken_apart_inside(model: Any, method: ast.FunctionDef, name: str, depth: int) -> Layout | None:
    """How the methods take an input apart that `call` hands it to as it is."""
    for node in ast.walk(method):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).startswith("self."):
            continue
        place = _place_of(node, name)
        inner, owner = _method_called(model, ast.unparse(node.func))
        definition = _definition(inner) if inner is not None else None
        if place is None or definition is None:
            continue
        names = [item.name for item in signature_of(inner)]
        known = place if isinstance(place, str) else names[place] if place < len(names) else ""
        found = taken_apart(definition, known, _scope(inner, owner))
        if found.kind == "one" and depth:
            found = _taken_apart_inside(owner, definition, known, depth - 1) or found
        if found.kind != "one":
            return found
    return None


def _method_called(model: Any, text: str) -> tuple[Any, Any]:
    """The function behind `self.helper` or, for a layer of the user's, `self.layer`, and whose it is."""
    value = _attribute(model, text)
    if inspect.ismethod(value) and value.__self__ is model:
        return value.__func__, model
    if value is None or inspect.isroutine(value) or is_keras_class(type(value)):
        return None, model
    return getattr(type(value), "call", None), value


def _in_build(model: Any) -> Layout | None:
    """What `build` knows of several inputs: it is given a shape for each of them."""
    owner = owner_of(type(model), "build")
    method = _definition(vars(owner)["build"]) if owner else None
    parameters = signature_of(vars(owner)["build"]) if owner else []
    if method is None or not parameters:
        return None
    name = parameters[0].name
    found = taken_apart(method, name, _scope(vars(owner)["build"], model))
    if found.kind == "dict":
        return found
    if found.kind == "list" and all("shape" in slot.label for slot in found.slots):
        return Layout("list", [Slot(slot.label.replace("_shape", "")) for slot in found.slots])
    places = [place for node in ast.walk(method) for place in shapes_read(node, name)]
    return Layout("list", [Slot(f"input{i}") for i in range(max(1, *places) + 1)]) if places else None


def _read(slot: Slot, model: Any, method: ast.FunctionDef, label: str, seen: set[int]) -> None:
    """Follow the first layers that read a tensor, into the user's own layers too."""
    if len(seen) > 12:
        return
    loops = _loops(method)
    last = first_rebinding(method, label)
    for node in list(ast.walk(method))[:_MOST_STEPS]:
        # Further down the name stands for something else.
        if getattr(node, "lineno", 0) > last:
            continue
        if isinstance(node, ast.Call):
            place = _place_of(node, label)
            if place is not None:
                _read_by(slot, model, node, place, loops, seen)
        slot.ranks += ranks_in(node, label)


def _place_of(node: ast.Call, label: str) -> int | str | None:
    for index, argument in enumerate(node.args):
        if is_name(argument, label):
            return index
        if isinstance(argument, (ast.List, ast.Tuple)) and any(is_name(i, label) for i in argument.elts):
            return index
    return next((item.arg for item in node.keywords if is_name(item.value, label)), None)


def _read_by(
    slot: Slot, model: Any, node: ast.Call, place: int | str, loops: dict[str, str], seen: set[int]
) -> None:
    text = ast.unparse(node.func)
    layer = _attribute(model, loops.get(text, text))
    if layer is None or id(layer) in seen:
        return
    seen.add(id(layer))
    if not inspect.ismethod(layer) and not is_keras_class(type(layer)):
        method = getattr(type(layer), "call", None)
    elif inspect.ismethod(layer) and layer.__self__ is model:
        method, layer = layer.__func__, model
    else:
        if not inspect.ismethod(layer):
            slot.readers.append(layer)
        return
    names = [item.name for item in signature_of(method)]
    name = place if isinstance(place, str) else names[place] if place < len(names) else None
    definition = _definition(method)
    if definition and name:
        _read(slot, layer, definition, name, seen)


def _loops(method: ast.FunctionDef) -> dict[str, str]:
    """`for block in self.blocks` -> "block" stands for "self.blocks[0]"."""
    found = {}
    for node in ast.walk(method):
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            found[node.target.id] = ast.unparse(node.iter) + "[0]"
    return found


def _attribute(model: Any, text: str) -> Any:
    """The value of `self.a.b[0]`."""
    if not re.fullmatch(r"self(\.\w+|\[\d+\])+", text):
        return None
    value = model
    try:
        for part in re.findall(r"\w+", text)[1:]:
            value = value[int(part)] if part.isdigit() else getattr(value, part)
    except Exception:
        # Whatever a property of the user's raises: there is nothing to follow.
        return None
    return value if callable(value) else None
