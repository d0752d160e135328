"""What a run is asked to do: the options of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kerasfix.config import Config
from kerasfix.engine import Allow, Selection, allow_up_to
from kerasfix.findings import Applicability, Severity
from kerasfix.verify.settings import Wish

STDIN = Path("-")


def is_page(path: Path) -> bool:
    """Whether a report of this name is for a browser; any other is JSON."""
    return path.suffix.lower() in (".html", ".htm")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of the command line, under their names."""

    paths: tuple[Path, ...] = ()
    diff: bool = False
    apply: bool = False
    safe_only: bool = False
    suggestions: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    min_severity: Severity | None = None
    verify: bool = False
    report: tuple[Path, ...] = ()
    python: Path | None = None
    device: str = "auto"
    backend: str | None = None
    keras: int | None = None
    timeout: float = 120.0
    memory: int = 8192
    stdin_filename: Path | None = None
    output_format: str = "text"
    output_file: Path | None = None
    interactive: bool = False
    undo: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether the source comes from standard input."""
        return self.paths == (STDIN,)

    @property
    def writes(self) -> bool:
        """Whether fixes are written into the files."""
        return self.apply or self.interactive

    @property
    def first_path(self) -> Path:
        """Where the configuration is looked for."""
        return self.stdin_filename or next((path for path in self.paths if path != STDIN), Path())

    def selection(self, config: Config) -> Selection:
        """Which findings count; an option wins over the configuration."""
        return Selection(self.select, self.ignore, self.min_severity or config.min_severity)

    def wish(self, config: Config) -> Wish:
        """The Keras that models are run on; an option wins over the configuration."""
        return Wish(self.backend or config.wish.backend, self.keras or config.wish.keras)

    @property
    def allow(self) -> Allow:
        """The fixes that these options write without proof."""
        if self.safe_only:
            return allow_up_to(Applicability.SAFE)
        if self.suggestions:
            return allow_up_to(*Applicability)
        return allow_up_to(Applicability.SAFE, Applicability.REPAIR)
