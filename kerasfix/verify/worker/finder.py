"""Finding constructor arguments and inputs that go together."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .arguments import Maker
from .candidates import Spec
from .drive import Driven, drive
from .frameworks import Framework
from .holders import Given, Watch
from .inputs import Prober
from .lightness import MOST_WEIGHTS, Scale, most_weights
from .load import Refused
from .meter import peak_mb
from .recipes import Scope
from .runs import Enough, can_be_run, run
from .sizes import widths_of, words_in

_MOST_MADE = 6
# Training takes about so many calls; if there is no time for them, a smaller instance shows as much.
_CALLS = 12
# What training takes of memory, against one call.
_TIMES_IN_TRAINING = 6
# The part of the time that is left for classes that hold this one, and the least that one of them needs.
_KEPT = 0.5
_LEAST_SECONDS = 0.5
# Of what one of them gave it.
_MOST_GIVEN = 3


class Finder:
    """Looks for arguments and inputs that go together.

    Args:
        fresh: Makes an instance with some arguments, wrapped for a spec.
        say: Told what is done next.
        beside: Gives what holds the class, see `Evidence.holders`; None if it is not there.
    """

    def __init__(
        self,
        job: dict[str, Any],
        cls: type,
        keras: Any,
        framework: Framework,
        maker: Maker,
        scale: Scale,
        fresh: Callable[[dict[str, Any], Spec | None], Driven],
        say: Callable[[str], None],
        beside: Callable[[dict[str, Any]], Any] = lambda _holder: None,
    ) -> None:
        self._job = job
        self._cls = cls
        self._keras = keras
        self._framework = framework
        self._maker = maker
        self._scale = scale
        self._fresh = fresh
        self._say = say
        self._beside = beside
        self._base = peak_mb()

    def find(self) -> dict[str, Any]:
        """The inputs, and under "init" the arguments of the constructor, both as JSON.

        Raises:
            Refused: if there are none.
        """
        seconds = float(self._job["probe_seconds"])
        end = time.monotonic() + seconds
        # Some of the time is kept for what another class may show; all of it if this one was in vain before.
        holders = self._job.get("holders", ())
        deadline = end - (seconds * _KEPT if holders else 0)
        refusals: list[Refused] = []
        # A heavy model takes long, and a small one of the same class shows as much.
        limits = (MOST_WEIGHTS, most_weights(self._job.get("memory_mb")))
        for limit in limits if not self._job.get("searched") else ():
            self._scale.limit = limit
            found = self._find_within(deadline, refusals)
            self._scale.limit = None
            if found is not None:
                return found
            if not self._scale.exceeded or time.monotonic() > deadline:
                break
        for holder in holders:
            found = self._find_in(holder, (end - time.monotonic()) / 2)
            if found is not None:
                return found
        if refusals:
            raise refusals[0]
        if self._maker.needs_nothing and self._maker.error is not None:
            raise self._maker.error
        raise self._maker.refusal()

    def _find_within(self, deadline: float, refusals: list[Refused]) -> dict[str, Any] | None:
        slow: dict[str, Any] | None = None
        slowest = float(self._job["probe_seconds"]) / _CALLS
        for count, (arguments, made) in enumerate(self._maker.working(), 1):
            self._say("probe")
            # Half of the time for the best arguments, half of the rest for the next.
            seconds = (deadline - time.monotonic()) / 2
            prober = self._prober(arguments, max(seconds, 1.0))
            try:
                spec = prober.find(made, self._job["hints"], widths_of(arguments))
            except Refused as refused:
                refusals.append(refused)
            else:
                sources = {"init": self._maker.sources(arguments), "input": self._input_sources(spec)}
                found = {**spec.to_json(), "init": arguments, "sources": sources}
                is_light = prober.took < slowest and not self._is_large()
                if slow or is_light or not self._maker.has_lighter(arguments):
                    return found
                slow = found
                self._maker.lighten(arguments)
                self._say("init")
                continue
            if slow or count == _MOST_MADE or time.monotonic() > deadline:
                break
            if prober.nearest is not None:
                self._maker.mend(arguments, prober.nearest)
            if prober.is_heavy:
                self._maker.lighten(arguments)
            self._say("init")
        return slow

    def _is_large(self) -> bool:
        """Whether training, which keeps what every layer gave, would need more memory than there is."""
        limit, peak = self._job.get("memory_mb"), peak_mb()
        if not limit or peak is None or self._base is None:
            return False
        return self._base + _TIMES_IN_TRAINING * (peak - self._base) > float(limit)

    def _find_in(self, holder: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """What makes this class and calls it gives to it, if that can be run and this class takes it.

        Args:
            holder: See `Evidence.holders`.
        """
        other = self._beside(holder) if seconds > _LEAST_SECONDS else None
        if other is None or other is self._cls:
            return None
        scope = Scope(vars(sys.modules[self._cls.__module__]), self._keras)
        self._say("holder")
        watch = Watch(self._cls, scope, until_called=holder["runs"])
        self._scale.reset()
        self._scale.limit = most_weights(self._job.get("memory_mb"))
        with contextlib.suppress(Exception, SystemExit, Enough), watch:
            # If it cannot be called, it may have made this one all the same.
            self._run_holder(other, holder, seconds)
        self._scale.limit = None
        self._say("probe")
        for given in watch.given()[:_MOST_GIVEN]:
            arguments = {**given.arguments, **self._job.get("init", {})}
            prober = self._prober(arguments, seconds / _MOST_GIVEN)
            try:
                spec = next(filter(prober.takes, _as_given(given)), None)
                if spec is None:
                    made = self._maker.construct(arguments)
                    spec = prober.find(made, self._job["hints"], widths_of(arguments))
            except (Exception, SystemExit):
                continue
            source = f"run of {holder['name']}"
            told = [source if spec in _as_given(given) else "guess"] * len(spec.items)
            sources = {"init": dict.fromkeys(arguments, source), "input": told}
            return {**spec.to_json(), "init": arguments, "sources": sources}
        return None

    def _run_holder(self, other: Any, holder: dict[str, Any], seconds: float) -> None:
        if holder["runs"]:
            # It does what it likes, so it is kept in or not run at all.
            for each in (holder, *holder["holders"]) if "files" in self._job.get("kept_in", ()) else ():
                thing = other if each is holder else self._beside(each)
                if can_be_run(thing):
                    scope = Scope(vars(sys.modules[thing.__module__]), self._keras)
                    run(thing, each["methods"], scope, seconds / (1 + len(holder["holders"])))
            return
        alone = {
            "probe_seconds": seconds,
            "hints": [],
            "seed": self._job["seed"],
            "holders": holder["holders"],
            "configs": self._job.get("configs"),
            "kept_in": self._job.get("kept_in", ()),
            "memory_mb": self._job.get("memory_mb"),
        }
        maker = Maker(other, self._keras, {}, holder["sites"], configs=self._job.get("configs"))
        maker.on_new = self._maker.on_new

        def fresh(arguments: dict[str, Any], spec: Spec | None) -> Driven:
            return drive(self._keras, maker.construct(arguments), spec)

        context = self._keras, self._framework, maker, self._scale, fresh, self._say, self._beside
        Finder(alone, other, *context).find()

    def _prober(self, arguments: dict[str, Any], seconds: float) -> Prober:
        return Prober(
            lambda spec: self._fresh(arguments, spec),
            self._framework,
            self._keras,
            int(self._job["seed"]),
            seconds,
            [Spec.from_json(each) for each in self._job.get("unwanted", ()) if each.get("init") == arguments],
            words_in(arguments),
            hurried=self._maker.has_lighter(arguments),
        )

    def _input_sources(self, spec: Spec) -> list[str]:
        told = [tuple(hint) for hint in self._job["hints"]]
        where = self._job.get("hints_from", "code")
        return [where if item.shape[1:] in told else "guess" for item in spec.items]


def _as_given(given: Given) -> list[Spec]:
    """The inputs that were seen; then with `build` called as it was, which Keras may do otherwise."""
    if given.spec is None:
        return []
    return [given.spec, *([replace(given.spec, build=json.dumps(given.build))] if given.build else [])]
