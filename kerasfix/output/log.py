"""What a log says and what the source says to it, for people: the finding first, then the lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kerasfix.findings import Finding
from kerasfix.keras.weight_names import ALL_WEIGHTS
from kerasfix.log.answers import Answer, LayerOf
from kerasfix.log.made import Made, Spot
from kerasfix.log.messages import Topic
from kerasfix.output.console import Line

_MOST_CANDIDATES = 4
_MOST_LAYERS = 40
_MOST_POSSIBLE = 5
_MOST_NAMES = 6
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
            yield [("  explains ", "bold green"), (_several(explained), "")]
    if answer.raised_at is not None:
        yield from _raised(answer.raised_at, path_of)
    yield from _all_layers(answer.layers, path_of)
    yield from _unexplained(answer, shown)


def _all_layers(layers: Sequence[LayerOf], path_of: Callable[[str], Path]) -> Iterator[Line]:
    """The layers that a message names: what is explained first, then what is known, then the rest."""
    known = sorted((each for each in layers if _is_known(each)), key=lambda each: not each.findings)
    for layer in known[:_MOST_LAYERS]:
        yield from _layer_lines(layer, path_of)
    if len(known) > _MOST_LAYERS:
        yield [(f"  and {len(known) - _MOST_LAYERS} more layers", "")]
    strange = [each for each in layers if not _is_known(each)]
    if strange:
        which = "this name" if len(strange) == 1 else "these names"
        yield [("  ", ""), (_several(strange), "bold"), (f": the source shows no layer of {which}", "")]


def _is_known(layer: LayerOf) -> bool:
    return bool(layer.mapped.candidates) or (not layer.weights and layer.path in ALL_WEIGHTS)


def _several(layers: Sequence[LayerOf]) -> str:
    rest = len(layers) - _MOST_NAMES
    return ", ".join(_named(each) for each in layers[:_MOST_NAMES]) + (
        f" and {rest} more" if rest > 0 else ""
    )


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
    inside = "something in " if layer.mapped.is_inside else ""
    if not candidates:
        yield [*name, (": Keras says no more of its name, and no finding loses a layer with one", "")]
    elif layer.mapped.is_certain:
        yield [*name, (f" → {inside}", ""), *_made(candidates[0], path_of)]
    elif len(candidates) == 1:
        yield [*name, (f" → probably {inside}", ""), *_made(candidates[0], path_of)]
    else:
        yield [*name, (" is one of these, the likeliest first:", "")]
        for made in candidates[:_MOST_CANDIDATES]:
            yield [(f"    → {inside}", ""), *_made(made, path_of)]
        if len(candidates) > _MOST_CANDIDATES:
            yield [(f"    and {len(candidates) - _MOST_CANDIDATES} more", "")]


def _unexplained(answer: Answer, shown: Shown) -> Iterator[Line]:
    if answer.findings:
        rest = [layer for layer in answer.layers if not layer.findings]
        if rest:
            yield [("  not explained by the source: ", "bold yellow"), (_several(rest), "")]
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
