"""One job: call a training function with made-up data, two steps, and write down where the flag arrives.

Every try has the definitions run anew, so that models and optimizers are fresh. The first call, which builds
them, shows whether the data will do; what happens in the next two is what is seen.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import keras_import
from .arguments import Maker
from .candidates import Spec, known_spec
from .drive import call, drive
from .frameworks import Framework, framework_for
from .inputs import Prober, arrange, tensors_for
from .keras_import import is_keras_class
from .load import Refused, lines_of, one_line, refuse_what_is_lacking
from .loop_data import (
    Choice,
    Datum,
    build,
    choices,
    claimed,
    leaves_of,
    outputs_of,
    reached,
    signed,
)
from .loop_watch import Watch
from .own_step import NoStep, compile_own
from .program import Program
from .reading import signature_of
from .recipes import CannotMake, Scope, make
from .train import seed_everything

_PHASE = "loop"
_MOST_TRIED = 24
_WRITING = ("scalar", "image", "histogram", "text", "audio", "write")
Job = dict[str, Any]


def observe_loop(job: Job, say: Callable[[str], None]) -> dict[str, Any]:
    """What a function did, as JSON.

    Raises:
        Refused: if it cannot be driven.
    """
    keras = importlib.import_module(keras_import.package())
    backend = keras_import.backend_of(keras)
    framework = framework_for(backend)
    if framework is None or backend != "tensorflow":
        raise Refused("backend", f"kerasfix runs loops on TensorFlow, and this one is on {backend}")
    framework.prepare(int(job["seed"]))
    if hasattr(keras, "config") and hasattr(keras.config, "disable_traceback_filtering"):
        keras.config.disable_traceback_filtering()
    result = {
        "outcome": "observed",
        "input": job["input"],
        "keras": str(keras.__version__),
        "backend": backend,
    }
    return {**result, **_Driver(job, keras, framework, say).run()}


class _Load:
    """The definitions, run once, with the objects that the function is given."""

    def __init__(self, job: Job, keras: Any) -> None:
        _forget_names(keras)
        seed_everything(keras, int(job["seed"]))
        self.program = Program(job["parts"])
        place = job["parts"][0]["place"]
        owner: Job | None = job["owner"]
        if owner is not None:
            owner["place"] = place
            if job["input"] is not None and job["input"]["arguments"] is not None:
                owner["arguments"] = job["input"]["arguments"]
        name = job["function"] if owner is None else owner["class"]
        self.function = self.program.class_named(place, name)
        if self.function is None:
            reason = self.program.reason_for(name, place)
            raise Refused("import", reason or f"{name} is not there after its file's definitions")
        self._names = vars(self.program.load(place))
        tensorflow: Any = importlib.import_module("tensorflow")
        for name in _WRITING:
            # They write nothing without a file, and ask for TensorBoard all the same.
            setattr(tensorflow.summary, name, lambda *_arguments, **_named: None)
        for name, maker in job["stand_ins"].items():
            self._names[name] = functools.reduce(getattr, maker.split("."), tensorflow)()
        self._keras = keras
        self.objects: dict[str, Any] = {}
        for parameter in job["parameters"]:
            for recipe in parameter["recipes"]:
                try:
                    self.objects[parameter["name"]] = self._make(recipe)
                except CannotMake:
                    continue
                break
        if owner is not None:
            made = self.objects[owner["name"]] = self._object(owner)
            self.function = getattr(made, job["function"])

    def _make(self, recipe: Any) -> Any:
        return make(self._opened(recipe), Scope(self._names, self._keras))

    def _opened(self, recipe: Any) -> Any:
        """A recipe in which what the names of other modules make is made already."""
        if isinstance(recipe, list):
            return [self._opened(each) for each in recipe]
        if not isinstance(recipe, dict):
            return recipe
        if "$in" in recipe:
            names = vars(self.program.load(recipe["$in"]))
            return make(self._opened(recipe["value"]), Scope(names, self._keras))
        return {key: self._opened(each) for key, each in recipe.items()}

    def _constructed(self, owner: Job) -> Any:
        """An object whose arguments are found as those of any class; the same ones for the next object."""
        cls = self.program.class_named(owner["place"], owner["class"])
        if "arguments" in owner:
            return Maker(cls, self._keras, owner["arguments"], []).construct(owner["arguments"])
        maker = Maker(cls, self._keras, {}, owner["sites"])
        for arguments, made in maker.working():
            owner["arguments"] = arguments
            return made
        raise maker.refusal()

    def _object(self, owner: Job) -> Any:
        """What a method is called on; a model with its optimizer and its loss."""
        try:
            made = self._constructed(owner) if owner["recipe"] is None else self._make(owner["recipe"])
            if isinstance(made, self._keras.Model):
                compile_own(self._keras, made, {})
        except (CannotMake, NoStep) as error:
            raise Refused("constructor", f"of `{owner['class']}`, {error}") from None
        return made

    def find(self, text: str) -> Any:
        """What the function calls so; None if it is not there before it runs."""
        root, *rest = text.split(".")
        found = self.objects.get(root, self._names.get(root))
        for each in rest:
            found = getattr(found, each, None)
        return found


def _forget_names(keras: Any) -> None:
    """Classes that are registered by name must not be in the way of themselves."""
    for owner in (keras.utils, getattr(keras, "saving", None)):
        known = getattr(owner, "get_custom_objects", None)
        if known is not None:
            known().clear()
    for where in ("keras.src.saving.object_registration", "tf_keras.src.saving.object_registration"):
        if where.partition(".")[0] == keras.__name__.partition(".")[0]:
            try:
                module = importlib.import_module(where)
            except ImportError:
                continue
            for name in ("GLOBAL_CUSTOM_NAMES", "_GLOBAL_CUSTOM_NAMES"):
                getattr(module, name, {}).clear()


class _Driver:
    def __init__(self, job: Job, keras: Any, framework: Framework, say: Callable[[str], None]) -> None:
        self._job = job
        self._keras = keras
        self._framework = framework
        self._say = say
        self._seed = int(job["seed"])
        self._deadline = time.monotonic() + float(job["probe_seconds"])
        self._specs: dict[str, Spec | None] = {}
        self._lacking: list[str] = []

    def run(self) -> dict[str, Any]:
        self._say("import")
        try:
            load = _Load(self._job, self._keras)
        except Refused:
            raise
        except (Exception, SystemExit) as error:
            return {"observation": _raised("import", error, self._job)}
        if self._job["input"] is not None:
            choice = {tuple(path): Datum.from_json(data) for path, data in self._job["input"]["values"]}
            failed = self._error_of(load, choice)
            if failed is not None:
                refuse_what_is_lacking(load.program, [one_line(failed)])
                return {"observation": _raised(_PHASE, failed, self._job)}
            return {"observation": self._watch(load, choice)}
        load, choice = self._found(load)
        items = [vars(item) for datum in choice.values() for item in datum.items]
        values = [[list(path), datum.to_json()] for path, datum in choice.items()]
        arguments = (self._job["owner"] or {}).get("arguments")
        given = {"values": values, "items": items, "arguments": arguments}
        return {"input": given, "observation": self._watch(load, choice)}

    # --- Finding data -------------------------------------------------------------------------------------

    def _found(self, load: _Load) -> tuple[_Load, Choice]:
        """Data that the function takes, and what it was called on, built by that.

        Raises:
            Refused: if there are none.
        """
        self._say("probe")
        first, tried = None, 0
        for choice in self._choices(load):
            if tried == _MOST_TRIED or (tried and time.monotonic() > self._deadline):
                break
            fresh = load if not tried else _Load(self._job, self._keras)
            tried += 1
            error = self._error_of(fresh, choice)
            if error is None:
                return fresh, choice
            refuse_what_is_lacking(fresh.program, [one_line(error)])
            first = first or (choice, error)
        if first is None:
            raise Refused("inputs", "; ".join(self._lacking) or "no data were found for it")
        shapes = " and ".join(str(item.shape) for datum in first[0].values() for item in datum.items)
        many = f"none of {tried} kinds of made-up data ran" if tried > 1 else "it does not run"
        on = f" on data of shape {shapes}" if shapes else ""
        raise Refused("inputs", "; ".join([f"{many}; it raised {one_line(first[1])}{on}", *self._lacking]))

    def _choices(self, load: _Load) -> Iterator[Choice]:
        leaves = [leaf for form in self._forms(load).values() for leaf in leaves_of(form)]
        if not leaves:
            yield {}
            return
        calls = [each for each in self._job["calls"] if self._is_model(load.find(each["callee"]))]
        fed = []
        for each in calls:
            spec = self._spec(each["callee"], load) if reached(each) else None
            if spec is not None:
                fed.append((each, spec, _names_of(load.find(each["callee"]))))
        known = claimed(fed, leaves)
        names = [each["name"] for each in self._job["parameters"]]
        known.update(signed(getattr(load.function, "input_signature", None), names, known))
        known = {leaf: datum for leaf, datum in known.items() if leaf in leaves}
        outputs: list[Any] = []
        if len(known) < len(leaves):
            last = [*(text for text in self._job["models"] if text in self._specs), *self._specs]
            outputs = next((found for text in last if (found := self._outputs(text))), [])
        yield from choices(
            known, leaves, outputs, self._job["calls"], lambda text: _class_of(load.find(text))
        )

    def _forms(self, load: _Load) -> dict[str, dict[str, Any]]:
        """The parameters that get data."""
        forms: dict[str, dict[str, Any]] = self._job["forms"]
        return {name: form for name, form in forms.items() if name not in load.objects}

    def _is_model(self, thing: Any) -> bool:
        metric = self._keras.metrics.Metric
        return isinstance(thing, self._keras.layers.Layer) and not isinstance(thing, metric)

    def _spec(self, text: str, load: _Load) -> Spec | None:
        """What a model takes; None if that was not found."""
        known = known_spec(load.find(text))
        if known is not None:
            return self._specs.setdefault(text, known)
        if text not in self._specs:
            load = _Load(self._job, self._keras)
            prober = Prober(
                lambda spec: drive(self._keras, _Load(self._job, self._keras).find(text), spec),
                self._framework,
                self._keras,
                self._seed,
                max((self._deadline - time.monotonic()) / 2, 1.0),
            )
            try:
                self._specs[text] = prober.find(load.find(text), self._job["hints"], [])
            except Refused as refused:
                self._specs[text] = None
                self._lacking.append(f"of `{text}`, {refused.reason}")
        return self._specs[text]

    def _outputs(self, text: str) -> list[Any]:
        spec = self._specs.get(text)
        if spec is None:
            return []
        fresh = _Load(self._job, self._keras)
        driven = drive(self._keras, fresh.find(text), spec)
        try:
            return outputs_of(call(driven, arrange(spec, tensors_for(spec, self._framework, self._seed))))
        except Exception:
            return []

    # --- Running ------------------------------------------------------------------------------------------

    def _error_of(self, load: _Load, choice: Choice) -> BaseException | None:
        try:
            seed_everything(self._keras, self._seed)
            self._call(load, choice)
        except (Exception, SystemExit) as error:
            return error
        return None

    def _call(self, load: _Load, choice: Choice) -> None:
        forms, positional, named = self._forms(load), [], {}
        is_open = True
        for parameter in self._job["parameters"]:
            name = parameter["name"]
            if name in load.objects:
                value = load.objects[name]
            elif name in forms:
                value = build(forms[name], choice, self._framework.tensor, self._seed)
            else:
                # It has a default.
                is_open = False
                continue
            if is_open and not parameter["keyword"]:
                positional.append(value)
            else:
                named[name] = value
        load.function(*positional, **named)

    def _watch(self, load: _Load, choice: Choice) -> dict[str, Any]:
        self._say(_PHASE)
        texts = dict.fromkeys([*self._job["models"], *(each["callee"] for each in self._job["calls"])])
        models = {text: thing for text in texts if self._is_model(thing := load.find(text))}
        lost = [text for text in self._job["models"] if text not in models]
        if lost:
            raise Refused("model", f"`{lost[0]}` is not there before it runs")
        watch = Watch(self._keras, self._framework, models)
        seed_everything(self._keras, self._seed)
        error: BaseException | None = None
        with watch.running(_PHASE):
            try:
                for _ in range(int(self._job["steps"])):
                    self._call(load, choice)
            except (Exception, SystemExit) as raised:
                error = raised
        seen = watch.observation(_PHASE)
        if error is not None:
            refuse_what_is_lacking(load.program, [one_line(error)])
            seen.update(_raised(_PHASE, error, self._job))
        return seen


def _raised(phase: str, error: BaseException, job: Job) -> dict[str, Any]:
    line = one_line(error)
    where = lines_of(error, [part["file"] for part in job["parts"]])
    return {"raised": line, "raised_in": phase, **where, "errors": {phase: line}}


def _names_of(model: Any) -> list[str]:
    """The names of the parameters of a model's `call`; of Keras' own models it takes one thing only."""
    if is_keras_class(type(model)):
        return ["inputs"]
    named = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return [
        item.name for item in signature_of(type(model).call) if item.kind in named and item.name != "self"
    ]


def _class_of(thing: Any) -> str:
    return "" if thing is None else getattr(thing, "__name__", type(thing).__name__)
