"""From a variable without a gradient to the lines where its layer is made and where its output is lost."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kerasfix.verify.report import Observation, Trace, layer_of


def traces_of(
    seen: Observation | None, made_lines: Mapping[str, int], lost_lines: Mapping[str, int]
) -> tuple[Trace, ...]:
    """The lines for each variable that had no gradient.

    Args:
        made_lines: Attribute of a layer -> the line that makes it.
        lost_lines: Attribute of a layer -> the line that loses its output.
    """
    found = []
    for variable in seen.missing_gradient if seen else ():
        layer = layer_of(variable, seen.layers if seen else {})
        found.append(Trace(variable, layer, _line_of(layer, made_lines), _line_of(layer, lost_lines)))
    return tuple(found)


def _line_of(layer: str, lines: Mapping[str, int]) -> int | None:
    """By the layer's own path, else by the attribute of the model that it hangs on."""
    root = re.split(r"[.\[]", layer, maxsplit=1)[0]
    return lines.get(layer, lines.get(root))
