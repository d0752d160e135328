"""Charts as SVG, in the colours of the page that they stand in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pygal
from pygal.style import Style

_WIDTH = 760
# Colours are those of the style sheet, so that a chart is light or dark with its page.
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="var(--ink)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--line)",
    colors=("var(--before)", "var(--after)"),
    opacity="1",
    opacity_hover="1",
    font_family="inherit",
    label_font_size=12,
    major_label_font_size=12,
    legend_font_size=13,
    title_font_size=14,
)
# A chart of more bars than these is no picture any more.
MOST_BARS = 40
_MOST_LABELS = 8
_LONGEST = 40
# The powers of ten of a float end a little further on.
_MOST_DECADES = 307

Versions = Mapping[str, Sequence[float | None]]


def norms_chart(name: str, variables: Sequence[str], versions: Versions) -> str:
    """Bars for each variable, a version each, on a logarithmic scale: what is missing or zero has none.

    Args:
        name: Tells the styles of this chart from those of others on the page.
    """
    lowest, highest = _decades([norm for norms in versions.values() for norm in norms if norm])
    step = -(-(highest - lowest) // _MOST_LABELS)
    chart = pygal.HorizontalBar(
        **_options(90 + 34 * len(variables)),
        logarithmic=True,
        range=(10.0**lowest, 10.0**highest),
        zero=10.0**lowest,
        y_labels=[10.0**decade for decade in range(lowest, highest + 1, step)],
        truncate_label=-1,
    )
    # pygal counts rows from below.
    chart.x_labels = [_short(name) for name in reversed(variables)]
    for version, norms in versions.items():
        # A logarithm knows no zero.
        chart.add(version, [norm or None for norm in reversed(norms)])
    return _svg(chart, name, "Norms of gradients; the table below has the same numbers")


def losses_chart(name: str, versions: Versions) -> str:
    """A line for each version over the steps of `fit`."""
    chart = pygal.Line(**_options(240))
    chart.x_labels = [str(step + 1) for step in range(max(map(len, versions.values())))]
    for version, losses in versions.items():
        chart.add(version, list(losses))
    return _svg(chart, name, "Loss over the steps of fit")


def _short(name: str) -> str:
    """Its end says most of a variable; pygal gives a label the room that it wants, up to all of it."""
    return name if len(name) <= _LONGEST else "..." + name[3 - _LONGEST :]


def _decades(norms: Sequence[float]) -> tuple[int, int]:
    """Powers of ten below the least and not below the largest, so that every bar has a length."""
    if not norms:
        return 0, 1
    lowest = math.ceil(math.log10(min(norms))) - 1
    return max(lowest, -_MOST_DECADES), min(math.floor(math.log10(max(norms))) + 1, _MOST_DECADES)


def _options(height: int) -> dict[str, Any]:
    return {
        "style": _STYLE,
        "width": _WIDTH,
        "height": height,
        "js": [],
        "disable_xml_declaration": True,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 2,
        "margin_top": 8,
        "formatter": lambda value: f"{value:.3g}",
    }


def _svg(chart: Any, name: str, label: str) -> str:
    def settled(root: Any) -> Any:
        root.set("role", "img")
        root.set("aria-label", label)
        # pygal leaves its options in a script even where no script is to run.
        for parent in list(root.iter()):
            for child in [each for each in parent if each.tag == "script"]:
                parent.remove(child)
        return root

    # By chance, as pygal has it, every page would be another one.
    chart.uuid = name
    chart.add_xml_filter(settled)
    return str(chart.render(is_unicode=True))
