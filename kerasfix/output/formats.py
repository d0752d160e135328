"""How findings leave the program: line by line while a run goes on, or as one document at its end.

This module is read for every `--help`: it knows the formats by name, and loads none before it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from kerasfix.engine import FileReport, Problem
    from kerasfix.output.console import Printer
    from kerasfix.plan import Plan

#: Name -> the module in this folder that writes it, each with a function `make`.
FORMATS: Mapping[str, str] = {
    "text": "as_text",
    "concise": "as_concise",
    "json": "as_json",
    "sarif": "as_sarif",
    "github": "as_github",
    "gitlab": "as_gitlab",
    "junit": "as_junit",
}


class Format(Protocol):
    """What is told of files and problems in the order of the run, and makes something to read of it."""

    @property
    def talk(self) -> Printer | None:
        """Where to say between the findings what was done; None if there is no room for it."""

    def file(self, report: FileReport, plan: Plan) -> None:
        """What is left in a file; offsets count in the text of the plan."""

    def problem(self, problem: Problem) -> None:
        """Something that kept kerasfix from its work on one file."""

    def finish(self, exit_code: int) -> None:
        """Nothing more comes, and the command is about to return this."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a format is to know of the run.

    Attributes:
        stream: Where to write.
        is_file: Whether that ends in a file that was named.
        is_nameless: Whether the source is standard input that was given no name.
        tried: Whether suggestions were tried and those that are proved written.
    """

    stream: TextIO
    is_file: bool = False
    is_nameless: bool = False
    tried: bool = False


def make(name: str, asked: Asked) -> Format:
    """The format of this name."""
    module = importlib.import_module(f"kerasfix.output.{FORMATS[name]}")
    made: Format = module.make(asked)
    return made
