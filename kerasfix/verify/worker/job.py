"""One job: load a class, find its input or take the given one, run the phases, write down what was seen."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import socket
import struct
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from . import keras_import
from .candidates import Spec
from .drive import Driven, call, drive
from .frameworks import Framework, driver_version, framework_for
from .inputs import Prober, arrange, arrays_for
from .load import Refused, construct, line_of, load_class, one_line, required_arguments
from .observe import Recorder
from .train import Trainer, seed_everything
from .walk import Named, layers_of, named_variables
from .weights import SharedWeights


def main(path: str) -> None:
    """Run the job of a file; for systems that cannot fork."""
    keras_import.error_of_import()
    with open(path, encoding="utf-8") as file:
        run(json.load(file))


def run(job: dict[str, Any]) -> None:
    """Do a job and write its result as JSON to `job["result"]`; output of user code goes to `job["log"]`.

    The result's "outcome" is "hello", "observed" or "refused".
    """
    _redirect(job["log"])
    _forbid_core_dumps()
    _forbid_network()
    warnings.simplefilter("ignore")
    try:
        result = _hello() if job["kind"] == "hello" else _observe(job)
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
    _write(job["result"], result)


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


def _observe(job: dict[str, Any]) -> dict[str, Any]:
    say = _Teller(job["result"] + ".phase")
    result: dict[str, Any] = {"outcome": "observed", "input": job["input"]}
    say("import")
    try:
        cls = load_class(job["source"], job["file"], job["class"])
    except Refused:
        raise
    except (Exception, SystemExit) as error:
        return {**result, "observation": _raised("import", error, job["file"])}
    keras, framework = _keras_and_framework(cls, job["init"])
    result["keras"], result["backend"] = str(keras.__version__), keras_import.backend_of(keras)
    _prepare(keras, framework, int(job["seed"]))

    def fresh(kind: str) -> Driven:
        seed_everything(keras, int(job["seed"]))
        return drive(keras, construct(cls, job["init"]), kind)

    say("init")
    try:
        fresh("one")
    except (Exception, SystemExit) as error:
        return {**result, "observation": _raised("init", error, job["file"])}
    if job["input"] is None:
        say("probe")
        prober = Prober(fresh, framework, keras, int(job["seed"]), float(job["probe_seconds"]))
        result["input"] = prober.find(job["hints"]).to_json()
        _write(job["result"] + ".spec", result["input"])
    spec = Spec.from_json(result["input"])
    return {**result, "observation": _train(job, keras, framework, fresh(spec.kind), spec, say)}


def _keras_and_framework(cls: type, init: dict[str, Any]) -> tuple[Any, Framework]:
    """The Keras that a class is made of, if the class can be driven with it.

    Raises:
        Refused: if it is no Keras class, its backend is not supported, or its constructor needs arguments.
    """
    keras = keras_import.keras_of(cls)
    if keras is None:
        raise Refused("class", f"{cls.__name__} is neither a Keras Model nor a Keras Layer")
    backend = keras_import.backend_of(keras)
    framework = framework_for(backend)
    if framework is None:
        raise Refused("backend", f"backend {backend} is not supported yet")
    missing = [name for name in required_arguments(cls) if name not in init]
    if missing:
        raise Refused("constructor", *_constructor_reason(cls.__name__, missing))
    return keras, framework


def _prepare(keras: Any, framework: Framework, seed: int) -> None:
    framework.prepare(seed)
    if hasattr(keras, "config") and hasattr(keras.config, "disable_traceback_filtering"):
        # Keras wraps messages in many lines of argument values.
        keras.config.disable_traceback_filtering()


def _constructor_reason(name: str, missing: list[str]) -> tuple[str, tuple[str, ...]]:
    values = ", ".join(f"{argument} = …" for argument in missing)
    plural = "arguments" if len(missing) > 1 else "an argument"
    return (
        f"its constructor needs {plural}: {', '.join(missing)}",
        (f"[tool.kerasfix.verify.{name}]", f"init = {{ {values} }}"),
    )


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
    inputs = arrange(spec, [framework.tensor(value) for value in values])
    say("call")
    try:
        # A real call builds every layer that it reaches; `build` would mark the model built without weights.
        call(driven, inputs)
    except (Exception, SystemExit) as error:
        observation = _raised("call", error, job["file"])
        observation["layers"] = _layer_classes(driven, keras)
        return observation
    layers = layers_of(driven.root, keras)
    names = named_variables(driven.root, layers)
    SharedWeights(job["weights"]).share(names, framework)
    recorder = Recorder(framework)
    recorder.wrap(layers)
    trainer = Trainer(keras, framework, driven, layers, names, inputs, arrays, recorder, job, say)
    trainer.run()
    return _observation(trainer, recorder, driven, names, _layer_classes(driven, keras))


def _layer_classes(driven: Driven, keras: Any) -> dict[str, str]:
    found = layers_of(driven.root, keras)
    return {item.path: type(item.layer).__name__ for item in found if not item.inner}


def _observation(
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
        "raised_line": trainer.error_lines.get(first or ""),
        "errors": trainer.errors,
        "trainable": trainable,
        "missing_gradient": [name for name, g in zip(trainable, gradients) if g is None],
        "zero_gradient": [name for name, g in existing if not np.any(g)],
        "nonfinite_gradient": [name for name, g in existing if not np.all(np.isfinite(g))],
        "not_moved": [name for name, moved in zip(trainable, trainer.moved or []) if not moved],
        "layers": layers,
        "layers_not_reached": trainer.not_reached,
        "layers_not_called": trainer.not_called,
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


def _raised(phase: str, error: BaseException, file: str) -> dict[str, Any]:
    line = one_line(error)
    return {"raised": line, "raised_in": phase, "raised_line": line_of(error, file), "errors": {phase: line}}


class _Teller:
    """Keeps the name of the running phase in a file, for whoever finds this process dead."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, phase: str) -> None:
        with open(self._path, "w", encoding="utf-8") as file:
            file.write(phase)


def _redirect(log_path: str) -> None:
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    sys.stdin = open(os.devnull)  # noqa: SIM115


def _forbid_network() -> None:
    """A constructor may ask for pretrained weights; proving a fix must not download half a gigabyte."""

    def refuse(_socket: Any, address: Any) -> None:
        raise OSError(f"kerasfix runs models without network (connection to {address})")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.socket.connect_ex = refuse  # type: ignore[assignment,method-assign]


def _forbid_core_dumps() -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
