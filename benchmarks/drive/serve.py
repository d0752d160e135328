"""Runs in the Python that has Keras: lists the classes of packages, and hands them to the worker one by one.

A script, because that Python need not have kerasfix. Keras is imported once, a package once for all of its
classes; every class is run in a fork of its own, which the worker watches and ends.

    serve.py list REQUEST ANSWER      the classes of packages
    serve.py drive REQUEST ANSWER     what running them gave, one line of JSON each
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import inspect
import json
import os
import signal
import sys
import textwrap
import time
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

_NAME = "_kerasfix_worker"
_IMPORT_SECONDS = 120
_TEST_FILES = ("test", "conftest", "setup", "__main__", "example", "benchmark")


def main() -> None:
    what, request_path, answer_path = sys.argv[1:4]
    request = json.loads(Path(request_path).read_text("utf-8"))
    _load_worker(request["worker"])
    error = importlib.import_module(_NAME + ".keras_import").error_of_import()
    if error:
        raise SystemExit(error)
    with open(answer_path, "a", encoding="utf-8") as answers:
        for package in request["packages"]:
            _in_child(partial(_PASSES[what], package, request, answers))


def _load_worker(folder: str) -> None:
    spec = importlib.util.spec_from_file_location(
        _NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)


def _in_child(action: Callable[[], None]) -> None:
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    try:
        action()
    finally:
        sys.stdout.flush()
        os._exit(0)


def _list(package: dict[str, Any], _request: dict[str, Any], answers: Any) -> None:
    failures = _import_all(package, _modules_in(Path(package["folder"])))
    found = list(_classes_of(Path(package["folder"])))
    line = {"package": package["name"], "classes": found, "failures": failures, "ran": _ran_operations()}
    print(json.dumps(line), file=answers, flush=True)


def _drive(package: dict[str, Any], request: dict[str, Any], answers: Any) -> None:
    _import_all(package, sorted({job["module"] for job in package["jobs"]}) if not package["ran"] else [])
    isolation, meter, printed = (
        importlib.import_module(f"{_NAME}.{name}") for name in ("isolation", "meter", "printed")
    )
    sys.path[:0] = [package["folder"]] if package["ran"] else []
    for index, job in enumerate(package["jobs"]):
        base = Path(request["scratch"]) / f"{package['name']}-{index}"
        full = {**job, "result": f"{base}.json", "log": f"{base}.log", "weights": f"{base}.npz"}
        begin = time.monotonic()
        output = printed.Printed()
        child = isolation.ForkedChild(full, output, unwanted=[])
        output.listen()
        limits = meter.Meter(child.pid, job["memory_mb"], request["scratch"])
        ending = isolation.watch(child, job["timeout"], limits)
        output.save(full["log"])
        line = {
            "package": package["name"],
            "module": job["module"],
            "class": job["class"],
            "ending": ending["how"],
            "seconds": round(time.monotonic() - begin, 2),
            "phase": _text(Path(f"{base}.json.phase")),
            "result": json.loads(_text(Path(f"{base}.json")) or "null"),
        }
        print(json.dumps(line), file=answers, flush=True)


_PASSES = {"list": _list, "drive": _drive}


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _ran_operations() -> bool:
    """Whether importing has run an operation: its threads would be missing in a fork."""
    context = importlib.import_module("tensorflow.python.eager.context")
    return getattr(context.context(), "_context_handle", None) is not None


def _modules_in(folder: Path) -> list[str]:
    names = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if not any(word in part for part in parts for word in _TEST_FILES):
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in dict.fromkeys(names) if all(part.isidentifier() for part in name.split("."))]


def _import_all(package: dict[str, Any], modules: list[str]) -> dict[str, str]:
    """Import modules, with their output thrown away and within a time; what failed, and why."""
    sys.path.insert(0, package["folder"])
    failures = {}

    def too_long(*_: Any) -> None:
        raise TimeoutError("the import takes too long")

    signal.signal(signal.SIGALRM, too_long)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        for name in modules:
            if package.get("wanted") and name not in package["wanted"]:
                continue
            signal.alarm(_IMPORT_SECONDS)
            try:
                importlib.import_module(name)
            except (Exception, SystemExit) as error:
                failures[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            signal.alarm(0)
    return failures


def _classes_of(folder: Path) -> Iterator[dict[str, str]]:
    keras_of = importlib.import_module(_NAME + ".keras_import").keras_of
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(module, types.ModuleType) or not file or folder not in Path(file).parents:
            continue
        for name, cls in list(vars(module).items()):
            if isinstance(cls, type) and cls.__module__ == module.__name__ and cls.__name__ == name:
                keras = keras_of(cls)
                kind = _kind(cls, keras) if keras is not None else None
                if kind:
                    inside = str(Path(file).relative_to(folder))
                    yield {"class": name, "module": module.__name__, "file": inside, "kind": kind}


def _kind(cls: type, keras: Any) -> str | None:
    """Whether it is a Model or a Layer; None for what is abstract, a metric, a layer without parts."""
    own = [base for base in cls.__mro__ if base.__module__.split(".")[0] not in ("keras", "tf_keras")]
    if inspect.isabstract(cls) or issubclass(cls, keras.metrics.Metric):
        return None
    call = next((vars(base)["call"] for base in own if "call" in vars(base)), None)
    if call is not None and _is_stub(call):
        return None
    if issubclass(cls, keras.Model):
        return "Model" if call is not None or "__init__" in vars(cls) else None
    if call is None:
        return None
    return "Layer" if any(_makes_layers(base, keras) for base in own) else None


def _tree(thing: Any) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return None


def _is_stub(call: Any) -> bool:
    """Whether all that `call` does is to say that a subclass should."""
    tree = _tree(call)
    if not isinstance(tree, ast.Module) or not isinstance(tree.body[0], ast.FunctionDef):
        return False
    body = [item for item in tree.body[0].body if not isinstance(getattr(item, "value", None), ast.Constant)]
    return all(isinstance(item, (ast.Raise, ast.Pass)) for item in body)


def _makes_layers(cls: type, keras: Any) -> bool:
    tree = _tree(cls)
    scope = vars(sys.modules[cls.__module__])
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            with contextlib.suppress(Exception):
                made = eval(ast.unparse(node.func), scope)  # names and attributes only
                if isinstance(made, type) and issubclass(made, keras.layers.Layer):
                    return True
    return False


if __name__ == "__main__":
    main()
