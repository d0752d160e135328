"""From the name of a variable in a log to what the source makes: the layer, its attribute, its line.

Keras 3 writes all models that a layer is in before its name, Keras 2 leaves out Sequential and functional
ones; both leave out models around a layer that was built before. So owners may be missing, but what stands
there must fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kerasfix.keras.weight_names import HOLDS_LAYERS, WEIGHTS, may_have
from kerasfix.log.made import Fit, Made
from kerasfix.log.messages import Variable
from kerasfix.log.naming import number_of

# Before the names of what Bidirectional wraps.
_PREFIXES = ("forward_", "backward_")


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a name in a log stands for.

    Attributes:
        candidates: What fits, the best first; what the same lines make stands there once.
        is_certain: Whether the first one is meant, as far as the source shows.
        is_inside: Whether something in them is meant, of which the source says no more.
        is_likely: Whether it has just this name if nothing else was made before.
    """

    candidates: tuple[Made, ...] = ()
    is_certain: bool = False
    is_likely: bool = False
    is_inside: bool = False


@dataclass(frozen=True, slots=True, order=True)
class _Match:
    """How well something that is made fits a name; the least is the best."""

    strange: int  # names in the path that fit nothing around it
    deeper: int  # names behind its own, of what is inside of it
    fit: Fit
    owners: int  # of the models around it, those whose names fit only by their class
    missing: int  # of the models around it, those that the path leaves out
    distance: int  # from the number that it is thought to have


class Mapper:
    """Finds what the names of a log stand for.

    Args:
        made: All that the source makes.
    """

    def __init__(self, made: Iterable[Made]) -> None:
        self._made = list(made)

    def variable(self, variable: Variable) -> Mapped:
        """What a variable belongs to: its layer, or what makes the variable itself."""
        own = self._best([*variable.scopes, variable.weight], [each for each in self._made if each.is_weight])
        layers = [each for each in self._made if not each.is_weight]
        found = self._best(
            variable.scopes,
            [each for each in layers if _may_own(each, variable.weight) and _has_shape(each, variable)],
        )
        if found.candidates and (
            not own.candidates or variable.weight in WEIGHTS.get(found.candidates[0].class_name, ())
        ):
            return found
        return own if own.candidates else found

    def with_weight(self, weight: str) -> list[Made]:
        """The layers that can have a weight, where a log says nothing else of it (Keras 3 before 3.9)."""
        found = {each.site: each for each in self._made if not each.is_weight and _may_own(each, weight)}
        return list(found.values())

    def layer(self, name: str) -> Mapped:
        """What a layer is, told by its name alone."""
        return self._best([name], [each for each in self._made if not each.is_weight])

    def _best(self, scopes: Sequence[str], made: list[Made]) -> Mapped:
        matches = [(match, each) for each in made if (match := _match(each, scopes)) is not None]
        if not matches:
            return Mapped()
        matches.sort(key=lambda pair: pair[0])
        best = matches[0][0]
        sites: dict[tuple[object, ...], tuple[_Match, Made]] = {}
        for match, each in matches:
            # What has just this name counts also where something around it is strange.
            is_as_near = match.strange == best.strange or match.fit < best.fit
            if is_as_near and match.deeper == best.deeper:
                sites.setdefault(each.site, (match, each))
        ranked = list(sites.values())
        is_inside = best.deeper > 0 and all(each.is_foreign for _, each in ranked)
        exact = [each for match, each in ranked if (match.fit, match.owners) == (Fit.EXACT, 0)]
        if (
            best.fit is Fit.EXACT
            and best.owners == 0
            and len(exact) == 1
            and not _is_only_likely(exact[0], ranked)
        ):
            return Mapped((exact[0],), is_certain=True, is_inside=is_inside)
        return Mapped(tuple(each for _, each in ranked), len(ranked) == 1, len(exact) == 1, is_inside)


def _is_only_likely(made: Made, ranked: list[tuple[_Match, Made]]) -> bool:
    """Whether its number hangs on what else the program makes, and that is not in sight."""
    return made.alone and made.name.auto and len(ranked) > 1


def _match(made: Made, scopes: Sequence[str]) -> _Match | None:
    found = []
    for position in range(len(scopes) - 1, -1, -1):
        fit = _fit(made, scopes[position])
        if fit is not None:
            deeper = len(scopes) - position - 1
            if deeper and not _has_inside(made):
                continue
            found.append(_around(made, scopes[:position], deeper, fit, scopes[position]))
    return min(found, default=None)


def _fit(made: Made, name: str) -> Fit | None:
    fit = made.fit(name)
    if fit is None and made.owner is not None and made.owner.class_name == "Bidirectional":
        for prefix in _PREFIXES:
            if name.startswith(prefix):
                return made.fit(name.removeprefix(prefix))
    return fit


def _around(made: Made, before: Sequence[str], deeper: int, fit: Fit, name: str) -> _Match:
    """Compare the names before that of a layer with the models around it, from the inside out."""
    owners = [each for each in made.chain if each is not made and each.class_name]
    strange = loose = missing = 0
    for scope in reversed(before):
        for skipped, owner in enumerate(owners):
            owner_fit = owner.fit(scope)
            if owner_fit is not None:
                loose += owner_fit is not Fit.EXACT
                missing += skipped
                owners = owners[skipped + 1 :]
                break
        else:
            strange += 1
    number = number_of(name, made.class_name) if made.name.auto else None
    distance = 0
    if number is not None:
        # A loop makes one after the other; nothing makes one before its first.
        distance = number - made.name.least if number >= made.name.least else 1_000 + made.name.least - number
    return _Match(strange, deeper, fit, loose, missing + len(owners), distance)


def _has_inside(made: Made) -> bool:
    """Whether names can stand behind its own: those of layers that it makes itself."""
    return made.is_foreign or made.class_name in HOLDS_LAYERS


def _may_own(made: Made, weight: str) -> bool:
    # TensorFlow numbers the second weight of a name.
    plain = re.sub(r"_\d+$", "", weight)
    return made.is_foreign or any(may_have(made.class_name, each) for each in (weight, plain))


def _has_shape(made: Made, variable: Variable) -> bool:
    """Whether a shape that the log prints goes with the size that the source writes."""
    size = made.size
    if size is None or not variable.shape or variable.weight not in ("kernel", "bias"):
        return True
    return variable.shape[-1] == size
