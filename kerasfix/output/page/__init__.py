"""The report as one page for a browser: no script, and nothing that is loaded from anywhere."""

from __future__ import annotations

from importlib.util import find_spec

# What the extra `report` brings; imported only where a page is made.
_NEEDED = ("jinja2", "pygal")


def missing() -> list[str]:
    """The packages that a page needs and that are not here."""
    return [name for name in _NEEDED if find_spec(name) is None]
