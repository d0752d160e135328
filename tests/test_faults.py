"""Faults of the file system lose nothing, and are named in one line with the right exit code.

The faults are those of `benchmarks.faults`, each made in a folder of its own with kerasfix as a process; the
slow ones are made there alone, or here with fewer files.
"""

from __future__ import annotations

import sys

import pytest

if sys.platform != "linux":
    pytest.skip("faults as Linux has them", allow_module_level=True)

import benchmarks.faults.__main__ as table_of_faults
from benchmarks.faults.killed import at_random
from benchmarks.faults.place import FAULTS, FAULTY, Ended, Known, Outcome, faults_of, happen, mended, place
from benchmarks.faults.together import two_applies, two_undos

QUICK = [known for known in FAULTS if known.is_quick]


def check(outcome: Outcome) -> None:
    if outcome.skipped:
        pytest.skip(outcome.happened)
    assert (outcome.lost, outcome.wrong) == ("", ""), outcome.happened


@pytest.mark.parametrize("known", QUICK, ids=lambda known: f"{known.group}: {known.name}")
def test_a_fault_loses_nothing(known: Known) -> None:
    check(happen(known))


def test_a_run_that_is_killed_leaves_whole_files_that_can_be_brought_back() -> None:
    with place() as here:
        check(at_random(here, files=30, kills=5))


def test_two_runs_at_once_do_the_work_of_one() -> None:
    with place() as here:
        check(two_applies(here, times=2, files=10))


def test_two_undos_at_once_do_the_work_of_one() -> None:
    with place() as here:
        check(two_undos(here, times=2, files=10))


# The measure itself: what is lost is seen, and so is what is wrong.


def test_a_torn_a_missing_and_a_forgotten_file_are_lost() -> None:
    with place() as here:
        torn, gone, whole = here.make("torn.py"), here.make("gone.py"), here.make("whole.py")
        assert here.lost() == ""
        whole.write_bytes(mended(here.before[whole]))
        assert here.lost() == ""
        torn.write_bytes(here.before[torn][:50])
        gone.unlink()
        (here.tree / ".kerasfix-01234567.tmp").touch()
        assert here.lost() == (
            "gone: gone.py; neither old nor new: torn.py; left behind: .kerasfix-01234567.tmp"
        )


@pytest.mark.parametrize(
    ("over", "wrong"),
    [
        (Ended(2, b"", "a.py: error: no\n"), ""),
        (Ended(0, b"", "a.py: error: no\n"), "exit 0 instead of 2"),
        (Ended(2, b"", ""), "does not say 'error'; says nothing"),
        (Ended(-11, b"", "error"), "ended by SIGSEGV; exit -11 instead of 2"),
        (Ended(-9, b"", "error", hung=True), "hangs"),
        (
            Ended(2, b"", "Traceback (most recent call last):\n  ...\nOSError: error"),
            "traceback: OSError: error",
        ),
    ],
)
def test_a_run_that_fails_otherwise_is_seen(over: Ended, wrong: str) -> None:
    assert faults_of(over, (2,), "error") == wrong


def test_the_table_is_markdown() -> None:
    known = Known("a | b", "odd", lambda _: Outcome(""), is_quick=True)
    done = [(known, Outcome("exit 0", "a file", "hangs")), (known, Outcome("skipped: no", skipped=True))]
    assert table_of_faults.as_markdown(done).splitlines()[2:] == [
        "| a \\| b | exit 0 WRONG: hangs | a file |",
        "| a \\| b | skipped: no |  |",
    ]


def test_a_comment_is_not_added_to_what_is_nested_too_deeply_to_compare() -> None:
    with place() as here:
        here.make("a.py", FAULTY.replace(b"drop(x)", b"drop(x)" + b".b()" * 450))
        deep = here.make("deep.py", FAULTY.replace(b"drop(x)", b"drop(x)" + b".b()" * 800))
        over = here.run("--add-noqa", ".")
        check(here.outcome(over, 2, "deep.py: error: .*nested too deeply", lost=""))
        assert here.is_old(deep)
