"""What holds for every file, whatever is in it: random bytes, random programs, real ones that were changed.

By default the examples are few and always the same. `KERASFIX_EXAMPLES=50 pytest tests/test_properties.py`
asks 50 times as many, and other ones every time.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from kerasfix.api import check
from kerasfix.engine import Engine, FileReport, Problem, allow_up_to
from kerasfix.findings import Applicability
from kerasfix.plan import Plan
from kerasfix.rules import all_rules
from kerasfix.rules.base import HEADER
from kerasfix.source import SourceError, apply_edits, decode
from kerasfix.workspace import InputFile
from tests.any_programs import any_program
from tests.conftest import FIXTURES, Done, run_command
from tests.holding import assert_all_holds, is_layout_alone
from tests.mutations import mutated, smallest
from tests.programs import is_python, keras_program

_TIMES = int(os.environ.get("KERASFIX_EXAMPLES", "0"))
_SECONDS = 20
_GIT = shutil.which("git")
_needs_git = pytest.mark.skipif(_GIT is None, reason="git is not installed")
_Test = TypeVar("_Test", bound=Callable[..., None])

FILES = [file.read_bytes() for file in sorted(FIXTURES.rglob("*.py"))]
CASES = [
    (case.source if "import" in case.source.partition("class")[0] else HEADER + case.source)
    for rule in all_rules()
    for case in (*rule.invalid, *rule.valid)
]


def examples(number: int) -> Callable[[_Test], _Test]:
    """How many examples a test is asked: the same ones in every run, or many more of them."""
    return settings(
        max_examples=number * max(_TIMES, 1),
        deadline=None,
        derandomize=not _TIMES,
        database=None,
        suppress_health_check=list(HealthCheck),
        # What fails is made smaller below, line by line.
        phases=(Phase.explicit, Phase.generate),
    )


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    """Fails what takes far longer than anything should, in time of its own; on Windows nobody looks."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"not done after {_SECONDS} seconds")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


# One draw for a whole program: it is made quickly, and made smaller below.
_chances = st.randoms(use_true_random=True)


def real_program(chance: random.Random) -> str:
    """A program of the fixtures or of a rule's cases, with some changes."""
    text = chance.choice(FILES).decode() if chance.random() < 0.2 else chance.choice(CASES)
    return mutated(text, chance, chance.randint(1, 6))


def any_text(chance: random.Random) -> str:
    make = chance.choice((keras_program, keras_program, real_program, any_program))
    return make(chance)


# --- Bytes -----------------------------------------------------------------------------------------------

_COOKIES = (
    "utf-8",
    "latin-1",
    "cp1252",
    "utf-16",
    "shift_jis",
    "utf-7",
    "ascii",
    "rot13",
    "utf8",
    "no-such",
    "utf-8-sig",
)


@st.composite
def _random_bytes(draw: st.DrawFn) -> bytes:
    return draw(st.binary(max_size=200))


@st.composite
def _random_text(draw: st.DrawFn) -> bytes:
    """A text in some encoding, which it may name, or name another one."""
    text = draw(st.text(max_size=80)) + draw(
        st.sampled_from(["", "\nimport keras\ndef call(self, x): pass\n"])
    )
    encoding, named = draw(st.sampled_from(_COOKIES[:6])), draw(st.sampled_from(_COOKIES))
    cookie = draw(st.sampled_from([f"# -*- coding: {named} -*-\n", f"# vim: coding={named}\r\n", ""]))
    bom = draw(st.sampled_from([b"", b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE]))
    return bom + (cookie + text).encode(encoding, "replace")


@st.composite
def _broken_file(draw: st.DrawFn) -> bytes:
    """A real program with some of its bytes gone, doubled or changed."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 4))):
        at, other = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
        kind = draw(st.integers(0, 5))
        if kind == 0:
            data[at:at] = draw(st.binary(max_size=4))
        elif kind == 1:
            del data[at : at + draw(st.integers(1, 9))]
        elif kind == 2 and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == 3:
            lines = bytes(data).split(b"\n")
            lines.insert(other % len(lines), lines[at % len(lines)])
            data = bytearray(b"\n".join(lines))
        elif kind == 4 and draw(st.booleans()):
            del data[at:]
        else:
            data[at:at] = draw(
                st.sampled_from([b"\r", b"\r\n", b"\f", b"\0", b"\t", b"\\\n", b"(", b"'''", b"\xff", b"#"])
            )
    return bytes(data)


_any_bytes = st.one_of(_random_bytes(), _random_text(), _broken_file(), _broken_file(), _broken_file())
_MADE = allow_up_to(Applicability.SAFE, Applicability.REPAIR)


@examples(100)
@given(_any_bytes, st.sampled_from([".py", ".py", ".ipynb"]))
def test_a_file_of_any_bytes_is_checked_or_refused_in_one_line(data: bytes, suffix: str) -> None:
    with _in_time():
        engine = Engine()
        taken = engine.take(InputFile(Path(f"/nowhere/net{suffix}"), data))
        [known] = engine.check([taken])
        event(type(known).__name__)
        if isinstance(known, Problem):
            assert known.reason
            assert "\n" not in known.reason
            assert "kerasfix itself" not in known.reason
            return
        assert known.encoding.encode(known.text) == data or suffix == ".ipynb"
        for plan in engine.plan([known], _MADE).values():
            assert isinstance(plan, Plan), plan
            assert _outside(known, plan), "bytes outside of the edits change"


def _outside(report: FileReport, plan: Plan) -> bool:
    """Whether all bytes but those of the edits are as they were; in a multi-byte text too."""
    old, new = report.file.data, report.encoded(plan)
    encode, place = report.encoding.encode, 0
    rest = new
    for edit in sorted(plan.edits):
        kept = (
            encode(plan.original[place : edit.start])
            if not place
            else plan.original[place : edit.start].encode(report.encoding.name)
        )
        if not rest.startswith(kept + edit.content.encode(report.encoding.name)):
            return False
        rest = rest[len(kept) + len(edit.content.encode(report.encoding.name)) :]
        place = edit.end
    return old.endswith(rest) and rest == (
        plan.original[place:].encode(report.encoding.name) if place else encode(plan.original)
    )


@examples(6)
@given(
    st.lists(
        st.one_of(_any_bytes, _chances.map(any_text).map(lambda text: text.encode("utf-8", "replace"))),
        min_size=1,
        max_size=12,
    )
)
def test_the_exit_code_says_what_was_found(place: Path, files: list[bytes]) -> None:
    _written(place, {})
    for number, data in enumerate(files):
        (place / f"net{number}.py").write_bytes(data)
    with _in_time():
        done = run_command(place, "--output-format", "json", ".")
    entries = json.loads(done.stdout)
    is_problem = [each["code"] in ("invalid-syntax", "file-error") for each in entries]
    assert done.returncode == (2 if any(is_problem) else 1 if entries else 0)
    for number, data in enumerate(files):
        told = [each["code"] for each in entries if Path(each["filename"]).name == f"net{number}.py"]
        if "invalid-syntax" in told or "file-error" in told:
            assert len(told) == 1
            with contextlib.suppress(SourceError):
                assert not is_python(decode(data)[0])


# --- Programs --------------------------------------------------------------------------------------------


@examples(14)
@given(_chances)
def test_all_holds_for_keras_programs(chance: random.Random) -> None:
    _assert_holds(keras_program(chance))


@examples(14)
@given(_chances)
def test_all_holds_for_keras_programs_that_were_changed(chance: random.Random) -> None:
    _assert_holds(mutated(keras_program(chance), chance, chance.randint(1, 4)))


@examples(40)
@given(_chances)
def test_all_holds_for_real_programs_that_were_changed(chance: random.Random) -> None:
    _assert_holds(real_program(chance))


@examples(20)
@given(_chances)
def test_all_holds_for_any_program(chance: random.Random) -> None:
    _assert_holds(any_program(chance))


def _assert_holds(text: str) -> None:
    if not is_python(text):
        event("no Python")
        return
    with _in_time():
        try:
            event("edited" if assert_all_holds(text) else "left as it is")
            return
        except Exception as error:
            kind = type(error)
    small = smallest(text, lambda each: _fails(each, kind))
    try:
        assert_all_holds(small)
    except kind as error:
        raise AssertionError(f"{error}\nin this program:\n{small}") from error


def _fails(text: str, kind: type[Exception]) -> bool:
    if not is_python(text):
        return False
    try:
        assert_all_holds(text)
    except kind:
        return True
    except Exception:
        return False
    return False


def test_most_keras_programs_have_something_to_fix() -> None:
    """Else all of this would hold because nothing happens."""
    texts = [keras_program(random.Random(number)) for number in range(60)]
    texts = [each for each in texts if is_python(each)]
    assert len(texts) > 50
    found = [check(each) for each in texts]
    assert sum(any(each.fix for each in findings) for findings in found) > 0.6 * len(texts)
    fixed = {each.code for findings in found for each in findings if each.fix}
    assert len(fixed) >= 12, sorted(fixed)
    mutants = [mutated(each, random.Random(len(each)), 4) for each in CASES]
    assert all(map(is_python, mutants))
    assert sum(a != b for a, b in zip(mutants, CASES, strict=True)) > 0.9 * len(CASES)


# --- Files, through the command --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where files are written, and the user's state besides."""
    patch = pytest.MonkeyPatch()
    for name in ("XDG_STATE_HOME", "HOME"):
        patch.setenv(name, str(tmp_path_factory.mktemp("state")))
    yield tmp_path_factory.mktemp("files")
    patch.undo()


@st.composite
def _files(draw: st.DrawFn) -> dict[str, bytes]:
    """Programs as files, in encodings and with endings of all kinds."""
    found: dict[str, bytes] = {}
    for number in range(draw(st.integers(4, 10))):
        chance = draw(_chances)
        text = any_text(chance)
        if not is_python(text):
            continue
        kind = chance.randrange(8)
        if kind == 0 and "\r" not in text:
            text = text.replace("\n", "\r\n")
        elif kind == 1:
            text = text.rstrip("\r\n")
        data = text.encode("utf-8", "replace")
        if kind == 2:
            data = codecs.BOM_UTF8 + data
        elif kind == 3:
            with contextlib.suppress(UnicodeEncodeError):
                data = f"# coding: latin-1\n{text}".encode("latin-1")
        found[f"net{number}.py"] = data
    return found


def _written(folder: Path, files: dict[str, bytes]) -> None:
    for old in folder.glob("*.py"):
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _read(folder: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files}


def _applied(folder: Path, files: dict[str, bytes], *options: str) -> tuple[Done, dict[str, bytes]]:
    _written(folder, files)
    done = run_command(folder, "--apply", *options, ".")
    return done, _read(folder, files)


@_needs_git
@examples(6)
@given(files=_files(), suggestions=st.booleans())
def test_git_makes_of_the_diff_what_apply_writes(
    place: Path, files: dict[str, bytes], suggestions: bool
) -> None:
    options = ["--suggestions"] if suggestions else []
    done, applied = _applied(place, files, *options)
    assert "itself failed" not in done.stderr
    again = run_command(place, "--apply", *options, ".")
    assert _read(place, files) == applied, "a second run changes more"
    assert again.returncode == done.returncode
    _written(place, files)
    diff = run_command(place, "--diff", *options, ".")
    assert _read(place, files) == files
    assert diff.returncode in ((2,) if done.returncode == 2 else (1,) if applied != files else (0, 1))
    assert _GIT is not None
    if applied != files:
        # What the machine's own configuration says of line endings must not count here.
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        command = [_GIT, "apply", "--whitespace=nowarn", "-"]
        git = subprocess.run(
            command, cwd=place, input=diff.stdout_bytes, capture_output=True, env=environment, check=False
        )
        assert git.returncode == 0, git.stderr.decode()
    assert _read(place, files) == applied


@examples(6)
@given(files=_files())
def test_a_client_of_the_json_ends_where_apply_does(place: Path, files: dict[str, bytes]) -> None:
    _, applied = _applied(place, files)
    _written(place, files)
    for _ in range(200):
        done = run_command(place, "--output-format", "json", ".")
        found = [
            each
            for each in json.loads(done.stdout)
            if each["fix"] and each["fix"]["kind"] in ("safe", "repair")
        ]
        # One fix for each file at a time: those of a file may be at odds, those of several are not.
        found.sort(key=lambda each: bool(each["code"] == "KF000"))
        chosen = {each["filename"]: each for each in reversed(found)}
        if not chosen:
            break
        for name, each in chosen.items():
            _make(Path(name), each["fix"]["edits"])
    else:
        raise AssertionError("the fixes never come to rest")
    for name, data in _read(place, files).items():
        if data != applied[name]:
            assert is_layout_alone(decode(data)[0], decode(applied[name])[0], decode(files[name])[0]), name


def _make(file: Path, edits: list[dict[str, Any]]) -> None:
    """Make edits as docs/json.md says."""
    assert all("filename" not in each for each in edits)
    data = file.read_bytes()
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    text = data.decode(encoding)
    lines = [0, *(ending.end() for ending in re.finditer("\r\n|\r|\n", text))]
    for edit in reversed(edits):
        start, end = (
            lines[edit[key]["row"] - 1] + edit[key]["column"] - 1 for key in ("location", "end_location")
        )
        text = text[:start] + edit["content"] + text[end:]
    file.write_bytes(text.encode(encoding))


# It shares no name with what is drawn, and so has no part in it.
_NEIGHBOUR = """\
from keras import Model
from keras.layers import Dropout


class Zebra(Model):
    def __init__(self):
        super().__init__()
        self.stripes = Dropout(0.5)

    def call(self, savanna, training=None):
        return self.stripes(savanna)
"""


@examples(6)
@given(files=_files(), chance=_chances)
def test_the_order_of_files_does_not_matter(
    place: Path, files: dict[str, bytes], chance: random.Random
) -> None:
    _written(place, files)
    names = [*files, "."]
    assert _told(place, *chance.sample(names, len(names))) == _told(place, *names)


@examples(20)
@given(text=_chances.map(any_text))
def test_files_that_have_nothing_to_do_with_it_do_not_matter(place: Path, text: str) -> None:
    if not is_python(text):
        return
    unrelated = {
        "above.py": _NEIGHBOUR.encode(),
        "nothing.py": b"x = 1\n",
        "zoo.py": _NEIGHBOUR.encode() + b"\xff",
    }
    data = {"net.py": text.encode("utf-8", "replace")}
    _written(place, data)
    alone = _told(place, "net.py")
    _written(place, {**data, **unrelated})
    beside = _told(place, ".")
    assert [each for each in beside if each["filename"].endswith("net.py")] == alone
    assert [each["code"] for each in beside if each["filename"].endswith("above.py")] == ["KF103"]


def _told(place: Path, *given: str) -> list[Any]:
    entries = json.loads(run_command(place, "--output-format", "json", *given).stdout)
    return sorted(entries, key=lambda each: json.dumps(each, sort_keys=True))


# --- Notebooks -------------------------------------------------------------------------------------------

_MAGICS = (
    "%matplotlib inline\n",
    "!pip install keras\n",
    "model?\n",
    "files = !ls\n",
    "%%time\n",
    "%cd x\n",
    "",
)


@st.composite
def _notebooks(draw: st.DrawFn) -> bytes:
    """A program in cells, with magics and texts between them, as one of many writers lays out JSON."""
    chance = draw(_chances)
    text = keras_program(chance)
    while not is_python(text) or "\r" in text:
        text = keras_program(chance)
    cells: list[dict[str, Any]] = []
    lines = text.splitlines(keepends=True)
    while lines:
        size = chance.randint(1, 25)
        here, lines = "".join(lines[:size]), lines[size:]
        # A cell ends where a statement does.
        while lines and not (is_python(here) and lines[0][:1].strip()):
            here += lines.pop(0)
        source = chance.choice(_MAGICS) * (chance.random() < 0.3) + here
        if chance.random() < 0.2:
            cells.append(
                {"cell_type": "markdown", "metadata": {}, "source": ["# Ä `x = self.bn(x)`\n", "text"]}
            )
        if chance.random() < 0.8:
            source = source.removesuffix("\n")
        written: Any = source if chance.random() < 0.3 else re.findall("[^\n]*\n|[^\n]+", source)
        cells.append(
            {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": written}
        )
    content = {
        "cells": cells,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Ä"}},
        "nbformat": 4,
        "nbformat_minor": 2,
    }
    indent = chance.choice([None, 1, 2, 4])
    dumped = json.dumps(content, indent=indent, ensure_ascii=chance.random() < 0.5)
    return (dumped + chance.choice(["", "\n"])).encode()


@examples(30)
@given(_notebooks())
def test_only_the_sources_of_cells_change_in_a_notebook(data: bytes) -> None:
    with _in_time():
        engine = Engine()
        [report] = engine.check([engine.take(InputFile(Path("/nowhere/net.ipynb"), data))])
        assert isinstance(report, FileReport), report
        [plan] = engine.plan([report], lambda each: each.fix is not None).values() or [None]
        if not isinstance(plan, Plan) or not plan.edits:
            event("left as it is")
            return
        event("edited")
        new = report.encoded(plan)
        old_content, new_content = json.loads(data), json.loads(new)
        assert report.notebook is not None
        edited = {
            cell.number: apply_edits(cell.text, edits) for cell, edits in report.notebook.by_cell(plan.edits)
        }
        for number, (old, now) in enumerate(zip(old_content["cells"], new_content["cells"], strict=True), 1):
            if number in edited:
                assert "".join(now["source"]) == edited[number]
                assert type(old["source"]) is type(now["source"])
                old["source"] = now["source"] = None
        assert old_content == new_content
        _assert_bytes_outside_of_sources_stay(data, new)
        nbformat = pytest.importorskip("nbformat")
        nbformat.validate(nbformat.from_dict(json.loads(new)))
        [again] = engine.check([engine.take(InputFile(Path("/nowhere/net.ipynb"), new))])
        assert isinstance(again, FileReport)
        assert all(
            not each.edits
            for each in engine.plan([again], lambda each: each.fix is not None).values()
            if isinstance(each, Plan)
        )


def _assert_bytes_outside_of_sources_stay(old: bytes, new: bytes) -> None:
    """What is no string in a list or value under "source" is written as it was."""

    def frame(data: bytes) -> str:
        return re.sub(
            r'("source":\s*)("(?:[^"\\]|\\.)*"|\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])', r"\1", data.decode()
        )

    assert frame(old) == frame(new)
