"""A rule with a fault of its own costs one file its answer, not the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasfix import rules
from kerasfix.analysis.program import Program
from kerasfix.engine import Engine, FileReport, Problem, allow_up_to
from kerasfix.findings import Applicability, Finding
from kerasfix.rules.base import Rule
from kerasfix.workspace import InputFile

MODEL = """\
from keras import Model, layers


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)
"""


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more rule, which cannot bear the word "odd"."""

    def check(program: Program) -> Iterator[Finding]:
        if "odd" in program.source.text:
            raise KeyError("odd")
        yield from ()

    known = rules.all_rules()
    monkeypatch.setattr(rules, "all_rules", lambda: (*known, Rule("KF999", "fragile", check)))


def _checked(tmp_path: Path, texts: dict[str, str]) -> tuple[Engine, list[FileReport | Problem]]:
    engine = Engine()
    files = [InputFile(tmp_path / name, text.encode()) for name, text in texts.items()]
    return engine, engine.check([engine.take(file) for file in files])


@pytest.mark.usefixtures("fragile")
def test_the_other_files_are_checked(tmp_path: Path) -> None:
    _, (bad, good) = _checked(tmp_path, {"bad.py": f"{MODEL}# odd\n", "good.py": MODEL})
    assert isinstance(bad, Problem)
    assert bad.path.name == "bad.py"
    assert bad.reason == "kerasfix itself failed on it, in KF999 (KeyError: 'odd'); please report this"
    assert isinstance(good, FileReport)
    assert [finding.code for finding in good.findings] == ["KF101"]


@pytest.mark.usefixtures("fragile")
def test_the_other_files_are_mended_where_a_fix_brings_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(program: Program) -> Iterator[Finding]:
        if "tricky" in program.source.text and "training" in program.source.text:
            raise ValueError("after the fix")
        yield from ()

    known = rules.all_rules()
    monkeypatch.setattr(rules, "all_rules", lambda: (*known, Rule("KF998", "fragile", check)))
    engine, reports = _checked(tmp_path, {"bad.py": f"{MODEL}# tricky\n", "good.py": MODEL})
    found = [each for each in reports if isinstance(each, FileReport)]
    plans = engine.plan(found, allow_up_to(Applicability.REPAIR))
    bad, good = (plans[each.source.file] for each in found)
    assert isinstance(bad, Problem)
    assert "in KF998 (ValueError: after the fix)" in bad.reason
    assert not isinstance(good, Problem)
    assert "training=None" in good.text


def test_of_all_files_it_is_the_deepest_that_nobody_can_walk_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def check(program: Program) -> Iterator[Finding]:
        asked.append(Path(program.module.file).name)
        if len(asked) == 1:
            # As whoever follows a base of it into the other file.
            raise RecursionError
        yield from ()

    known = rules.all_rules()
    monkeypatch.setattr(rules, "all_rules", lambda: (*known, Rule("KF999", "fragile", check)))
    _, (good, bad) = _checked(tmp_path, {"a.py": MODEL, "b.py": f"{MODEL}\nx = {'+'.join('1' * 99)}\n"})
    assert asked == ["a.py", "a.py"]
    assert isinstance(bad, Problem)
    assert bad.reason == "nested too deeply to analyse"
    assert isinstance(good, FileReport)
    assert [finding.code for finding in good.findings] == ["KF101"]
