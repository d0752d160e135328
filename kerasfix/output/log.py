"""What a log says and what the source says to it, for people: the finding first, then the lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kerasfix.findings import Finding
from kerasfix.keras.weights import ALL_WEIGHTS
from kerasfix.log.answers import Answer, LayerOf
from kerasfix.log.made import Made, Spot
from kerasfix.log.messages import Topic
from kerasfix.output.console import Line

_MOST_CANDIDATES = 4
_MOST_LAYERS = 40
_MOST_POSSIBLE = 5
Shown = Callable[[Finding], Iterator[Line]]
"""The lines of a finding, as the normal report has them."""


def answer_lines(answer: Answer, shown: Shown, path_of: Callable[[str], Path]) -> Iterator[Line]:
    """One message and all that belongs to it."""
    said = answer.said
    times = f" ({said.count} times)" if said.count > 1 else ""
    yield [("log: ", "bold magenta"), (said.text, ""), (times, "bold")]
    for finding in answer.findings:
        yield from shown(finding)
        explained = [layer for layer in answer.layers if finding in layer.findings]
        if explained:
            yield [("  explains ", "bold green"), (", ".join(_named(each) for each in explained), "")]
    if answer.raised_at is not None:
        yield from _raised(answer.raised_at, path_of)
    for layer in answer.layers[:_MOST_LAYERS]:
        yield from _layer_lines(layer, path_of)
    if len(answer.layers) > _MOST_LAYERS:
        yield [(f"  and {len(answer.layers) - _MOST_LAYERS} more layers", "")]
    yield from _unexplained(answer, shown)


def log_summary(answers: Sequence[Answer], log: str) -> Line:
    """How many messages there are, and how many of them the source explains."""
    if not answers:
        return [
            (
                f"No message of Keras about gradients, the training flag or unbuilt layers in {log}",
                "bold green",
            )
        ]
    explained = sum(bool(each.findings) for each in answers)
    noun = "message" if len(answers) == 1 else "messages"
    return [(f"{len(answers)} {noun} of Keras in {log}, {explained} explained by the source", "bold")]


def _raised(spot: Spot, path_of: Callable[[str], Path]) -> Iterator[Line]:
    yield [("  raised at ", "bold"), (_place(spot, path_of), "")]
    yield [(f"  {spot.line} | ", "blue"), (spot.module.source.line(spot.line), "")]


def _layer_lines(layer: LayerOf, path_of: Callable[[str], Path]) -> Iterator[Line]:
    candidates = layer.mapped.candidates
    name: Line = [("  ", ""), (_named(layer), "bold")]
    if not candidates and not layer.weights and layer.path in ALL_WEIGHTS:
        yield [*name, (": Keras says no more of its name, and no finding loses a layer with one", "")]
    elif not candidates:
        yield [*name, (": the source shows no layer of this name", "")]
    elif layer.mapped.is_certain:
        yield [*name, (" → ", ""), *_made(candidates[0], path_of)]
    elif len(candidates) == 1:
        yield [*name, (" → probably ", ""), *_made(candidates[0], path_of)]
    else:
        yield [*name, (" is one of these, the likeliest first:", "")]
        for made in candidates[:_MOST_CANDIDATES]:
            yield [("    → ", ""), *_made(made, path_of)]
        if len(candidates) > _MOST_CANDIDATES:
            yield [(f"    and {len(candidates) - _MOST_CANDIDATES} more", "")]


def _unexplained(answer: Answer, shown: Shown) -> Iterator[Line]:
    if answer.findings:
        rest = [layer for layer in answer.layers if not layer.findings]
        if rest:
            names = ", ".join(_named(each) for each in rest[:6]) + (" and more" if len(rest) > 6 else "")
            yield [("  not explained by the source: ", "bold yellow"), (names, "")]
        return
    if answer.possible:
        yield [("  The message does not say which layers it means; this may be why:", "bold yellow")]
        for finding in answer.possible[:_MOST_POSSIBLE]:
            yield from shown(finding)
        if len(answer.possible) > _MOST_POSSIBLE:
            yield [(f"  and {len(answer.possible) - _MOST_POSSIBLE} more like these", "")]
        return
    yield [("  Nothing that kerasfix finds in the source explains it", "bold yellow")]
    if answer.said.message.topic is Topic.SOME_GRADIENTS and answer.layers:
        yield [("  note: ", "bold"), (_HINT, "")]


_HINT = (
    "A variable also has no gradient if the loss is not made from what its layer returns, or if the list of "
    "variables belongs to another model"
)


def _named(layer: LayerOf) -> str:
    """`net/conv2d (kernel, bias)`."""
    return f"{layer.path} ({', '.join(layer.weights)})" if layer.weights else layer.path


def _made(made: Made, path_of: Callable[[str], Path]) -> Line:
    """`self.conv1, made at net.py:9 (class Net)`, and what that is in."""
    line: Line = [(_what(made), "bold cyan"), (f", made at {_place(_where(made), path_of)}", "")]
    if made.holder is not None:
        line.append((f" (class {made.holder.name})", ""))
    elif made.function:
        line.append((f" (in {made.function})", ""))
    outer = next((each for each in made.chain if each.owner is not None and _is_outside(each, made)), None)
    if outer is not None and outer.attribute and outer.attribute != made.attribute:
        line.append((f", inside {outer.attribute} at {_place(_where(outer), path_of)}", ""))
        line.append((f" (class {outer.holder.name})" if outer.holder else "", ""))
    return line


def _is_outside(each: Made, made: Made) -> bool:
    return each is not made and each.holder is not None and each.holder is not made.holder


def _what(made: Made) -> str:
    if made.attribute:
        return made.attribute
    return made.class_name or made.name.exact or "a variable"


def _where(made: Made) -> Spot:
    return made.held_at if made.held_at is not None and made.holder is not None else made.made_at


def _place(spot: Spot, path_of: Callable[[str], Path]) -> str:
    return f"{path_of(spot.module.file).as_posix()}:{spot.line}"


def relative(file: str) -> Path:
    """A file that was not given, as short as it can be said."""
    short = os.path.relpath(file)
    return Path(file if short.startswith("..") else short)
