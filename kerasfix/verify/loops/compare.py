"""Compare the original and the patched version of a training function by calling both."""

from __future__ import annotations

import ast
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kerasfix.source import Source, SourceError
from kerasfix.verify.endings import ended
from kerasfix.verify.errors import SliceError
from kerasfix.verify.evidence import companions_of, evidence_for
from kerasfix.verify.hints import input_shapes
from kerasfix.verify.loops.elsewhere import callers_near
from kerasfix.verify.loops.reading import parameters_of, read
from kerasfix.verify.loops.sites import Elsewhere, Recipes, construction, recipes
from kerasfix.verify.loops.slicing import slice_loop
from kerasfix.verify.loops.verdict import judge_loop
from kerasfix.verify.modules import FunctionNode
from kerasfix.verify.names import dotted_name
from kerasfix.verify.observed import observation
from kerasfix.verify.pool import Pool
from kerasfix.verify.program import Shelf
from kerasfix.verify.report import InputArray, ModelReport, Observation, Verdict, VerdictKind
from kerasfix.verify.runner import Runner
from kerasfix.verify.slice import Slice

_SEED = 20_231
_STEPS = 2
_PROBE_SHARE = 0.4
_OPTIMIZER = {"$call": "keras.optimizers.Adam", "positional": [], "named": {"learning_rate": 1e-3}}
_METRIC = {"$call": "keras.metrics.Mean", "positional": [], "named": {}}
# What an object is asked for -> what stands in for it if nobody in sight gives one; nothing does for a model.
_STAND_INS = {"apply_gradients": _OPTIMIZER, "update_state": _METRIC}


@dataclass(frozen=True)
class LoopTarget:
    """A training function to verify.

    Attributes:
        path: Its file.
        function: Its name; "" for a loop at the top level of the file.
        line: The line of the function, or of the loop.
        models: The models that the fix is about, as the function calls them.
        obstacle: Why it cannot be called by itself, as a sentence; "" if nothing is in the way.
        owner: The class that it is a method of; "" for a function.
    """

    path: Path
    function: str
    line: int
    models: tuple[str, ...]
    obstacle: str = ""
    owner: str = ""

    @property
    def name(self) -> str:
        """As people call it."""
        if not self.function:
            return "a loop at the top level"
        return f"{self.owner}.{self.function}" if self.owner else self.function


@dataclass(frozen=True)
class _Seen:
    """What one version showed; `reason` says why it was not driven."""

    observation: Observation | None = None
    given: Mapping[str, Any] | None = None
    keras: tuple[str, str] | None = None
    reason: str = ""


class Loops:
    """Compares training functions; part of a session.

    Args:
        pool: The workers.
        shelf: Keeps what is read from disk.
        progress: Called with a short line when something new begins.
    """

    def __init__(self, pool: Pool, shelf: Shelf, progress: Callable[[str], None]) -> None:
        self._pool = pool
        self._shelf = shelf
        self._progress = progress
        self._seen: dict[str, _Seen] = {}

    def compare(
        self,
        target: LoopTarget,
        original: str,
        patched: str,
        others: Mapping[str, tuple[str, str]],
    ) -> ModelReport:
        """Call both versions with the same data, and judge the difference; see `Session.compare`."""
        started = time.monotonic()
        nothing = _Seen()
        try:
            if target.obstacle:
                raise SliceError(target.obstacle)
            told = _told(original, target)
            versions = [
                slice_loop(
                    text,
                    target.function,
                    told.recipes,
                    told.stand_ins,
                    target.owner,
                    told.companions,
                    str(target.path.absolute()),
                    others={
                        path: texts[version]
                        for path, texts in others.items()
                        if path != str(target.path.absolute())
                    },
                    shelf=self._shelf,
                )
                for version, text in enumerate((original, patched))
            ]
            runner = self._pool.runner_for(versions[1])
            if runner.kind.backend != "tensorflow":
                backend = runner.kind.backend
                raise SliceError(f"kerasfix runs loops on TensorFlow only, and this one is on {backend}")
        except SliceError as error:
            verdict = Verdict(VerdictKind.NOT_VERIFIED, (f"not verified: {error}",))
            return self._report(target, nothing, nothing, verdict, started)
        runner.start()
        before, after = self._both(runner, target, told, versions)
        if before.observation is None or after.observation is None:
            reason = (before if before.observation is None else after).reason
            verdict = Verdict(VerdictKind.NOT_VERIFIED, (f"not verified: {reason}",))
        else:
            verdict = judge_loop(before.observation, after.observation, target.models)
        return self._report(target, before, after, verdict, started, runner)

    def _both(
        self, runner: Runner, target: LoopTarget, told: _Told, versions: list[Slice]
    ) -> tuple[_Seen, _Seen]:
        """Both versions on the same data, which the original looks for first."""
        before = self._observe(runner, target, told, versions[0], "original", None)
        given = before.given
        after = self._observe(runner, target, told, versions[1], "patched", given)
        if given is None and after.given is not None:
            before = self._observe(runner, target, told, versions[0], "original", after.given)
        return before, after

    def _observe(
        self,
        runner: Runner,
        target: LoopTarget,
        told: _Told,
        version: Slice,
        label: str,
        given: Mapping[str, Any] | None,
    ) -> _Seen:
        key = hashlib.sha256(
            f"{target}\0{version.key}\0{given!r}".encode("utf-8", "surrogatepass")
        ).hexdigest()
        if key not in self._seen:
            self._progress(f"{target.name}: {label}")
            outcome = runner.run(
                {
                    "kind": "loop",
                    "parts": [part.to_json() for part in version.parts],
                    "function": target.function,
                    "parameters": told.parameters,
                    "forms": told.forms,
                    "calls": told.calls,
                    "models": list(target.models),
                    "hints": told.hints,
                    "stand_ins": told.stand_ins,
                    "owner": told.owner,
                    "seed": _SEED,
                    "steps": _STEPS,
                    "input": given,
                    "probe_seconds": runner.timeout * _PROBE_SHARE,
                }
            )
            result = outcome.result
            if result is None:
                stopped = ended(outcome, self._pool.timeout, self._pool.memory_mb)
                seen = _Seen(replace(stopped, seconds=outcome.seconds), given)
                if outcome.phase in ("probe", "") or outcome.ending == "server":
                    seen = _Seen(reason=f"{stopped.raised} while looking for data")
            elif result["outcome"] == "refused":
                seen = _Seen(reason=result["reason"])
            elif "observation" not in result:
                seen = _Seen(reason="what the run left makes no sense")
            else:
                looked = replace(observation(result["observation"]), seconds=outcome.seconds)
                seen = _Seen(looked, result["input"], (result["keras"], result["backend"]))
            self._seen[key] = seen
        return self._seen[key]

    def _report(
        self,
        target: LoopTarget,
        before: _Seen,
        after: _Seen,
        verdict: Verdict,
        started: float,
        runner: Runner | None = None,
    ) -> ModelReport:
        facts = (runner.facts if runner else None) or {}
        version, backend = after.keras or before.keras or (facts.get("keras"), facts.get("backend"))
        given = after.given or before.given or {"items": []}
        return ModelReport(
            file=str(target.path),
            class_name=target.name,
            line=target.line,
            python=str(self._pool.python),
            keras_version=version,
            backend=backend,
            backend_version=facts.get("backend_version"),
            device=facts.get("device"),
            driver=facts.get("driver"),
            not_kept_in=facts.get("not_kept_in"),
            before=before.observation,
            after=after.observation,
            verdict=verdict.kind,
            reasons=verdict.reasons,
            seconds=round(time.monotonic() - started, 3),
            inputs=tuple(
                InputArray(tuple(item["shape"]), item["dtype"], item["name"], "guess")
                for item in given["items"]
            ),
            kind="function",
        )


# --- What the text says -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Told:
    """What the text of a module says of a function; as JSON but for `recipes`."""

    recipes: Recipes
    parameters: list[dict[str, Any]]
    forms: dict[str, Any]
    calls: list[dict[str, Any]]
    hints: list[list[int]]
    stand_ins: dict[str, str]
    owner: dict[str, Any] | None
    companions: list[str]


def _told(text: str, target: LoopTarget) -> _Told:
    """Read a function.

    Raises:
        SliceError: if it is not there, or if what it is given is not in sight.
    """
    try:
        tree = Source(text).tree
    except SourceError as error:
        raise SliceError(f"line {error.line or 1}: {error.reason}") from None
    function, owner = _find(tree, target)
    if function.args.vararg or function.args.kwarg:
        raise SliceError(f"`{target.name}` takes arguments that it gives no names")
    reading = read(tree, function, owner)
    elsewhere = callers_near(target.path)
    given = Recipes(is_called=True)
    if owner is None:
        given = recipes(tree, function, reading.objects, elsewhere)
    own, companions = None, []
    if owner is not None:
        own = _own(tree, owner, function, given, elsewhere)
        if own["recipe"] is None:
            # Nobody constructs it with what can be had: its arguments are looked for as those of any class.
            evidence = evidence_for(target.path, text, owner.name)
            own["sites"] = evidence["sites"]
            companions = companions_of(text, owner.name, evidence)
    keyword_only, with_default = {each.arg for each in function.args.kwonlyargs}, _with_defaults(function)
    parameters, forms = [], {}
    for each in parameters_of(function)[0 if owner is None else 1 :]:
        used = reading.objects.get(each.arg)
        known = given.by_parameter.get(each.arg, [])
        if used is not None and not known:
            known = [recipe for asked, recipe in _STAND_INS.items() if asked in used]
            if not known and each.arg not in with_default:
                why = "" if given.is_called else f", because nothing near it calls `{function.name}`"
                raise SliceError(f"what `{each.arg}` is given is not in sight{why}")
        if used is None and not known and each.arg not in with_default:
            forms[each.arg] = reading.form((each.arg,))
        parameters.append({"name": each.arg, "recipes": known, "keyword": each.arg in keyword_only})
    calls = [each.to_json() for each in reading.calls]
    return _Told(given, parameters, forms, calls, input_shapes(text), dict(_stand_ins(tree)), own, companions)


def _find(tree: ast.Module, target: LoopTarget) -> tuple[FunctionNode, ast.ClassDef | None]:
    """A function, or a method with its class.

    Raises:
        SliceError: if it is not there.
    """
    owners = [each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == target.owner]
    body = owners[-1].body if owners else [] if target.owner else tree.body
    found = [each for each in body if isinstance(each, FunctionNode) and each.name == target.function]
    if not found:
        raise SliceError(f"`{target.name}` is not defined at the top level of the file")
    return found[-1], owners[-1] if owners else None


def _own(
    tree: ast.Module, owner: ast.ClassDef, function: FunctionNode, given: Recipes, elsewhere: Elsewhere
) -> dict[str, Any]:
    """How the object is made that a method is called on; its recipe is None if nothing in sight makes one.

    Raises:
        SliceError: if it is called on none.
    """
    name = function.args.args[0].arg if function.args.args else ""
    if not name or any(
        dotted_name(each) in ("staticmethod", "classmethod") for each in function.decorator_list
    ):
        raise SliceError(f"`{owner.name}.{function.name}` is not called on an object")
    recipe = construction(tree, owner.name, given, elsewhere)
    return {"name": name, "class": owner.name, "recipe": recipe}


def _stand_ins(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names of a module that would open files -> what does the same without one, as TensorFlow calls it."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=func)):
                if (dotted_name(func) or "").endswith("summary.create_file_writer"):
                    yield name, "summary.create_noop_writer"


def _with_defaults(function: FunctionNode) -> set[str]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    found = {each.arg for each in positional[len(positional) - len(arguments.defaults) :]}
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return found | {each.arg for each, default in pairs if default is not None}
