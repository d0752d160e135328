"""Both versions of a model on one input, whichever of them finds it.

What one version found need not suit the other: a broken model may take only what the sound one refuses, and
the other way round. A refusal of a guessed input is no fault as long as there may be an input that both take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kerasfix.verify.report import Observation

Spec = Mapping[str, Any]

# How many inputs each version may propose before it is said that they have none in common.
_MOST_PROPOSALS = 2
# The phases without which a version has not been driven.
_NEEDED = ("import", "init", "call", "tape", "fit")
# Messages about how a call is written. No other input would help, so none is looked for.
_CALL_MECHANICS = re.compile(
    r"Only input tensors may be passed as positional|got multiple values for argument"
    r"|missing a required argument|missing \d+ required|unexpected keyword argument|is not defined"
)


@dataclass(frozen=True)
class Seen:
    """What running one version gave.

    Attributes:
        observation: None if the version could not be driven.
        spec: The arguments and inputs that it ran on, as the worker writes them.
        keras: Version and backend of the Keras that the class is made of.
        refused: Which step refused to drive it ("inputs", "constructor", ...), "" if none did.
        reason: Why, as sentences.
    """

    observation: Observation | None = None
    spec: Spec | None = None
    keras: tuple[str, str] | None = None
    refused: str = ""
    reason: tuple[str, ...] = ()

    @property
    def is_driven(self) -> bool:
        return not self.stopped_by

    @property
    def stopped_by(self) -> tuple[str, ...]:
        """What kept it from being trained; empty if nothing did."""
        if self.observation is None:
            return self.reason or ("nothing was seen",)
        return tuple(self.observation.errors[phase] for phase in _NEEDED if phase in self.observation.errors)

    @property
    def takes_it(self) -> bool:
        """Whether it could be called with its input at all; what it did then is another matter."""
        seen = self.observation
        return seen is not None and (seen.raised_in not in ("import", "init", "call") or seen.ran)

    @property
    def was_not_fed(self) -> bool:
        """Whether nothing was found that it could be constructed with and called on."""
        return self.observation is None and self.refused in ("inputs", "constructor")

    @property
    def other_input_may_help(self) -> bool:
        """Whether it was refused for what it was given, as far as that can be told."""
        if self.observation is None:
            return self.refused in ("inputs", "constructor")
        seen = self.observation
        if seen.raised_in not in ("init", "call") or seen.trainable or seen.stopped:
            return False
        return not _CALL_MECHANICS.search(seen.raised or "")


@dataclass(frozen=True)
class Pair:
    """Both versions.

    Attributes:
        in_common: Whether both were given the same. If not, each was run on what it takes, and they were
            tried on each other's.
    """

    before: Seen
    after: Seen
    in_common: bool = True


#: Runs a version on a spec, or on one that it finds itself and that is not among those it must not find.
Observe = Callable[[Spec | None, Sequence[Spec]], Seen]


def observe_both(original: Observe, patched: Observe, known: Spec | None) -> Pair:
    """Run both versions on one input.

    The patched version looks for it first, because the original may raise on every input. If either refuses
    what the other takes, it looks for its own, which is tried on the other: "raised before" and "raises now"
    are said only of a model that takes nothing that the other takes.

    Args:
        known: What this class took before, in another version.
    """
    after = patched(known, ())
    before = original(known or after.spec, ())
    if after.spec is None and before.takes_it and after.other_input_may_help:
        after = patched(before.spec, ())
        # It has looked for its own in vain.
        return Pair(before, after)
    if known is not None and not (before.takes_it or after.takes_it):
        return observe_both(original, patched, None)
    refuser = after if before.takes_it else before
    if before.takes_it == after.takes_it or not refuser.other_input_may_help:
        return Pair(before, after)
    return _search(original, patched, Pair(before, after))


def _search(original: Observe, patched: Observe, first: Pair) -> Pair:
    """Let each version propose inputs, those first of the one that refused.

    Args:
        first: Of these one takes its input, and the other refuses it.
    """
    befores = [first.before] if first.before.takes_it else []
    afters = [first.after] if first.after.takes_it else []
    turns = [(original, patched, befores), (patched, original, afters)]
    if befores:
        turns.reverse()
    for _ in range(_MOST_PROPOSALS):
        for one, other, taken in turns:
            proposed = one(None, [each.spec for each in taken if each.spec is not None])
            if not proposed.takes_it:
                # Nothing at all, or nothing more.
                return Pair(befores[0], afters[0], in_common=False) if befores and afters else first
            taken.append(proposed)
            answer = other(proposed.spec, ())
            if answer.takes_it:
                return Pair(proposed, answer) if one is original else Pair(answer, proposed)
    return Pair(befores[0], afters[0], in_common=False)
