"""The engine of a run, as the options and the configuration want it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from kerasfix.config import Config, ConfigError
from kerasfix.engine import Engine, Known
from kerasfix.finder import Finder
from kerasfix.settings import Settings
from kerasfix.surroundings import around
from kerasfix.workspace import Found


def engine_for(settings: Settings, config: Config, paths: Sequence[Path], found: list[Found]) -> Engine:
    """What finds the faults of these files, as the options and the configuration want it."""
    from kerasfix.analysis.neighbours import Neighbours

    neighbours = Neighbours(around(paths, found))
    finder = Finder(settings.selection(config), neighbours, layers=config.layers)
    engine = Engine(finder)
    if not settings.no_cache:
        from kerasfix.cache import Cache

        engine.cache = Cache(finder)
    if settings.baseline is not None:
        engine.baseline = _baseline(settings, settings.baseline)
    return engine


def _baseline(settings: Settings, path: Path) -> Known | None:
    """What is known already; None if that is to be found out now."""
    from kerasfix.baseline import Baseline

    if os.path.exists(path):
        return Baseline.read(path)
    if settings.does_more or settings.is_filter:
        raise ConfigError(f"{path}: there is none; a run that does nothing else writes it")
    return None
