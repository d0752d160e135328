"""Big trees on several processors: nothing that is found depends on it, whatever happens to a process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kerasfix import engine as engine_module
from kerasfix import finder as finder_module
from kerasfix import pool, rules
from kerasfix.analysis.neighbours import Neighbours
from kerasfix.analysis.places import Places
from kerasfix.analysis.program import Program
from kerasfix.engine import Engine, FileReport, Problem
from kerasfix.finder import Finder
from kerasfix.findings import Finding
from kerasfix.groups import Group, groups_of
from kerasfix.rules.base import Rule
from kerasfix.source import Source
from kerasfix.workspace import discover
from tests.test_projects import BLOCK, NET

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is one process elsewhere")

# What a file says of which nothing is found.
_IN_THE_WAY = "marker_of_a_file_that_is_in_the_way"


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Three processors, and every tree is a big one; gives the numbers of all processes that were at work."""
    seen: list[int] = []
    run = pool._run

    def watch(
        finder: Finder, tasks: list[pool._Task], count: int
    ) -> dict[pool._Task, list[finder_module.Found]]:
        seen.append(len(tasks))
        return run(finder, tasks, count)

    monkeypatch.setattr(engine_module, "_MUCH", 0)
    monkeypatch.setattr(pool, "_run", watch)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1, 2})
    yield seen
    assert not multiprocessing.active_children()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package, scripts that belong to it, and a project that does not."""
    folder = tmp_path / "tree"
    net = NET.format(imports="from lib.block import Block", block="Block")
    files = {"pyproject.toml": "", "lib/__init__.py": "", "lib/block.py": BLOCK, "lib/size.py": "SIZE = 3\n"}
    files |= {f"app/net{number}.py": net.replace("Net", f"Net{number}") for number in range(5)}
    files |= {"apart/block.py": BLOCK, "apart/heir.py": "from block import Block\nclass Heir(Block): ...\n"}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def _check(folder: Path) -> list[FileReport | Problem]:
    engine = Engine(Finder(neighbours=Neighbours(str(path) for path in folder.rglob("*.py"))))
    return engine.check([engine.read(each) for each in discover([folder])])


def _told(reports: list[FileReport | Problem]) -> list[object]:
    return [
        each if isinstance(each, Problem) else (each.path, each.matters, each.text, each.everything)
        for each in reports
    ]


def _alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What one process finds."""
    with monkeypatch.context() as here:
        here.setattr(pool, "processors", lambda: 1)
        return _told(_check(folder))


def test_the_same_is_found_as_by_one_process(
    tree: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]
) -> None:
    together = _check(tree)
    assert processes
    assert _told(together) == _alone(tree, monkeypatch)
    assert sum(len(each.findings) for each in together if isinstance(each, FileReport)) == 7


def test_a_big_group_is_divided_and_a_small_one_is_not(tree: Path, processes: list[int]) -> None:
    _check(tree)
    # Three for the one with nearly all, one for the other.
    assert processes == [4]


def test_small_groups_share_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]
) -> None:
    for number in range(60):
        folder = tmp_path / f"apart{number}"
        folder.mkdir()
        (folder / "block.py").write_text(BLOCK)
    together = _check(tmp_path)
    # A quarter of a process' share each.
    assert processes == [12]
    assert _told(together) == _alone(tmp_path, monkeypatch)


def test_fixes_are_planned_for_what_was_found_elsewhere(tree: Path) -> None:
    engine = Engine()
    reports = engine.check([engine.read(each) for each in discover([tree])])
    plans = engine.plan([each for each in reports if isinstance(each, FileReport)], lambda _finding: True)
    assert sum(1 for plan in plans.values() if not isinstance(plan, Problem) and plan.edits) == 7


def test_a_process_that_is_killed_costs_nothing(
    tree: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]
) -> None:
    alone = _alone(tree, monkeypatch)
    mother, work = os.getpid(), pool._work

    def die(finder: Finder, task: pool._Task, answer: pool.Connection) -> None:
        assert os.getpid() != mother
        if task.part == 1:
            # As the kernel does for want of memory.
            os.kill(os.getpid(), signal.SIGKILL)
        work(finder, task, answer)

    monkeypatch.setattr(pool, "_work", die)
    assert _told(_check(tree)) == alone
    assert processes


def test_all_processes_may_be_killed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _alone(tree, monkeypatch)
    monkeypatch.setattr(pool, "_work", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert _told(_check(tree)) == alone


def test_a_process_that_is_killed_while_it_answers_costs_nothing(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = _alone(tree, monkeypatch)

    def die(_finder: Finder, _task: pool._Task, answer: pool.Connection) -> None:
        # The length of an answer that never comes.
        os.write(answer.fileno(), b"\0\0\x10\0half")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(pool, "_work", die)
    assert _told(_check(tree)) == alone


def test_a_file_that_is_no_python_is_named_once_and_the_others_are_looked_at(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "app/net1.py").write_text("import keras\nclass (\n")
    together = _check(tree)
    assert [each.path.name for each in together if isinstance(each, Problem)] == ["net1.py"]
    assert _told(together) == _alone(tree, monkeypatch)


def test_a_file_at_which_a_rule_fails_is_left_out_of_all_parts(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "app/net1.py").write_text(f"import keras\n{_IN_THE_WAY} = 1\n" + BLOCK)

    def check(program: Program) -> Iterator[Finding]:
        if _IN_THE_WAY in program.source.text:
            raise KeyError("a fault of the rule")
        yield from ()

    known = rules.all_rules()
    monkeypatch.setattr(rules, "all_rules", lambda: (*known, Rule("KF999", "fragile", check)))
    together = _check(tree)
    # One process has seen a group without that file, the others have not.
    [problem] = [each for each in together if isinstance(each, Problem)]
    assert (problem.path.name, "KF999" in problem.reason) == ("net1.py", True)
    assert _told(together) == _alone(tree, monkeypatch)


def test_where_there_are_threads_there_is_one_process(tree: Path, processes: list[int]) -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        _check(tree)
        assert not processes
    finally:
        done.set()
        thread.join()


def test_on_one_processor_there_is_one_process(
    tree: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0})
    _check(tree)
    assert not processes


def test_elsewhere_there_is_one_process(
    tree: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    _check(tree)
    assert not processes


def test_what_is_small_is_not_worth_a_process(
    tree: Path, monkeypatch: pytest.MonkeyPatch, processes: list[int]
) -> None:
    monkeypatch.setattr(engine_module, "_MUCH", 1_000_000)
    _check(tree)
    assert not processes


@pytest.mark.parametrize("stop", ["interrupt", "memory"])
def test_a_process_that_is_stopped_says_nothing_of_its_own(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], stop: str
) -> None:
    alone = _alone(tree, monkeypatch)
    mother, in_group = os.getpid(), Finder.in_group

    def stopped(self: Finder, *arguments: object) -> finder_module.Found:
        if os.getpid() != mother:
            if stop == "memory":
                raise MemoryError
            os.kill(os.getpid(), signal.SIGINT)
        return in_group(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Finder, "in_group", stopped)
    assert _told(_check(tree)) == alone
    assert capfd.readouterr() == ("", "")


def test_who_stops_it_stops_all_processes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_connections: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "wait", interrupt)
    monkeypatch.setattr(pool, "_work", lambda *_: threading.Event().wait())
    with pytest.raises(KeyboardInterrupt):
        _check(tree)
    for child in multiprocessing.active_children():
        child.join(10)
        assert child.exitcode == -signal.SIGKILL


def test_a_part_of_a_group_is_every_so_manieth_file(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(signal, "signal", lambda *arguments: told.append(arguments))
    files = sorted(str(path) for path in tree.glob("app/*.py"))
    sources = {file: Source(Path(file).read_text(), file) for file in files}
    [group] = groups_of({file: Path(file).read_bytes() for file in files}, {}, Places(files))
    ours, theirs = multiprocessing.Pipe(duplex=False)
    pool._work(Finder(), pool._Task({0: (group, sources)}, part=1, parts=3), theirs)
    [found] = ours.recv()
    assert list(found.findings) == [files[1], files[4]]
    assert told == [(signal.SIGINT, signal.SIG_IGN)]


def test_the_parts_of_a_group_tell_all_that_it_depends_on(tree: Path) -> None:
    files = [str(path) for path in tree.glob("app/*.py")]
    sources = {file: Source(Path(file).read_text(), file) for file in files}

    def group() -> Group:
        [found] = groups_of({file: Path(file).read_bytes() for file in files}, {}, Places(files))
        return found

    neighbours = Neighbours(str(path) for path in tree.rglob("*.py"))
    [found] = pool.find(Finder(neighbours=neighbours), [(group(), sources)], 3)
    alone = Finder(neighbours=neighbours).in_group(group(), sources)
    assert found == alone
    assert [Path(file).name for file in found.library] == ["block.py"]
    assert found.asked_around
