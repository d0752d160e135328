from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasfix.verify.report import ModelReport
from kerasfix.verify.session import Session, Target


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    """One for all tests: Keras is imported once."""
    with Session(Path(sys.executable), device="cpu", timeout=60) as session:
        yield session


@pytest.fixture
def compare(session: Session, tmp_path: Path) -> Callable[..., ModelReport]:
    """Compare two versions of a class `Net` in a file of its own."""

    def run(original: str, patched: str | None = None, name: str = "Net", **options: Any) -> ModelReport:
        target = Target(tmp_path / "net.py", name, 1)
        return session.compare(target, original, original if patched is None else patched, **options)

    return run
