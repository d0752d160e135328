"""One job: load a class, find its input or take the given one, run the phases, write down what was seen."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import json
import os
import socket
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from . import keras_import
from .arguments import Maker
from .candidates import Spec
from .drive import Driven, call, drive
from .fences import shut_in
from .finder import Finder
from .frameworks import Framework, driver_version, framework_for
from .inputs import arrange, arrays_for, tensors_for
from .lightness import Scale
from .load import Refused, lines_of, load_class, one_line, refuse_what_is_lacking
from .loop import observe_loop
from .marks import Marks
from .meter import give_back, peak_mb, used_mb
from .observe import Recorder
from .program import Program
from .relatives import in_package
from .train import Trainer, norm_of, seed_everything
from .walk import Named, layers_of, named_variables
from .weights import SharedWeights

# The part of the memory from which on what is not used any more is looked for.
_MUCH = 0.4


def main(path: str) -> None:
    """Run the job of a file; for systems that cannot fork."""
    keras_import.error_of_import()
    with open(path, encoding="utf-8") as file:
        run(json.load(file))


def run(job: dict[str, Any]) -> None:
    """Do a job and write its result as JSON to `job["result"]`.

    The result's "outcome" is "hello", "observed" or "refused".
    """
    # What a model reads from the terminal is nothing.
    sys.stdin = open(os.devnull)  # noqa: SIM115
    kept_in = shut_in(os.path.dirname(job["result"]), job.get("memory_mb"))
    _explain_network()
    warnings.simplefilter("ignore")
    try:
        result = _done({**job, "kept_in": kept_in})
        if job["kind"] == "hello":
            result["kept_in"] = kept_in
    except Refused as refused:
        result = {
            "outcome": "refused",
            "what": refused.what,
            "reason": refused.reason,
            "settings": list(refused.settings),
        }
    except Exception as error:
        # A fault of ours must not pass for a fault of the model.
        traceback.print_exc()
        result = {
            "outcome": "refused",
            "what": "internal",
            "reason": f"kerasfix failed on it: {one_line(error)}",
            "settings": [],
        }
    result["peak_mb"] = peak_mb()
    _write(job["result"], result)


def _done(job: dict[str, Any]) -> dict[str, Any]:
    if job["kind"] == "hello":
        return _hello()
    if job["kind"] == "loop":
        return observe_loop(job, _Teller(job["result"] + ".phase"))
    return _observe_program(job)


def _write(path: str, data: dict[str, Any]) -> None:
    """Whole or not at all: the process may be ended at any time."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(data, file)
    os.replace(path + ".new", path)


def _hello() -> dict[str, Any]:
    """Which Keras, backend and device this Python has."""
    error = keras_import.error_of_import()
    if error:
        return {"outcome": "refused", "what": "keras", "reason": error, "settings": []}
    keras = importlib.import_module(keras_import.package())
    backend = keras_import.backend_of(keras)
    framework = framework_for(backend)
    if framework is None:
        reason = f"its backend {backend} is not supported"
        return {"outcome": "refused", "what": "backend", "reason": reason, "settings": []}
    device = framework.device()
    return {
        "outcome": "hello",
        "keras": str(keras.__version__),
        "backend": backend,
        "backend_version": framework.version(),
        "device": device,
        "driver": None if device == "CPU" else driver_version(),
    }


def _observe_program(job: dict[str, Any]) -> dict[str, Any]:
    """Observe a class; what it raises for want of something that is not in its slice is no fault of it."""
    job = {**job, "files": [part["file"] for part in job["parts"]]}
    program = Program(job["parts"], Marks(job["class"], job.get("changed")))
    try:
        result = _observe(job, program)
    except Refused as refused:
        refuse_what_is_lacking(program, [refused.reason])
        raise
    observation = result["observation"]
    refuse_what_is_lacking(
        program, [*observation.get("errors", {}).values(), observation.get("raised") or ""]
    )
    return result


def _observe(job: dict[str, Any], program: Program) -> dict[str, Any]:
    say = _Teller(job["result"] + ".phase")
    result: dict[str, Any] = {"outcome": "observed", "input": job["input"]}
    say("import")
    try:
        cls = load_class(program, job["parts"][0]["place"], job["class"])
    except Refused:
        raise
    except (Exception, SystemExit) as error:
        return {**result, "observation": raised("import", error, job["files"])}
    keras, framework = _keras_and_framework(cls)
    result["keras"], result["backend"] = str(keras.__version__), keras_import.backend_of(keras)
    _prepare(keras, framework, int(job["seed"]))
    given = job["input"] or {}
    scale = Scale(keras)
    sites = job.get("sites", []) if not given else []
    maker = Maker(cls, keras, given.get("init", job["init"]), sites, configs=job.get("configs"))
    maker.on_new = functools.partial(_make_room, scale, job.get("memory_mb"))

    def fresh(arguments: dict[str, Any], spec: Spec | None) -> Driven:
        seed_everything(keras, int(job["seed"]))
        return drive(keras, maker.construct(arguments), spec)

    say("init")
    if job["input"] is None:
        finder = Finder(
            job,
            cls,
            keras,
            framework,
            maker,
            scale,
            fresh,
            say,
            lambda holder: _beside(cls, holder, job, program),
        )
        try:
            result["input"] = finder.find()
        except (Exception, SystemExit) as error:
            # Its constructor wants nothing, and raises: that is what there is to see.
            if isinstance(error, Refused) or not maker.needs_nothing:
                raise
            return {**result, "observation": raised("init", error, job["files"])}
        _write(job["result"] + ".spec", result["input"])
        give_back()
    spec = Spec.from_json(result["input"])
    program.marks.forget()
    try:
        driven = fresh(result["input"].get("init", job["init"]), spec)
    except (Exception, SystemExit) as error:
        return {**result, "observation": raised("init", error, job["files"])}
    seen = _train(job, keras, framework, driven, spec, say)
    return {**result, "observation": {**seen, **program.marks.to_json()}}


def _make_room(scale: Scale, memory_mb: int | None) -> None:
    """For a new instance: those that failed before go, which may be in circles, if they are much."""
    scale.reset()
    used = used_mb()
    if memory_mb and used and used > memory_mb * _MUCH:
        give_back()


def _beside(cls: type, holder: dict[str, Any], job: dict[str, Any], program: Program) -> Any:
    """What holds a class, of the program or of the same package."""
    home = job["parts"][0]["place"]
    place = os.path.realpath(holder["file"]) if holder["file"] else home
    found = None
    if any(part["place"] == place for part in job["parts"]):
        with contextlib.suppress(Exception, SystemExit):
            found = program.class_named(place, holder["name"])
    return found if found is not None else in_package(holder["name"], cls.__module__)


def _keras_and_framework(cls: type) -> tuple[Any, Framework]:
    """The Keras that a class is made of, if the class can be driven with it.

    Raises:
        Refused: if it is no Keras class, or its backend is not supported.
    """
    keras = keras_import.keras_of(cls)
    if keras is None:
        raise Refused("class", f"{cls.__name__} is neither a Keras Model nor a Keras Layer")
    backend = keras_import.backend_of(keras)
    framework = framework_for(backend)
    if framework is None:
        raise Refused("backend", f"backend {backend} is not supported yet")
    return keras, framework


def _prepare(keras: Any, framework: Framework, seed: int) -> None:
    framework.prepare(seed)
    if hasattr(keras, "config") and hasattr(keras.config, "disable_traceback_filtering"):
        # Keras wraps messages in many lines of argument values.
        keras.config.disable_traceback_filtering()


def _train(
    job: dict[str, Any],
    keras: Any,
    framework: Framework,
    driven: Driven,
    spec: Spec,
    say: Callable[[str], None],
) -> dict[str, Any]:
    values = arrays_for(spec, int(job["seed"]))
    arrays = arrange(spec, list(values))
    inputs = arrange(spec, tensors_for(spec, framework, int(job["seed"])))
    say("call")
    try:
        # A real call builds every layer that it reaches; `build` would mark the model built without weights.
        call(driven, inputs)
    except (Exception, SystemExit) as error:
        failed = raised("call", error, job["files"])
        failed["layers"] = layer_classes(driven, keras)
        return failed
    layers = layers_of(driven.root, keras)
    try:
        names = named_variables(driven.root, layers)
    except ValueError as error:
        return unbuilt(error, driven, keras, job["files"])
    SharedWeights(job["weights"]).share(names, framework)
    recorder = Recorder(framework)
    recorder.wrap(layers)
    trainer = Trainer(keras, framework, driven, layers, names, inputs, arrays, recorder, job, say)
    trainer.run()
    return observation(trainer, recorder, driven, names, layer_classes(driven, keras))


def unbuilt(error: ValueError, driven: Driven, keras: Any, files: list[str]) -> dict[str, Any]:
    """What Keras 2 says of a model with a Sequential that nobody calls: it cannot list its weights."""
    return {**raised("fit", error, files), "layers": layer_classes(driven, keras)}


def layer_classes(driven: Driven, keras: Any) -> dict[str, str]:
    found = layers_of(driven.root, keras)
    return {item.path: type(item.layer).__name__ for item in found if not item.inner}


def observation(
    trainer: Trainer, recorder: Recorder, driven: Driven, names: list[Named], layers: dict[str, str]
) -> dict[str, Any]:
    by_id = {id(named.variable): named.name for named in names}
    trainable = [by_id.get(id(variable), variable.name) for variable in driven.root.trainable_variables]
    gradients = trainer.gradients or []
    existing = [(name, g) for name, g in zip(trainable, gradients) if g is not None]
    first = next(
        (phase for phase in ("call", "fit", "evaluate", "predict", "tape") if phase in trainer.errors), None
    )
    paths = {found.path: type(found.layer).__name__ for found in trainer._layers}
    return {
        "raised": trainer.errors.get(first or ""),
        "raised_in": first,
        **trainer.error_lines.get(first or "", {}),
        "errors": trainer.errors,
        "trainable": trainable,
        "missing_gradient": [name for name, g in zip(trainable, gradients) if g is None],
        "zero_gradient": [name for name, g in existing if not np.any(g)],
        "nonfinite_gradient": [name for name, g in existing if not np.all(np.isfinite(g))],
        "gradient_norms": {name: norm_of(g) for name, g in zip(trainable, gradients)},
        "not_moved": [name for name, moved in zip(trainable, trainer.moved or []) if not moved],
        "layers": layers,
        "layers_not_reached": trainer.not_reached,
        "layers_not_called": trainer.not_called,
        "calls": recorder.route.to_json(),
        "sensitive": {
            path: {
                "class_name": paths[path],
                "kind": kind,
                "received": recorder.received.get(path, {}),
                "statistics_moved": trainer.statistics_moved.get(path, {}),
                "dropped": recorder.dropped.get(path, {}),
            }
            for path, kind in recorder.kinds.items()
            # A wrapper may keep the layer that it was given and call copies of it.
            if path in layers or path in recorder.received
        },
        "losses": trainer.losses,
        "outputs": trainer.outputs,
        "outputs_digest": _digest(trainer.outputs),
        "outputs_random": trainer.outputs_random,
        "notes": trainer.notes,
    }


def _digest(outputs: list[float] | None) -> str | None:
    if outputs is None:
        return None
    return hashlib.sha256(struct.pack(f"<{len(outputs)}d", *outputs)).hexdigest()


def raised(phase: str, error: BaseException, files: list[str]) -> dict[str, Any]:
    line = one_line(error)
    return {"raised": line, "raised_in": phase, **lines_of(error, files), "errors": {phase: line}}


class _Teller:
    """Keeps the name of the running phase in a file, for whoever finds this process dead.

    The file beside it, `.times`, keeps when each phase began.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, phase: str) -> None:
        with open(self._path, "w", encoding="utf-8") as file:
            file.write(phase)
        with open(self._path.removesuffix(".phase") + ".times", "a", encoding="utf-8") as file:
            file.write(f"{phase} {time.time()}\n")


def _explain_network() -> None:
    """A constructor may ask for pretrained weights; proving a fix must not download half a gigabyte."""

    def refuse(_socket: Any, address: Any) -> None:
        raise OSError(f"kerasfix runs models without network (connection to {address})")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.socket.connect_ex = refuse  # type: ignore[assignment,method-assign]
