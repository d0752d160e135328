"""Comments that silence findings, those that silence nothing, and `--add-noqa`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kerasfix
from kerasfix.adding import noqa_edits
from kerasfix.analysis import silencers
from kerasfix.analysis.silencers import Silencers
from kerasfix.engine import Engine
from kerasfix.notebook import Notebook
from kerasfix.source import Source, apply_edits
from tests.conftest import Run

HEAD = """\
import keras


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=None):
"""


def _codes(body: str, head: str = HEAD) -> list[str]:
    return [each.code for each in kerasfix.check(head + body)]


def _fixed(body: str) -> str:
    fixed = kerasfix.fix(HEAD + body).text
    assert kerasfix.fix(fixed).text == fixed
    return fixed.removeprefix(HEAD)


SILENT = [
    "        return self.drop(x)  # noqa: KF103\n",
    "        return self.drop(x)  # noqa:KF103\n",
    "        return self.drop(x)  # NOQA: KF103\n",
    "        return self.drop(x)  # noqa: F401,KF103\n",
    "        return self.drop(x)  # noqa: F401 KF103 because\n",
    "        return self.drop(x)  # noqa: KF1\n",
    "        return self.drop(x)  # noqa: kf103\n",
    "        return self.drop(x)  # noqa\n",
    "        return self.drop(x)  # noqa because it is so\n",
    "        return self.drop(x)  # said so  # noqa: KF103\n",
    "        return self.drop(x)  # type: ignore # noqa: KF103\n",
    "        return self.drop(x)  # kerasfix: ignore[KF103] it runs in inference alone\n",
    "        return self.drop(x)  # kerasfix: ignore[KF201, KF103]  # noqa: KF000\n",
    "        return self.drop(x)  # kerasfix:ignore\n",
    "        return self.drop(x)  # noqa: KF103",
    "        return self.drop(\n            x\n        )  # noqa: KF103\n",
    "        return self.drop(  # noqa: KF103\n            x\n        )\n",
    "        return 1 + \\\n            self.drop(x)  # noqa: KF103\n",
    "        return self.drop(x) + \\\n            1  # noqa: KF103\n",
    '        return self.drop(x), """\n        # text\n"""  # noqa: KF103\n',
    '        return (self.drop(x), """\n        # text\n""",  # noqa: KF103\n            1)\n',
    "        return (\n            self.drop(x),\n            1,\n        )  # noqa: KF103\n",
]


@pytest.mark.parametrize("body", SILENT)
def test_a_comment_silences_the_finding_in_its_line_or_statement(body: str) -> None:
    assert "KF103" not in _codes(body)


@pytest.mark.parametrize("body", SILENT)
def test_what_is_silenced_is_not_fixed(body: str) -> None:
    assert "training=training" not in kerasfix.fix(HEAD + body).text


LOUD = [
    "        return self.drop(x)  # noqa: F401\n",
    "        return self.drop(x)  # noqa: because of KF103\n",
    "        return self.drop(x)  # noqa:\n",
    "        return self.drop(x)  # noqa-KF103\n",
    "        return self.drop(x)  # nonoqa: KF103\n",
    "        return self.drop(x)  # flake8: noqa: KF103\n",
    "        return self.drop(x)  # kerasfix: ignore[]\n",
    "        return self.drop(x)  # kerasfix: ignored\n",
    '        return self.drop(x), "# noqa: KF103"\n',
    "        # noqa: KF103\n        return self.drop(x)\n",
    "        return (\n            self.drop(x),\n            1,  # noqa: KF103\n        )\n",
]


@pytest.mark.parametrize("body", LOUD)
def test_another_comment_or_another_line_silences_nothing(body: str) -> None:
    assert "KF103" in _codes(body)


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_endings_do_not_matter(newline: str) -> None:
    text = (HEAD + SILENT[0]).replace("\n", newline)
    assert kerasfix.check(text) == []


@pytest.mark.parametrize(
    "top",
    [
        "# kerasfix: ignore-file\n",
        "#!/usr/bin/python\n# Copyright\n#kerasfix: ignore-file: generated\n",
        '"""A text.\n\nIn lines.\n"""\n\n# kerasfix: ignore-file[KF103]\n',
    ],
)
def test_a_comment_at_the_top_is_for_the_whole_file(top: str) -> None:
    assert _codes("        return self.drop(x)\n", top + HEAD) == []


def test_a_comment_for_the_file_counts_above_the_first_statement_only() -> None:
    found = kerasfix.check(f"import os\n# kerasfix: ignore-file\n{HEAD}        return self.drop(x)\n")
    assert [each.code for each in found] == ["KF000", "KF103"]
    assert "counts only above the first statement" in found[0].message


def test_a_comment_for_the_file_that_names_a_code_leaves_the_others() -> None:
    body = "        self.drop(x)\n        return self.drop(x)\n"
    codes = _codes(body, "# kerasfix: ignore-file[KF202]\n" + HEAD)
    assert set(codes) == {"KF103"}


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("  # noqa: KF103", ""),
        ("  # noqa: KF103, F401", "  # noqa: F401"),
        ("  # noqa: F401, KF103", "  # noqa: F401"),
        ("  # noqa: F401,KF103,E501", "  # noqa: F401,E501"),
        ("  # noqa: KF201 KF103  F401 KF1", "  # noqa: F401"),
        ("\t# noqa:KF103", ""),
        ("  # noqa: KF103  # type: ignore", "  # type: ignore"),
        ("  # type: ignore  # noqa: KF103", "  # type: ignore"),
        ("  # noqa: KF103 but why", "  # but why"),
        ("  # kerasfix: ignore[KF103] but why", ""),
        ("  # kerasfix: ignore[KF103] but why # type: ignore", "  # type: ignore"),
        ("  # kerasfix: ignore[F401]", ""),
        ("  # kerasfix: ignore", ""),
        ("  # noqa", "  # noqa"),
        ("  # noqa: F401", "  # noqa: F401"),
        ("  # noqa: KF103, KF000", "  # noqa: KF103, KF000"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", ""])
def test_what_silences_nothing_goes_and_the_rest_of_the_comment_stays(
    comment: str, left: str, ending: str
) -> None:
    line = "        return self.drop(x, training=training)"
    assert _fixed(f"{line}{comment}{ending}") == f"{line}{left}{ending}"
    assert _codes(f"{line}{comment}{ending}") == (["KF000"] if comment != left else [])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_comment_on_a_line_of_its_own_goes_with_its_line(newline: str) -> None:
    text = f"{HEAD}        # noqa: KF103\n        return x\n    # noqa: KF201".replace("\n", newline)
    assert kerasfix.fix(text).text == f"{HEAD}        return x\n".replace("\n", newline)


def test_a_code_whose_rule_did_not_run_is_not_called_unused() -> None:
    text = HEAD + "        return self.drop(x, training=training)  # noqa: KF103, KF201\n"
    found = kerasfix.check(text, select=["KF000", "KF201"])
    assert [each.message for each in found] == ["Nothing is left to silence by KF201"]
    assert kerasfix.check(text, ignore=["KF000"]) == []
    bare = HEAD + "        return self.drop(x, training=training)  # kerasfix: ignore\n"
    assert kerasfix.check(bare, ignore=["KF304"]) == []
    assert [each.code for each in kerasfix.check(bare)] == ["KF000"]


def test_a_code_that_is_none_is_named() -> None:
    [found] = kerasfix.check("import keras  # noqa: KF999\n")
    assert found.message == "There is no rule KF999 to silence"


def test_a_fix_that_mends_a_line_takes_its_silencer_along() -> None:
    """One run settles everything: the comment for KF104 is useless once the call is right."""
    body = "        return self.drop(x, training)  # noqa: KF103\n"
    assert _fixed(body) == "        return self.drop(x, training=training)\n"


def test_the_head_of_a_function_is_a_statement_of_its_own() -> None:
    text = HEAD.replace("training=None)", "training=False  # noqa: KF108\n    )")
    assert _codes("        return self.drop(x, training=training)\n", text) == []
    text = HEAD.replace("training=None", "training=False")
    assert _codes("        return self.drop(x, training=training)  # noqa: KF108\n", text) == [
        "KF108",
        "KF000",
    ]


def test_a_file_without_the_words_is_not_tokenized(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(silencers.tokenize, "generate_tokens", fail)
    text = "import keras\n\n\nclass Net(keras.Model):\n    pass\n"
    assert kerasfix.check(text) == []
    with pytest.raises(AssertionError):
        Silencers(Source(text + "# noqa\n")).silence("KF103", 0)


def test_a_file_that_says_nothing_of_keras_may_hold_a_useless_comment(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "a.py").write_text("x = 1  # noqa: KF103\n")
    (tmp_path / "b.py").write_text("x = 1  # noqa: F401\n")
    done = kerasfix(".")
    assert done.stdout.startswith("a.py:1:8: KF000 Nothing is left to silence by KF103\n")
    assert kerasfix("--apply", ".").returncode == 0
    assert (tmp_path / "a.py").read_text() == "x = 1\n"


# --- notebooks


def _notebook(*cells: str) -> str:
    made = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "metadata": {}, "outputs": []}
        for cell in cells
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def test_in_a_notebook_comments_stand_in_cells(tmp_path: Path, kerasfix: Run) -> None:
    body = "        return self.drop(x)  # noqa: KF103\n"
    (tmp_path / "a.ipynb").write_text(_notebook("x = 1  # noqa: KF103", HEAD + body))
    done = kerasfix("a.ipynb")
    assert done.stdout.startswith("a.ipynb:cell 1:1:8: KF000")
    assert "KF103 `call`" not in done.stdout
    assert kerasfix("--apply", "a.ipynb").returncode == 0
    assert (tmp_path / "a.ipynb").read_text() == _notebook("x = 1", HEAD + body)


def test_a_shell_line_of_a_notebook_holds_no_silencer() -> None:
    text = _notebook("!ruff check  # noqa: KF103\nimport keras", "%%bash\nkerasfix . # noqa: KF103\n")
    notebook = Notebook(text.encode())
    assert Silencers(Source(notebook.text)).all == ()
    assert len(notebook.text) == len(notebook.shown)


# --- --add-noqa


@pytest.mark.parametrize(
    ("body", "silenced"),
    [
        ("        return self.drop(x)\n", "        return self.drop(x)  # noqa: KF103\n"),
        ("        return self.drop(x)", "        return self.drop(x)  # noqa: KF103"),
        ("        return self.drop(x)  \n", "        return self.drop(x)  # noqa: KF103  \n"),
        ("        return self.drop(x)  # yes\n", "        return self.drop(x)  # yes  # noqa: KF103\n"),
        (
            "        return self.drop(x)  # noqa: F401\n",
            "        return self.drop(x)  # noqa: F401, KF103\n",
        ),
        (
            "        return self.drop(\n            x\n        )\n",
            "        return self.drop(  # noqa: KF103\n            x\n        )\n",
        ),
        (
            "        return self.drop(x) + \\\n            1\n",
            "        return self.drop(x) + \\\n            1  # noqa: KF103\n",
        ),
        (
            '        return (self.drop(x), """\n  a\n""",\n            1)\n',
            '        return (self.drop(x), """\n  a\n""",  # noqa: KF103\n            1)\n',
        ),
        (
            '        return self.drop(x), f"""\n  {x}\n  a"""\n',
            '        return self.drop(x), f"""\n  {x}\n  a"""  # noqa: KF103\n',
        ),
        (
            "        self.drop(x)\n        return x\n",
            "        self.drop(x)  # noqa: KF103, KF202\n        return x\n",
        ),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_comment_is_put_where_it_silences(body: str, silenced: str, newline: str) -> None:
    source = Source((HEAD + body).replace("\n", newline))
    findings = Engine().check_source(source)
    new = apply_edits(source.text, noqa_edits(source, findings))
    assert new == (HEAD + silenced).replace("\n", newline)
    assert Engine().check_source(Source(new)) == []


def test_add_noqa_writes_comments_and_nothing_else(tmp_path: Path, kerasfix: Run) -> None:
    text = "# coding: latin-1\r\n# é\r\n" + (HEAD + "        return self.drop(x)").replace("\n", "\r\n")
    (tmp_path / "net.py").write_bytes(text.encode("latin-1"))
    done = kerasfix("--add-noqa", ".")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Silenced 1 line in 1 file\n")
    assert (tmp_path / "net.py").read_bytes() == (text + "  # noqa: KF103").encode("latin-1")
    assert kerasfix(".").returncode == 0
    again = kerasfix("--add-noqa", ".")
    assert again.stderr == "No faults to silence\n"


def test_add_noqa_leaves_useless_comments_to_their_rule(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text("import keras  # noqa: KF103\n")
    kerasfix("--add-noqa", ".")
    assert (tmp_path / "net.py").read_text() == "import keras  # noqa: KF103\n"


def test_add_noqa_in_a_notebook(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.ipynb").write_text(
        _notebook("%pip install keras\n", HEAD + "        return self.drop(x)")
    )
    assert kerasfix("--add-noqa", ".").returncode == 0
    expected = _notebook("%pip install keras\n", HEAD + "        return self.drop(x)  # noqa: KF103")
    assert (tmp_path / "net.ipynb").read_text() == expected


def test_add_noqa_is_taken_back(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, kerasfix: Run
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    (tmp_path / "net.py").write_text(HEAD + "        return self.drop(x)\n")
    kerasfix("--add-noqa", ".")
    assert kerasfix("--undo").returncode == 0
    assert (tmp_path / "net.py").read_text() == HEAD + "        return self.drop(x)\n"


@pytest.mark.parametrize(
    "other", ["--diff", "--apply", "--interactive", "--undo", "--verify", "--statistics"]
)
def test_add_noqa_does_nothing_else(other: str, kerasfix: Run) -> None:
    done = kerasfix("--add-noqa", other, ".")
    assert done.returncode == 2
    assert "--add-noqa goes with none of" in done.stderr


def test_add_noqa_says_what_it_could_not_read(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text("import keras\nclass\n")
    done = kerasfix("--add-noqa", ".")
    assert done.returncode == 2
    assert "net.py:2: error: syntax error" in done.stderr


# --- other faces of the engine


def test_json_tells_the_row_for_a_comment(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(HEAD + "        return 1 + self.drop(x) + \\\n            1\n")
    (tmp_path / "net.ipynb").write_text(_notebook("!ls\n", HEAD + "        return self.drop(x)"))
    found = json.loads(kerasfix("--output-format", "json", ".").stdout)
    assert [(each["location"]["row"], each["noqa_row"], each["cell"]) for each in found] == [
        (10, 10, 2),
        (10, 11, None),
    ]


def test_a_log_is_not_explained_by_what_is_silenced(tmp_path: Path, kerasfix: Run) -> None:
    text = (
        HEAD.replace("training=None", "") + "        y = self.a(x)\n        return self.b(x)  # noqa: KF201\n"
    )
    made = "        self.a = keras.layers.Dense(2)\n        self.b = keras.layers.Dense(2)\n\n    def call"
    text = text.replace("        self.drop = keras.layers.Dropout(0.5)\n\n    def call", made)
    (tmp_path / "log").write_text(
        "UserWarning: Gradients do not exist for variables ['net/dense/kernel'] when minimizing the loss.\n"
    )
    (tmp_path / "net.py").write_text(text.replace("  # noqa: KF201", ""))
    assert "KF201" in kerasfix("--explain-log", "log", ".").stdout
    (tmp_path / "net.py").write_text(text)
    assert "KF201" not in kerasfix("--explain-log", "log", ".").stdout


@pytest.mark.parametrize(
    "text", ["x = (\n# noqa: KF103\n", "x = 1 # noqa: KF103\n\t\x0c\n  y\n", "'''\n# noqa"]
)
def test_what_the_tokenizer_cannot_read_is_no_crash(text: str) -> None:
    assert len(Silencers(Source(text)).all) <= 1


def test_the_tokenizer_says_where_comments_are() -> None:
    """Rows and columns are characters, in front of the comment too."""
    text = "é = '\N{GRINNING FACE}'; x = 1  # noqa: KF103\n"
    [found] = Silencers(Source(text)).all
    assert text[found.start : found.end] == "# noqa: KF103"
    assert [text[code.start : code.end] for code in found.codes] == ["KF103"]


def test_a_comment_is_judged_when_all_the_rest_is_mended() -> None:
    # What the comment silences is found once the flag is passed, not before.
    text = """\
import keras


class Net(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.norm = keras.layers.BatchNormalization()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        if training:
            x = self.norm(x)
        h.append(self.norm(self.drop(training)))  # kerasfix: ignore[KF201] h is read elsewhere
        return y
"""
    assert "KF000" in [each.code for each in kerasfix.check(text)]
    fixed = kerasfix.fix(text)
    assert fixed.text.count("training=training") == 2
    assert "ignore[KF201]" in fixed.text
    assert not {"KF000", "KF201"} & {each.code for each in fixed.left}


@pytest.mark.parametrize(
    "comment",
    ["# noqa: KF106", "# noqa: E501, KF106", "# kerasfix: ignore[KF106]", "# noqa: KF106 frozen on purpose"],
)
def test_a_comment_is_of_use_to_a_rule_that_reads_comments_itself(comment: str) -> None:
    text = f"""\
import keras


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = keras.layers.BatchNormalization()
        self.dense = keras.layers.Dense(3)

    def call(self, x, training=None):
        x = self.bn(x, training=False)  {comment}
        return self.dense(x)
"""
    assert kerasfix.check(text) == []
    assert [each.code for each in kerasfix.check(text.replace(f"  {comment}", ""))] == ["KF106"]
