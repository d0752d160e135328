"""What lies beside the programs, broken: configuration, .gitignore, journal, baseline, notebooks."""

from __future__ import annotations

import json
import random

from benchmarks.faults.place import FAULTY, Outcome, Place, fault, faults_of

_ERROR = "^error: .*(pyproject|kerasfix).toml"


def _pyproject(place: Place, data: bytes, status: int, says: str) -> Outcome:
    path = place.make()
    (place.tree / "pyproject.toml").write_bytes(data)
    over = place.run("--apply", ".")
    told = place.run("--show-settings")
    kept = place.is_old(path) if status else place.is_new(path)
    outcome = place.outcome(over, status, says, lost=place.lost() or _unless(kept))
    wrong = faults_of(told, (status,))
    return Outcome(outcome.happened, outcome.lost, outcome.wrong or (wrong and f"--show-settings: {wrong}"))


@fault("pyproject.toml is no TOML")
def no_toml(place: Place) -> Outcome:
    return _pyproject(place, b"[tool.kerasfix\nselect = ", 2, _ERROR)


@fault("pyproject.toml is not UTF-8")
def toml_not_utf8(place: Place) -> Outcome:
    return _pyproject(place, b"[tool.kerasfix]\nselect = ['KF\xff']\n", 2, _ERROR)


@fault("pyproject.toml of another tool is broken, and says nothing of kerasfix")
def toml_of_others(place: Place) -> Outcome:
    return _pyproject(place, b"[tool.black\nx = ", 0, "Fixed")


@fault("pyproject.toml is nested 10,000 deep")
def toml_deep(place: Place) -> Outcome:
    return _pyproject(place, b"[tool.kerasfix]\nselect = " + b"[" * 10_000 + b"]" * 10_000 + b"\n", 2, _ERROR)


@fault("pyproject.toml has wrong types, one after the other", quick=False)
def toml_types(place: Place) -> Outcome:
    keys = (
        "select", "ignore", "min-severity", "per-file-ignores", "fixable", "unfixable", "exclude",
        "extend-exclude", "force-exclude", "respect-gitignore", "layers", "verify", "nonsense",
    )  # fmt: skip
    values = ("1", "'x'", "[1]", "[['x']]", "{ a = 1 }", "{ a = { b = [] } }", "1979-05-27", "nan", "true")
    wrong = []
    for key in keys:
        for value in values:
            (place.tree / "pyproject.toml").write_text(f"[tool.kerasfix]\n{key} = {value}\n")
            over = place.run("--show-settings")
            said = faults_of(over, (0,) if over.status == 0 else (2,), "" if over.status == 0 else _ERROR)
            wrong += [f"{key} = {value}: {said}"] if said else []
    return Outcome(place.told(over), "", "; ".join(wrong[:3]))


@fault("tool.kerasfix is no table")
def toml_no_table(place: Place) -> Outcome:
    return _pyproject(place, b"[tool]\nkerasfix = 1\n", 2, _ERROR)


@fault("pyproject.toml may not be read")
def toml_unreadable(place: Place) -> Outcome:
    path = place.make()
    settings = place.tree / "pyproject.toml"
    settings.write_text("[tool.kerasfix]\n")
    settings.chmod(0)
    place.bind()
    over = place.run("--apply", ".")
    return place.outcome(over, 2, _ERROR, lost=place.lost() or _unless(place.is_old(path)))


@fault("folders called pyproject.toml, kerasfix.toml and .gitignore")
def toml_folder(place: Place) -> Outcome:
    path = place.make()
    for name in ("pyproject.toml", "kerasfix.toml", ".gitignore"):
        (place.tree / name).mkdir()
    over = place.run("--apply", ".")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


@fault("pyproject.toml is a link that leads round in circles")
def toml_loop(place: Place) -> Outcome:
    path = place.make()
    (place.tree / "pyproject.toml").symlink_to("pyproject.toml")
    over = place.run("--apply", ".")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


@fault(".gitignore is binary")
def binary_gitignore(place: Place) -> Outcome:
    path = place.make()
    noise = random.Random(0).randbytes(20_000).replace(b"*", b"x").replace(b"?", b"x")
    (place.tree / ".gitignore").write_bytes(noise)
    over = place.run("--apply", ".")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


@fault(".gitignore has patterns that are none")
def odd_gitignore(place: Place) -> Outcome:
    path = place.make()
    lines = ("!", "//", "/", "[", "[z-a]", "[!", "\\", "a\\", "!!", "[[:foo:]]", "{", "(?P<")
    (place.tree / ".gitignore").write_text("\n".join(lines))
    over = place.run("--apply", ".")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


@fault("--exclude and per-file-ignores with patterns that are none", quick=False)
def odd_exclude(place: Place) -> Outcome:
    place.make()
    wrong = []
    for pattern in ("!", "//", "[", "[z-a]", "\\", "a\\", "***"):
        over = place.run("--exclude", pattern, ".")
        says = "" if over.status < 2 else "^(error|Error): "
        wrong += [f"{pattern}: {said}" for said in (faults_of(over, (0, 1, 2), says),) if said]
        (place.tree / "kerasfix.toml").write_text(
            f"per-file-ignores = {{ '{pattern}' = ['KF1'] }}\nextend-exclude = ['{pattern}']\n"
        )
        over = place.run(".")
        says = "" if over.status < 2 else "^(error|Error): "
        wrong += [f"{pattern} in a file: {said}" for said in (faults_of(over, (0, 1, 2), says),) if said]
        (place.tree / "kerasfix.toml").unlink()
    return Outcome(place.told(over), "", "; ".join(wrong))


@fault(".gitignore may not be read")
def unreadable_gitignore(place: Place) -> Outcome:
    path = place.make()
    ignore = place.tree / ".gitignore"
    ignore.write_text("b.py\n")
    ignore.chmod(0)
    place.bind()
    over = place.run("--apply", ".")
    return place.outcome(over, 0, "Fixed", lost=place.lost() or _unless(place.is_new(path)))


_BROKEN_JSON = {
    "empty": b"",
    "cut off": None,
    "no JSON": b"\xff\xfe\0nonsense",
    "JSON of another kind": b'{"version": 1, "files": 3}',
    "nested 100,000 deep": b"[" * 100_000,
    "a list": b"[1, 2]",
}


@fault("the newest entry of the journal is broken, in six ways (--undo)")
def broken_journal(place: Place) -> Outcome:
    first, second = place.make("a.py"), place.make("b.py")
    place.run("--apply", "a.py")
    place.run("--apply", "b.py")
    _, newest = place.journal()
    whole = newest.read_bytes()
    wrong, lost = [], ""
    for what, data in _BROKEN_JSON.items():
        newest.write_bytes(whole[: len(whole) // 2] if data is None else data)
        over = place.run("--undo")
        # What was written last cannot be taken back; to take back what was before it is no answer.
        said = faults_of(over, (2,), "journal")
        wrong += [f"{what}: {said}"] if said else []
        if not (place.is_new(first) and place.is_new(second)):
            lost = f"{what}: something else was taken back"
            break
    return Outcome(place.told(over), lost or place.lost(), "; ".join(wrong))


@fault("an entry of the journal names what is no file, in five ways (--undo)", quick=False)
def odd_journal(place: Place) -> Outcome:
    path = place.make()
    place.run("--apply", "a.py")
    [entry] = place.journal()
    whole = json.loads(entry.read_bytes())
    wrong = []
    for odd in ("/dev/zero", "nul\0l", "", str(place.tree), "a\ud800.py", "rel.py"):
        changed = json.loads(json.dumps(whole))
        changed["files"].append({**whole["files"][0], "path": odd})
        entry.write_text(json.dumps(changed))
        over = place.run("--undo", patience=10)
        wrong += [f"{odd!r}: {said}" for said in (faults_of(over, (2,), "^error: "),) if said]
        if not place.is_new(path):
            wrong.append(f"{odd!r}: half of it was taken back")
    return Outcome(place.told(over), place.lost(), "; ".join(wrong))


@fault("a baseline that is broken, in nine ways", quick=False)
def broken_baseline(place: Place) -> Outcome:
    path = place.make()
    known = place.tree / "known.json"
    entry = '{"file": "%s", "code": "KF103", "in": "Net.call", "line": "x", "count": %s}'
    whole = '{"kerasfix-baseline": 1, "findings": [%s]}'
    wrong = []
    odd = {
        **{what: data for what, data in _BROKEN_JSON.items() if data is not None},
        "cut off": b'{"kerasfix-baseline": 1, "find',
        "of a later version": b'{"kerasfix-baseline": 99, "findings": []}',
        "a count that is none": (whole % (entry % ("a.py", '"many"'))).encode(),
    }
    for what, data in odd.items():
        known.write_bytes(data)
        over = place.run("--apply", "--baseline", "known.json", ".")
        wrong += [f"{what}: {said}" for said in (faults_of(over, (2,), "^error: .*known.json"),) if said]
        if not place.is_old(path):
            wrong.append(f"{what}: files were written")
        if known.read_bytes() != data:
            wrong.append(f"{what}: it was written over")
    for file, count in (
        ("gone.py", "1000000000000"),
        ("gone.py", "-5"),
        ("nul\\u0000.py", "1"),
        ("\\ud800", "1"),
    ):
        known.write_text(whole % (entry % (file, count)))
        over = place.run("--baseline", "known.json", ".")
        wrong += [f"{file} {count}: {said}" for said in (faults_of(over, (0, 1, 2)),) if said]
        over = place.run("--baseline", "known.json", "--update-baseline", ".")
        wrong += [f"{file} {count}, update: {said}" for said in (faults_of(over, (0, 1, 2)),) if said]
    return Outcome(place.told(over), place.lost(), "; ".join(wrong))


@fault("a baseline that is a folder, that may not be read, and in a folder that is not there")
def unreadable_baseline(place: Place) -> Outcome:
    place.make()
    (place.tree / "folder").mkdir()
    locked = place.tree / "locked.json"
    locked.write_text("{}")
    locked.chmod(0)
    place.bind()
    wrong = []
    for name in ("folder", "locked.json"):
        over = place.run("--baseline", name, ".")
        wrong += [f"{name}: {said}" for said in (faults_of(over, (2,), f"[Ee]rror: .*{name}"),) if said]
    made = place.run("--baseline", "new/known.json", ".")
    wrong += [said for said in (faults_of(made, (0,), "1 known finding"),) if said]
    return Outcome(place.told(over), place.lost(), "; ".join(wrong))


@fault("an --output-file that is a folder, in a file, or may not be written", quick=False)
def unwritable_output(place: Place) -> Outcome:
    path = place.make()
    (place.tree / "folder").mkdir()
    (place.tree / "file").write_text("")
    wrong = []
    for name in ("folder", "file/report.json", "/proc/nowhere/report.json"):
        over = place.run("--output-format", "json", "-o", name, ".")
        wrong += [
            f"{name}: {said}" for said in (faults_of(over, (2,), "[Ee]rror|cannot be written"),) if said
        ]
    over = place.run("--apply", "--output-format", "json", "-o", "/dev/full", ".")
    wrong += [f"/dev/full: {said}" for said in (faults_of(over, (2,), "No space left"),) if said]
    return Outcome(place.told(over), place.lost() or _unless(place.is_new(path)), "; ".join(wrong))


def _book(*sources: str) -> bytes:
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": s}
        for s in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


@fault("notebooks that are broken, in twelve ways", quick=False)
def broken_notebooks(place: Place) -> Outcome:
    beside = place.make("z.py")
    whole = _book(FAULTY.decode())
    odd = {
        "cut off": whole[: len(whole) // 2],
        "empty": b"",
        "no JSON": FAULTY,
        "null bytes": whole + b"\0",
        "UTF-16": whole.decode().encode("utf-16"),
        "a list": b'["keras"]',
        "deep": b'{"keras": ' + b"[" * 100_000,
        "cells of no kind": b'{"nbformat": 4, "cells": [1, "keras", null], "metadata": {}}',
        "cells no list": b'{"nbformat": 4, "cells": "keras", "metadata": {}}',
        "half of a character": whole.replace(b"class Net", b'x = \\"\\ud800\\"\\nclass Net'),
        "version 2": b'{"nbformat": 2, "worksheets": [], "keras": 1}',
        "source a number": whole.replace(b'"source": "', b'"source": 5, "x": "'),
    }
    wrong = []
    for what, data in odd.items():
        path = place.make("a.ipynb", data)
        beside.write_bytes(place.before[beside])
        over = place.run("--apply", ".", "a.ipynb")
        wrong += [f"{what}: {said}" for said in (faults_of(over, (0, 2)),) if said]
        if path.read_bytes() != data and what != "half of a character":
            wrong.append(f"{what}: it was written")
        if not place.is_new(beside):
            wrong.append(f"{what}: the file beside it was not fixed")
        path.unlink()
        del place.before[path]
    return Outcome(place.told(over), place.lost(), "; ".join(wrong))


@fault("a training log that is binary, endless, or a folder (--explain-log)")
def odd_logs(place: Place) -> Outcome:
    place.make()
    (place.tree / "binary").write_bytes(random.Random(0).randbytes(200_000))
    wrong = []
    for name, statuses in (("binary", (0,)), (".", (2,)), ("gone", (2,))):
        over = place.run("--explain-log", name, patience=20)
        wrong += [f"{name}: {said}" for said in (faults_of(over, statuses),) if said]
    return Outcome(place.told(over), place.lost(), "; ".join(wrong))


def _unless(kept: bool) -> str:
    return "" if kept else "files are not as they should be"
