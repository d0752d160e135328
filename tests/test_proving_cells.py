"""What a run showed of a notebook is told by cell, whichever of its two texts it is about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kerasfix.findings import Chain, Link
from kerasfix.notebook import Notebook, Rows
from kerasfix.output.proof import proof_lines, where_lost
from kerasfix.output.text import unseen_lines
from kerasfix.proving_cells import told_by_cell
from kerasfix.source import Edit
from kerasfix.verify.places import told_lines
from kerasfix.verify.report import ModelReport, Trace, VerdictKind
from tests.reports import model, observation
from tests.test_notebooks import code, dumped

# Joined: cell 1 is lines 1 to 3, cell 3 lines 4 to 6, cell 4 lines 7 and 8. The fix makes cell 3 longer.
BOOK = Notebook(dumped(code("a\nb\nc"), {"cell_type": "raw", "source": "r"}, code("d\ne\nf"), code("g\nh")))
FIX = [Edit(BOOK.text.index("e"), BOOK.text.index("e"), "new\nnew\n")]
BEFORE, AFTER = BOOK.after(), BOOK.after(FIX)


def told(**values: object) -> ModelReport:
    return told_by_cell(replace(model(), file="some/net.ipynb", line=4, **values), BEFORE, AFTER)  # type: ignore[arg-type]


def test_rows_know_their_cells() -> None:
    assert [BEFORE.in_cell(line) for line in range(1, 9)] == [
        *((1, line) for line in (1, 2, 3)),
        *((3, line) for line in (1, 2, 3)),
        *((4, line) for line in (1, 2)),
    ]
    assert [AFTER.in_cell(line) for line in (6, 8, 9, 10)] == [(3, 3), (3, 5), (4, 1), (4, 2)]
    assert isinstance(AFTER, Rows)


def test_what_is_about_the_patched_model_counts_in_the_patched_cells() -> None:
    seen = observation(raised="E: x", raised_line=9, changed_lines=(5, 8, 10), changed_lines_reached=(8,))
    report = told(before=seen, after=seen)
    assert (report.cell, report.line, report.place) == (3, 1, "some/net.ipynb:cell 3:1")
    assert report.before is not None
    assert report.after is not None
    # The text as it is ends with its ninth line, which is empty.
    assert (report.before.raised_cell, report.before.raised_line) == (4, 3)
    assert (report.after.raised_cell, report.after.raised_line) == (4, 1)
    assert (report.after.changed_cells, report.after.changed_lines) == ((3, 3, 4), (2, 5, 2))
    assert (report.after.changed_cells_reached, report.after.changed_lines_reached) == ((3,), (5,))
    assert report.after.unreached_lines == ((2, 3), (2, 4))


@pytest.mark.parametrize(
    ("joined", "by_cell"),
    [
        (
            "the original raises E: x (line 7); it runs",
            "the original raises E: x (line 1 of cell 4); it runs",
        ),
        (
            "the patched model raises E: x (line 9 of the patched file, at block.py:8)",
            "the patched model raises E: x (line 1 of cell 4 of the patched file, at block.py:8)",
        ),
        (
            "not reached by this run: lines 4, 8, 9 and 2 more of the patched file",
            "not reached by this run: lines 1, 5 of cell 3, line 1 of cell 4 and 2 more of the patched file",
        ),
        ("it needs `x`, which line 2 makes", "it needs `x`, which line 2 of cell 1 makes"),
        ("line 7 of block.py: no", "line 7 of block.py: no"),
        ('File "/home/net.ipynb", line 5, in call', 'File "/home/net.ipynb", line 2 of cell 3, in call'),
        ('File "/lib/keras/layer.py", line 5, in call', 'File "/lib/keras/layer.py", line 5, in call'),
    ],
)
def test_sentences_name_cells(joined: str, by_cell: str) -> None:
    assert told(reasons=(joined,)).reasons == (by_cell,)


def test_chains_and_traces_count_in_cells() -> None:
    chain = Chain("x", (Link("one", 5),), "y", (Link("two", 6),), "return", 6)
    traces = (Trace("one/kernel", "one", 2, 6), Trace("two/kernel", "two", None, None))
    report = told(chains=(chain,), traces=traces)
    assert report.chains == (Chain("x", (Link("one", 2),), "y", (Link("two", 3),), "return", 3),)
    assert report.traces == (Trace("one/kernel", "one", 2, 3, 1, 3), Trace("two/kernel", "two", None, None))
    assert where_lost(report) == "lost on line 3 of cell 3"


def test_people_are_told_cells() -> None:
    seen = observation(changed_lines=(5, 8, 10), changed_lines_reached=(8,))
    report = told(after=seen, verdict=VerdictKind.PROVED)
    [head, *_] = proof_lines(report)
    assert isinstance(head, list)
    assert "".join(text for text, _ in head).startswith("Net (some/net.ipynb:cell 3:1): proved")
    [[(_, _), (named, _)]] = unseen_lines([report], written=True)
    assert named == "Net (line 2 of cell 3, line 2 of cell 4)"


def test_of_many_lines_some_are_named() -> None:
    assert told_lines([(3, None)]) == "line 3"
    assert told_lines([(3, None), (5, None), (6, None)], 2) == "lines 3, 5 and 1 more"
    assert told_lines([(3, 1), (5, 1), (6, 2)], 2) == "lines 3, 5 of cell 1 and 1 more"
