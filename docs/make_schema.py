"""Write docs/kerasfix.schema.json, the keys of kerasfix.toml for editors: `python docs/make_schema.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kerasfix.keys import EVERYTHING

FILE = Path(__file__).parent / "kerasfix.schema.json"


def schema() -> dict[str, Any]:
    """The schema of a kerasfix.toml, which is that of the table `tool.kerasfix` too."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "kerasfix",
        "description": "The settings of kerasfix: kerasfix.toml, or [tool.kerasfix] of pyproject.toml.",
        **EVERYTHING.schema(),
    }


def text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
