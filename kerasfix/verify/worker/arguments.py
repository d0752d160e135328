"""Arguments for a constructor: as told, as the project constructs it, by default, as its code suggests."""

from __future__ import annotations

import inspect
import itertools
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from .alternatives import QUOTED, alternatives, configured, longer, with_defaults, words_quoted
from .annotated import Annotated
from .attempts import Attempts
from .blame import ATTRIBUTE, Place, blamed, forms, unnamed, value_at, with_value
from .depth import Failure
from .guesses import (
    CELL,
    IMAGE_MODEL,
    LAYER,
    MISSING,
    SETTINGS,
    VECTOR_MODEL,
    WIDTH,
    by_annotation,
    by_name,
)
from .keras_import import forget_unfinished
from .lightness import TooHeavy, lighter
from .load import Refused, one_line
from .reading import NAMED, Usage, constructor_of, keywords_of, usages
from .recipes import CannotMake, Scope, make
from .relatives import FUNCTIONAL, classes_for, classes_having, classes_named
from .values import by_usage, is_told, option

Arguments = dict[str, Any]

_MOST_ATTEMPTS = 60
_SECONDS = 8.0
_DEEPEST = 2
# So many times faster a class within a class is given up.
_HASTE = 3
_MOST_RELATIVES = 3
_MOST_MENDED = 6
_MOST_BLAMED = 3
# A default that stands for "say it", and what comes of not saying it.
_NOTHING: tuple[Any, ...] = (None, [], (), {}, {"$tuple": []})
_TOO_FEW = re.compile(r"index out of range|NoneType|None|empty|at least one|no attribute")
_NETWORK = re.compile(r"URL|without network|urlopen|Connection|Errno -2|HTTP")
_WEIGHTS = re.compile(r"weights|pretrained|download|checkpoint")
_MISSING_ARGUMENTS = re.compile(r"missing (?:a required|\d+ required).*?argument")


class Maker:
    """Finds arguments that a class can be constructed with.

    Args:
        init: Arguments that the user configured; no attempt changes them.
        sites: See `kerasfix.verify.sites`.
        depth: How many classes around it are being made.
        configs: See `kerasfix.verify.evidence`.
    """

    def __init__(
        self,
        cls: type,
        keras: Any,
        init: Arguments,
        sites: list[dict[str, Any]],
        depth: int = 0,
        configs: dict[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        self._configs = configs or {}
        self._cls = cls
        self._keras = keras
        self._init = init
        self._sites = sites
        self._depth = depth
        self._relatives: dict[str, Any] = {}
        self._parameters = [item for item in constructor_of(cls) if item.kind in NAMED]
        self._required = [item.name for item in self._parameters if item.default is item.empty]
        module = sys.modules.get(cls.__module__)
        self._scope = Scope(vars(module) if module else None, keras)
        self._usages: dict[str, Usage] | None = None
        self._attempts = Attempts(())
        self._annotated = Annotated(self._named, self._made_first, cls)
        # The argument whose own construction is under way, and so is to blame for what is raised.
        self._making = ""
        #: Called before every attempt.
        self.on_new: Callable[[], None] = lambda: None
        self.error: BaseException | None = None

    def construct(self, arguments: Arguments) -> Any:
        """A new instance; positional-only parameters and defaults as the signature has them."""
        self.on_new()
        forget_unfinished(self._keras)
        made = {}
        for self._making, value in arguments.items():
            made[self._making] = make(value, self._scope)
        self._making = ""
        return self._cls(**made)

    def working(self) -> Iterator[tuple[Arguments, Any]]:
        """Arguments that the constructor takes, the best first, and what it made of them."""
        deadline = time.monotonic() + _SECONDS / _HASTE**self._depth
        self._attempts = Attempts(self._first())
        while self._attempts.number < _MOST_ATTEMPTS and time.monotonic() < deadline:
            arguments = self._attempts.take()
            if arguments is None:
                return
            try:
                made = self.construct(arguments)
            except TooHeavy:
                self.lighten(arguments)
                continue
            except (Exception, SystemExit) as error:
                self.error = self.error or error
                failure = Failure.of(error)
                self._attempts.failed(failure, self._repaired(arguments, error, failure))
                continue
            started = time.monotonic()
            yield arguments, made
            deadline += time.monotonic() - started

    def sources(self, arguments: Arguments) -> dict[str, str]:
        """Where each value is from: "configuration", "site" (code that constructs the class) or "guess"."""
        sites = [
            {name: value for name, value in known.items() if name not in site["unknown"]}
            for site in self._sites
            if (known := self._bound(site)) is not None
        ]

        def source(name: str, value: Any) -> str:
            if name in self._init:
                return "configuration"
            return "site" if any(name in site and site[name] == value for site in sites) else "guess"

        return {name: source(name, value) for name, value in arguments.items()}

    def lighten(self, arguments: Arguments) -> None:
        """Try smaller arguments next."""
        self._attempts.first(self._lighter(arguments))

    def has_lighter(self, arguments: Arguments) -> bool:
        return any(smaller != arguments for smaller in self._lighter(arguments))

    def _lighter(self, arguments: Arguments) -> Iterator[Arguments]:
        defaults = {item.name: item.default for item in self._parameters if item.default is not item.empty}
        return lighter(arguments, defaults, self._guess, self._init)

    def mend(self, arguments: Arguments, failure: Failure) -> None:
        """Try other values next for the parameters that a failed call speaks of."""
        words = set(re.findall(r"\w+", failure.message))
        free = [item for item in self._parameters if item.name not in self._init and len(item.name) > 3]
        better = []
        if "root scope name" in failure.message and "name" not in self._init:
            # Of a class with an underscore first; within a model it is no trouble.
            better.append({**arguments, "name": by_name("name")})
        for item in [item for item in free if item.name in words][:2]:
            current = arguments.get(item.name, item.default)
            if isinstance(current, bool):
                better.append({**arguments, item.name: not current})
            elif current is None and (value := self._guess(item.name)) is not MISSING:
                better.append({**arguments, item.name: value})
        reformed = itertools.chain(
            self._chosen(arguments, failure), self._reformed(arguments, failure, making=False)
        )
        self._attempts.first([*better, *itertools.islice(reformed, _MOST_MENDED)])

    @property
    def needs_nothing(self) -> bool:
        """Whether the constructor has all it needs from its defaults and what the user configured."""
        return all(name in self._init for name in self._required)

    def refusal(self) -> Refused:
        name = self._cls.__name__
        missing = [item for item in self._required if item not in self._init]
        values = ", ".join(f"{argument} = …" for argument in missing)
        settings = (f"[tool.kerasfix.verify.{name}]", f"init = {{ {values} }}")
        reason = f"no arguments were found for its constructor ({', '.join(missing)})"
        if self.error is not None:
            reason += f"; it raised {one_line(self.error)}"
        return Refused("constructor", reason, settings)

    def _first(self) -> Iterator[Arguments]:
        if self._init and self.needs_nothing:
            yield dict(self._init)
        for site in self._sites:
            known = self._bound(site)
            if known is not None:
                yield {**self._guessed(known), **known, **self._init}
        if not self._required:
            yield dict(self._init)
        yield {**self._guessed({}), **self._init}
        yield from configured({**self._guessed({}), **self._init}, self._configs)
        if keywords := keywords_of(vars(self._cls).get("__init__")):
            more = {name: self._guess(name) for name in keywords}
            known = {name: WIDTH if value is MISSING else value for name, value in more.items()}
            yield {**self._guessed({}), **known, **self._init}
        if self._required:
            guessed = self._guessed({})
            # Parameters that may be left out, and should not be: None stands for "say it".
            extra = [item.name for item in self._parameters if item.default is None]
            yield {**guessed, **{name: self._guess(name) for name in extra}, **self._init}
            plain = {name: with_defaults(value) for name, value in guessed.items()}
            yield {**plain, **self._init}
            parts = {name: LAYER if name in self._relatives else value for name, value in guessed.items()}
            yield {**parts, **self._init}
            without = {name: None if value == LAYER else value for name, value in guessed.items()}
            yield {**without, **self._init}

    def _bound(self, site: dict[str, Any]) -> Arguments | None:
        """The arguments of a construction site by name; None if the class does not take them."""
        names = [item.name for item in self._parameters if item.kind is not item.KEYWORD_ONLY]
        if len(site["positional"]) > len(names):
            return None
        known = {name: item["value"] for name, item in zip(names, site["positional"]) if item is not None}
        known.update(site["named"])
        for name in site["unknown"]:
            known.setdefault(name, self._guess(name))
        if not any(item.kind is item.VAR_KEYWORD for item in constructor_of(self._cls)):
            known = {name: value for name, value in known.items() if self._parameter(name)}
        return {name: value for name, value in known.items() if value is not MISSING}

    def _guessed(self, known: Arguments) -> Arguments:
        values = {name: self._guess(name) for name in self._required if name not in known}
        return {name: WIDTH if value is MISSING else value for name, value in values.items()}

    def _parameter(self, name: str) -> inspect.Parameter | None:
        return next((item for item in self._parameters if item.name == name), None)

    def _guess(self, name: str) -> Any:
        parameter = self._parameter(name)
        if self._usages is None:
            self._usages = usages(self._cls)
        usage = self._usages.get(name, Usage())
        annotation = None if parameter is None else parameter.annotation
        if (built := self._annotated.recipe(annotation)) is not None:
            return built
        if (relative := self._relative(name, usage)) is not None:
            return relative
        if is_told(usage):
            return by_usage(name, usage)
        if parameter is not None and annotation is not parameter.empty:
            text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
            text = str(annotation) if not text or "[" in str(annotation) else text
            value = by_annotation(name, text)
            plain = isinstance(value, (int, float)) and usage.iterated
            if value is not MISSING and value != SETTINGS and not plain:
                return option(usage, value) if usage.options and isinstance(value, str) else value
        return by_usage(name, usage)

    def _relative(self, name: str, usage: Usage) -> Any:
        """A part of the project's own that the parameter is called after, or a small model."""
        is_part = by_name(name) in (LAYER, CELL) or usage.called or FUNCTIONAL & set(usage.attributes)
        if not is_part or self._depth >= _DEEPEST:
            return None
        if name not in self._relatives:
            self._relatives[name] = next(self._made_of(name), None)
        if self._relatives[name] is None and FUNCTIONAL & set(usage.attributes):
            return IMAGE_MODEL
        return self._relatives[name]

    def _made_of(self, name: str) -> Iterator[Any]:
        """Recipes for the classes that a parameter's name speaks of."""
        return self._made(classes_for(name, self._cls, self._keras)[:_MOST_RELATIVES])

    def _made(self, classes: list[type]) -> Iterator[Any]:
        for cls in classes:
            maker = Maker(cls, self._keras, {}, [], self._depth + 1)
            maker.on_new = self.on_new
            for arguments, _ in maker.working():
                yield {"$call": cls.__name__, "positional": [], "named": arguments}
                break

    def _made_first(self, classes: list[type]) -> Any:
        return next(self._made(classes), None) if self._depth < _DEEPEST else None

    def _named(self, dotted: str) -> Any:
        try:
            return self._scope.find(dotted)
        except CannotMake:
            return None

    def _repaired(self, arguments: Arguments, error: BaseException, failure: Failure) -> Iterator[Arguments]:
        """Attempts with another value for what an error speaks of."""
        message = str(error)
        if isinstance(error, CannotMake):
            kept = {key: value for key, value in arguments.items() if repr(message) not in repr(value)}
            yield {**self._guessed(kept), **kept}
            return
        if self._making and self._making not in self._init:
            kept = {name: value for name, value in arguments.items() if name != self._making}
            yield {**kept, **self._guessed(kept)}
        if _MISSING_ARGUMENTS.search(message):
            absent = [name for name in QUOTED.findall(message) if name not in arguments]
            more = {name: self._guess(name) for name in absent}
            if more:
                yield {**arguments, **{name: WIDTH if v is MISSING else v for name, v in more.items()}}
                return
        if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
            name = error.args[0]
            if name.isidentifier() and name not in arguments:
                yield {**arguments, name: self._guess(name)}
        if match := re.search(r"unexpected keyword argument '(\w+)'|Unrecognized keyword.*?'(\w+)'", message):
            name = match.group(1) or match.group(2)
            if name in arguments and name not in self._init:
                yield {key: value for key, value in arguments.items() if key != name}
        if _NETWORK.search(f"{type(error).__name__} {message}"):
            # Pretrained weights: what they are called by is known, where they lie is out of reach.
            asked = [item.name for item in self._parameters if _WEIGHTS.search(item.name)]
            for value in (None, False):
                yield {**arguments, **dict.fromkeys(asked, value)}
            return
        yield from longer(arguments, error, self._init)
        yield from self._with_relatives(arguments, failure)
        yield from self._reformed(arguments, failure, making=True)
        for place in self._blamed(arguments, failure)[:_MOST_BLAMED]:
            if place[0] not in arguments and (value := self._guess(place[0])) is not MISSING:
                yield {**arguments, place[0]: value}
            current = value_at(arguments, place, None)
            name = place[0] if len(place) == 1 else ""
            usage = (self._usages or {}).get(name, Usage())
            for value in alternatives(usage, name, current, message):
                yield with_value(arguments, place, value)

    def _with_relatives(self, arguments: Arguments, failure: Failure) -> Iterator[Arguments]:
        """Layers of the package in the place of a part of ours that lacks what the code reads of it."""
        if self._depth:
            # What such a layer needs itself is seldom one more.
            return
        places = self._blamed(arguments, failure)
        names = dict.fromkeys(place[0] for place in places)
        for name in [name for name in names if _is_part(name, arguments.get(name))][:_MOST_BLAMED]:
            usage = (self._usages or {}).get(name, Usage())
            classes = classes_named(failure.message, self._cls, self._keras)
            read = [[place[1]] for place in places if place[0] == name and len(place) > 1]
            for attributes in (ATTRIBUTE.findall(failure.message), *read[:1], usage.attributes):
                classes += classes_having(attributes, name, self._cls, self._keras)[:_MOST_RELATIVES]
            for cls in dict.fromkeys(classes):
                key = f"{name} {cls.__module__}.{cls.__name__}"
                if key not in self._relatives and self._named(cls.__name__) is cls:
                    self._relatives[key] = next(self._made([cls]), None)
                if (made := self._relatives.get(key)) is not None:
                    yield {**arguments, name: made}

    def _chosen(self, arguments: Arguments, failure: Failure) -> Iterator[Arguments]:
        """The choices that a message names, for the words that were given for them."""
        quoted = words_quoted(failure.message)
        for place in self._blamed(arguments, failure):
            current = value_at(arguments, place, None)
            for text in quoted if isinstance(current, str) else ():
                if text != current:
                    yield with_value(arguments, place, text)

    def _reformed(self, arguments: Arguments, failure: Failure, *, making: bool) -> Iterator[Arguments]:
        """Values of another form for what a failure speaks of: a list of sizes, an object, a function."""
        for place in self._blamed(arguments, failure):
            parameter = self._parameter(place[0])
            default = parameter.default if parameter is not None else None
            current = value_at(arguments, place, default)
            if current in _NOTHING and _TOO_FEW.search(failure.message) and len(place) == 1:
                value = self._guess(place[0])
                yield with_value(arguments, place, unnamed(failure.message) if value is MISSING else value)
            for value in forms(failure.message, place[-1], current, making=making):
                yield with_value(arguments, place, value)

    def _blamed(self, arguments: Arguments, failure: Failure) -> list[Place]:
        """What the message, or the lines that failed, mention; nothing that the user configured."""
        names = [item.name for item in self._parameters]
        names += [name for name in arguments if name not in names]
        free = [name for name in names if name not in self._init]
        return blamed([failure.message, *failure.texts], free, arguments)


def _is_part(name: str, value: Any) -> bool:
    """Whether a value stands for a layer, or a parameter is called as if it should."""
    return by_name(name) in (LAYER, CELL) or value in (LAYER, CELL, IMAGE_MODEL, VECTOR_MODEL)
