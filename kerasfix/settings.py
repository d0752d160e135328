"""What a run is asked to do: the options of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kerasfix.config import Config, ConfigError
from kerasfix.engine import Allow, allow_up_to
from kerasfix.findings import Applicability, Severity
from kerasfix.patterns import PatternError, Patterns
from kerasfix.selection import Selection
from kerasfix.verify.settings import Wish
from kerasfix.workspace import Exclusion

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
    fixable: tuple[str, ...] = ()
    unfixable: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool | None = None
    respect_gitignore: bool | None = None
    add_noqa: bool = False
    baseline: Path | None = None
    update_baseline: bool = False
    statistics: bool = False
    exit_zero: bool = False
    interactive: bool = False
    undo: bool = False
    no_cache: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether the source comes from standard input."""
        return self.paths == (STDIN,)

    @property
    def writes(self) -> bool:
        """Whether fixes are written into the files."""
        return self.apply or self.interactive

    @property
    def does_more(self) -> bool:
        """Whether it does more than to look and to tell."""
        return self.diff or self.apply or self.interactive or self.undo or self.verify

    @property
    def first_path(self) -> Path:
        """Where the configuration is looked for."""
        return self.stdin_filename or next((path for path in self.paths if path != STDIN), Path())

    def selection(self, config: Config) -> Selection:
        """Which findings count; an option wins over the configuration.

        `--select` stands in the place of what the configuration selects and ignores, `--ignore` is added.
        """
        return Selection(
            self.select or config.select,
            self.ignore if self.select else config.ignore,
            self.min_severity or config.min_severity,
            () if self.select else self.ignore,
            self.fixable or config.fixable,
            self.unfixable if self.fixable else (*config.unfixable, *self.unfixable),
            tuple(
                (_files(pattern, config.folder), codes) for pattern, codes in config.per_file_ignores.items()
            ),
        )

    def exclusion(self, config: Config) -> Exclusion:
        """What is left out of folders; an option wins over the configuration."""
        # What the command line names counts from where people type it.
        named = [(config.folder, () if self.exclude else config.exclude or ()), (Path(), self.exclude)]
        more = [(config.folder, config.extend_exclude), (Path(), self.extend_exclude)]
        return Exclusion(
            tuple(_patterns(folder, lines) for folder, lines in (*named, *more) if lines),
            str(config.folder),
            has_usual=not self.exclude and config.exclude is None,
            has_ignored=_either(self.respect_gitignore, config.respect_gitignore),
            is_forced=_either(self.force_exclude, config.force_exclude),
        )

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


def _either(option: bool | None, configured: bool) -> bool:
    return configured if option is None else option


def _files(pattern: str, folder: Path) -> Patterns:
    """The files that a pattern names; with `!` before it, all others."""
    return _patterns(folder, ["*", pattern] if pattern.startswith("!") else [pattern])


def _patterns(folder: Path, lines: Sequence[str]) -> Patterns:
    try:
        return Patterns.of(folder, lines)
    except PatternError as error:
        raise ConfigError(str(error)) from None
