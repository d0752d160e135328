"""Notebooks are looked at, mended and given back with all other bytes as they were."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from kerasfix.cli import main
from kerasfix.ipynb import NotANotebook
from kerasfix.notebook import Notebook
from kerasfix.source import Edit, SourceError

IMPORTS = "import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers"
NET = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)
"""


def code(source: str | list[str], **more: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "execution_count": 3, "metadata": {}, "outputs": [], "source": source}
    return {**cell, **more}


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def dumped(*cells: dict[str, Any], **how: Any) -> bytes:
    content = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, **{"indent": 1, "ensure_ascii": False, **how}).encode() + b"\n"


def run(*arguments: str | Path, data: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], input=data)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    markdown = {"cell_type": "markdown", "metadata": {}, "source": ["# Dröpout\n", "class Net"]}
    output = {"output_type": "stream", "name": "stdout", "text": ["Net hé\n"]}
    path = tmp_path / "a.ipynb"
    path.write_bytes(
        dumped(
            markdown,
            code(lines("%matplotlib inline\n!pip install keras\n" + IMPORTS)),
            code(lines("%%bash\nls -l | wc -c\n")),
            code(lines(NET), outputs=[output], id="c0ffee"),
            code("net = Net()\nnet?\nfiles = !ls\n"),
        )
    )
    return path


def test_findings_are_told_by_cell_and_line(notebook: Path) -> None:
    result = run(notebook)
    assert result.exit_code == 1
    assert f"{notebook.as_posix()}:cell 4:6:5: KF101 `call` of Net" in result.stdout
    assert "  6 |     def call(self, x):" in result.stdout


def test_classes_imports_and_uses_may_stand_in_several_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    step = (
        "with tf.GradientTape() as tape:\n    loss = net(x)\ng = tape.gradient(loss, net.trainable_variables)"
    )
    path.write_bytes(dumped(code(IMPORTS), code(NET), code("net = Net()"), code(lines(step))))
    assert ":cell 4:2:12: KF301" in run("--select", "KF301", path).stdout


def test_a_fix_changes_the_lines_of_its_cell_and_no_other_byte(notebook: Path) -> None:
    before = notebook.read_bytes()
    assert run("--apply", notebook).exit_code == 0
    expected = before.replace(b'def call(self, x):\\n"', b'def call(self, x, training=None):\\n"')
    expected = expected.replace(b"return self.drop(x)", b"return self.drop(x, training=training)")
    assert notebook.read_bytes() == expected


@pytest.mark.parametrize(
    "how",
    [
        {"indent": None},
        {"indent": 4, "sort_keys": True},
        {"ensure_ascii": True},
        {"indent": None, "separators": (",", ":")},
    ],
)
def test_however_the_file_is_written(how: dict[str, Any], tmp_path: Path) -> None:
    source = "# Dröpout 🎲\n" + NET
    before, after = (
        dumped(code(lines(IMPORTS)), code(lines(each)), **how) for each in (source, _mended(source))
    )
    path = tmp_path / "a.ipynb"
    path.write_bytes(before)
    run("--apply", path)
    assert path.read_bytes() == after


def _mended(source: str) -> str:
    return source.replace("(self, x):", "(self, x, training=None):").replace(
        "drop(x)", "drop(x, training=training)"
    )


def test_the_diff_names_the_cells(notebook: Path) -> None:
    result = run("--diff", notebook)
    assert result.exit_code == 1
    assert f"+++ b/{notebook.as_posix()}:cell 4\n" in result.stdout.replace("\t", "")
    assert "+    def call(self, x, training=None):" in result.stdout


def test_json_counts_rows_in_the_cell(notebook: Path) -> None:
    [finding] = json.loads(run("--output-format", "json", notebook).stdout)
    assert (finding["cell"], finding["location"]) == (4, {"row": 6, "column": 5})
    first = finding["fix"]["edits"][0]
    assert (first["cell"], first["location"]) == (4, {"row": 6, "column": 21})


def test_the_rows_of_a_chain_have_their_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    lost, end = (
        "y = layers.Dense(4)(x)\ny = layers.Dense(2)(x)",
        "z = layers.Dense(1)(y)\nm = keras.Model(i, z)",
    )
    path.write_bytes(dumped(*map(code, (IMPORTS, INPUT, lost, f"%cd x\n{end}"))))
    [finding] = json.loads(run("--output-format", "json", "--select", "KF201", path).stdout)
    chain = finding["chain"]
    assert (chain["cell"], chain["row"]) == (finding["cell"], finding["location"]["row"]) == (3, 2)
    assert [(each["cell"], each["row"]) for each in chain["lost"]] == [(3, 1)]
    assert [(each["cell"], each["row"]) for each in chain["taken"]] == [(3, 2), (4, 2)]


def test_lines_in_a_sentence_are_lines_of_a_cell(tmp_path: Path) -> None:
    loss = "def loss_of(model, x):\n    return tf.reduce_sum(model(x))\n"
    step = """\
def step(model, x):
    with tf.GradientTape() as tape:
        loss = loss_of(model, x)
    return tape.gradient(loss, model.trainable_variables)


step(Net(), data)
print(loss_of(Net(), data))
"""
    path = tmp_path / "a.ipynb"
    path.write_bytes(dumped(code(IMPORTS), code(NET), code(loss), code(step)))
    assert "on line 8 of cell 4" in run("--select", "KF301", path).stdout
    applied = run("--apply", "--select", "KF301", path)
    assert "Fixed" in applied.output
    assert "on line 8 of cell 4" in applied.output


def test_standard_input_can_be_a_notebook(notebook: Path) -> None:
    data = notebook.read_bytes()
    result = run("-", "--stdin-filename", "a.ipynb", "--apply", data=data)
    assert b"training=training" in result.stdout_bytes
    assert json.loads(result.stdout_bytes)["cells"][0] == json.loads(data)["cells"][0]


def test_a_cell_that_is_no_python_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(dumped(code(IMPORTS), code("x = (1,\ny = 2\n"), code(NET)))
    result = run("--apply", path)
    assert result.exit_code == 2
    assert "cell 2:1: error: syntax error" in result.stderr
    assert "def call(self, x, training=None)" in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "not a notebook: Expecting property name"),
        (b"[]", "not a notebook: it does not say its nbformat"),
        (b'{"nbformat": 4}', "not a notebook: it has no cells"),
        (b'{"nbformat": 3, "worksheets": []}', "nbformat 3 is not supported"),
        (b'{"nbformat": 4, "cells": [\xff]}', "not a notebook: not valid utf-8"),
        (dumped(code([1, 2])), "the source of cell 1 is no text"),  # type: ignore[list-item]
        (b"[" * 100_000, "not a notebook"),
    ],
    ids=["cut off", "a list", "no cells", "nbformat 3", "latin-1", "numbers", "deep"],
)
def test_a_broken_notebook_is_one_message(data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(data)
    result = run(path)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert path.read_bytes() == data


def test_a_notebook_of_another_language_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    content = json.loads(dumped(code("library(keras)\nx <- 1")))
    path.write_text(json.dumps({**content, "metadata": {"language_info": {"name": "R"}}}))
    assert run(path).exit_code == 0


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("%cd data", "0#d data"),
        ("    !pip install keras", "    0#ip install keras"),
        ("?model", "0#odel"),
        ("model.fit??", "0#del.fit??"),
        ("files = !ls", "files = 0#s"),
        ("t = %timeit -o f()", "t = 0#imeit -o f()"),
        ("!", "0"),
    ],
)
def test_what_is_no_python_is_masked_in_its_place(line: str, masked: str) -> None:
    text = f"if True:\n    pass\n{line}" if not line.startswith(" ") else f"if True:\n{line}"
    [cell] = Notebook(dumped(code(text))).cells
    assert cell.masked.splitlines()[-1] == masked
    assert (len(cell.masked), cell.problem) == (len(text), "")


@pytest.mark.parametrize(
    "text",
    ["x = 7 % 3\n", "y = (7\n  % 3)\n", 'doc = """\n%matplotlib inline\n!ls\n"""\n', "s = 'really?'\n"],
)
def test_python_that_looks_like_a_magic_stays(text: str) -> None:
    [cell] = Notebook(dumped(code(text))).cells
    assert cell.masked == text


def test_a_shell_line_may_go_on() -> None:
    text = "!pip install \\\n  keras \\\n  tensorflow\nx = 1"
    [cell] = Notebook(dumped(code(text))).cells
    assert cell.masked.splitlines()[3] == "x = 1"
    assert not cell.problem


def test_a_cell_magic_around_python_is_python() -> None:
    [timed, shell] = Notebook(dumped(code("%%time\nx = 1"), code("%%writefile a.py\nclass A:"))).cells
    assert timed.masked == "0#time\nx = 1"
    assert shell.masked == "#%writefile a.py\n#lass A:"


@pytest.mark.parametrize("first", ["", "%cd x\n", "\n"], ids=["code", "magic", "empty line"])
@pytest.mark.parametrize("indent", ["    ", "\t", " "], ids=["four", "tab", "one"])
def test_a_cell_may_be_indented_as_a_whole(first: str, indent: str, tmp_path: Path) -> None:
    """IPython takes the indent away, and runs it."""
    source = textwrap.indent(first + NET, indent)
    path = tmp_path / "a.ipynb"
    path.write_bytes(dumped(code(IMPORTS), code(lines(source))))
    result = run("--apply", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert path.read_bytes() == dumped(code(IMPORTS), code(lines(_mended(source))))


def test_a_cell_magic_may_be_indented() -> None:
    [cell] = Notebook(dumped(code(" %%time\nx = 1\nif x:\n  y = 2"))).cells
    assert (cell.problem, cell.masked) == ("", "\f0#time\nx = 1\nif x:\n\f y = 2")


def test_a_cell_with_two_indents_is_broken() -> None:
    [cell] = Notebook(dumped(code("    x = 1\n  y = 2"))).cells
    assert "indent" in cell.problem


@pytest.mark.parametrize("text", ["x = '\0'", "x = '\ud83d'", "%%bash\necho \0 \udc00", "# \0"])
def test_what_python_cannot_read_even_in_comments_costs_one_cell(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    before, after = (
        dumped(code(IMPORTS), code(text), code(lines(net)), ensure_ascii=True) for net in (NET, _mended(NET))
    )
    path.write_bytes(before)
    result = run("--apply", path)
    assert path.read_bytes() == after
    assert result.exit_code == (0 if text.startswith("%%") else 2)


def test_magics_in_a_row_are_masked_one_by_one() -> None:
    text = "!pip install \\\n  a\n%cd x\n!ls\n\nx = '''\n!ls\n'''\n!ls"
    [cell] = Notebook(dumped(code(text))).cells
    assert cell.masked == "0#ip install \\\n# a\n0#d x\n0#s\n\nx = '''\n!ls\n'''\n0#s"


@pytest.mark.parametrize(
    "text",
    [
        "await model.load()\nasync with x as y:\n    pass",
        '#@title Train { display-mode: "form" }\n%tensorflow_version 2.x\nn = 3 #@param {type:"integer"}',
        "for i in range(3):\n    !echo {i}\n    print(i)",
        "%load_ext autoreload\n%autoreload 2\nimport os",
        '!ls | grep "it\'s"\nx = 1',
        "class A:\n  !ls\n",
        "a, b = !ls",
        "# only a comment",
        " ",
        "return 5",
    ],
)
def test_what_ipython_takes_is_python(text: str) -> None:
    [cell] = Notebook(dumped(code(text))).cells
    assert cell.problem == ""
    assert [len(each) for each in cell.masked.split("\n")] == [len(each) for each in text.split("\n")]


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_endings_and_marks_of_the_file_stay(ending: str, mark: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    before, after = (
        mark + dumped(code(IMPORTS), code(lines(net))).replace(b"\n", ending.encode())
        for net in (NET, _mended(NET))
    )
    path.write_bytes(before)
    assert run("--apply", path).exit_code == 0
    assert path.read_bytes() == after


def test_line_endings_in_cells_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    before, after = (
        dumped(code(IMPORTS), code([each.replace("\n", "\r\n") for each in lines(net)]))
        for net in (NET, _mended(NET))
    )
    path.write_bytes(before)
    assert run("--apply", path).exit_code == 0
    assert path.read_bytes() == after


def test_no_fix_reaches_into_a_magic_or_over_a_cell() -> None:
    notebook = Notebook(dumped(code("%cd x\ny = 1"), code("z = 2")))
    for start, end in ((0, 3), (8, 14)):
        with pytest.raises(SourceError, match="a fix would change what is no Python in cell 1"):
            notebook.encode([Edit(start, end, "w = 3")])


STEP = """\
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(model(x))
grads = tape.gradient(loss, model.trainable_variables)
"""


def told(path: Path, *cells: str) -> str:
    path.write_bytes(dumped(*(code(lines(each)) for each in cells)))
    return run(path).stdout


def test_a_model_is_what_the_last_cell_above_made_of_it(tmp_path: Path) -> None:
    plain = "model = keras.Sequential([layers.Dense(1)])"
    added = "model = keras.Sequential()\nmodel.add(layers.Dense(4))"
    flagged = "model = keras.Sequential()\nmodel.add(layers.Dropout(0.5))\nmodel.add(layers.Dense(1))"
    path = tmp_path / "a.ipynb"
    said = told(path, IMPORTS, flagged, STEP, plain, STEP, added, STEP, NET, "model = Net()", STEP)
    assert [f"cell {number}:2:27: KF301" in said for number in (3, 5, 7, 10)] == [True, False, False, True]


@pytest.mark.parametrize(
    "given", ["if wide:\n    model = Net()\n", "for _ in range(2):\n    model = Net()\n"]
)
def test_what_may_have_taken_its_place_counts_too(given: str, tmp_path: Path) -> None:
    plain = "model = keras.Sequential([layers.Dense(1)])"
    assert "KF301" in told(tmp_path / "a.ipynb", IMPORTS, NET, plain, given + STEP)


def test_in_a_loop_the_round_before_counts_too(tmp_path: Path) -> None:
    plain = "model = keras.Sequential([layers.Dense(1)])"
    loop = "for _ in range(3):\n" + textwrap.indent(STEP + "model = Net()\n", "    ")
    assert "KF301" in told(tmp_path / "a.ipynb", IMPORTS, NET, plain, loop)


def test_a_model_that_is_wrapped_is_still_the_model(tmp_path: Path) -> None:
    cells = "model = Net()", "model = tf.function(model)", STEP
    assert "cell 5:" in told(tmp_path / "a.ipynb", IMPORTS, NET, *cells)


INPUT = "i = keras.Input((4,))\nx = layers.Dense(3)(i)"
MODEL = "model = keras.Model(i, x)"


def test_what_a_cell_shows_is_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    shown = "layers.Dense(4)(x)"
    assert "KF202" not in told(path, IMPORTS, INPUT, shown, "x = layers.Dense(2)(x)", MODEL)
    assert "KF202" in told(path, IMPORTS, INPUT, f"{shown}\nx = layers.Dense(2)(x)", MODEL)


def test_what_one_cell_makes_another_one_may_make_again(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    first, second = "y = layers.Dense(4)(x)", "y = layers.Dense(2)(x)\nmodel = keras.Model(i, y)"
    assert "KF201" not in told(path, IMPORTS, INPUT, first, second)
    assert "KF201" in told(path, IMPORTS, INPUT, f"{first}\n{second}")


def test_cells_are_known_after_a_fix_too(tmp_path: Path) -> None:
    """The first fix moves the cells below, and nothing is found in them then that was not there."""
    path = tmp_path / "a.ipynb"
    first, second = "y = layers.Dense(4)(x)", "y = layers.Dense(2)(x)\nmodel = keras.Model(i, y)"
    path.write_bytes(dumped(*(code(lines(each)) for each in (IMPORTS, NET, INPUT, first, second))))
    assert run("--apply", "--suggestions", path).exit_code == 0
    expected = (IMPORTS, _mended(NET), INPUT, first, second)
    assert path.read_bytes() == dumped(*(code(lines(each)) for each in expected))


SOURCES = st.lists(
    st.text(st.sampled_from("ab = 1\n\"'\\é🎲\t#/"), max_size=20).map(
        lambda text: "#" + text.replace("\n", "\n#")
    ),
    min_size=1,
    max_size=4,
)


@given(SOURCES, st.booleans(), st.booleans(), st.sampled_from([None, 1, 2]), st.data())
def test_any_edit_gives_the_notebook_that_says_it(
    sources: list[str], as_list: bool, ascii_only: bool, indent: int | None, data: st.DataObject
) -> None:
    """An edit of one cell gives the bytes of the same notebook, written anew with the new cell."""
    index = data.draw(st.integers(0, len(sources) - 1))
    start = data.draw(st.integers(0, len(sources[index])))
    end = data.draw(st.integers(start, len(sources[index])))
    new = data.draw(st.text(st.sampled_from("xy\né"), max_size=6))

    def file(texts: list[str]) -> bytes:
        made = [code(lines_of(each) if as_list else each) for each in texts]
        return dumped(*made, ensure_ascii=ascii_only, indent=indent)

    before = file(sources)
    notebook = Notebook(before)
    shift = notebook.cells[index].start
    after = [*sources[:index], sources[index][:start] + new + sources[index][end:], *sources[index + 1 :]]
    given_back = notebook.encode([Edit(shift + start, shift + end, new)])
    assert json.loads(given_back) == json.loads(file(after))
    outside = [each for each in given_back.split(b"\n") if b"cell_type" in each or b"nbformat" in each]
    assert outside == [
        each for each in before.split(b"\n") if b"cell_type" in each or b"nbformat" in each
    ] or (indent is None)
    if given_back == before:
        assert sources == after


@given(SOURCES, st.booleans(), st.booleans())
def test_every_character_has_its_place_in_the_file(
    sources: list[str], as_list: bool, ascii_only: bool
) -> None:
    made = [code(lines_of(each) if as_list else each) for each in sources]
    notebook = Notebook(dumped(*made, ensure_ascii=ascii_only))
    for number, text in enumerate(sources, 1):
        places = [notebook.span(number, offset) for offset in range(len(text))]
        assert [json.loads(f'"{notebook.file.text[start:end]}"') for start, end in places] == [*text]
        assert places == sorted(places)
        assert notebook.file.text[notebook.span(number, len(text))[0]] == '"'


def lines_of(text: str) -> list[str]:
    parts = text.split("\n")
    return [f"{each}\n" for each in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def test_not_a_notebook_is_a_source_error() -> None:
    with pytest.raises(NotANotebook):
        Notebook(b"")


MAKING = """\
class Making(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(1)

    def call(self, x):
        x = layers.Dense(4)(x)
        return self.out(x)
"""
SHOWN = re.compile(r"a\.ipynb:cell (\d+):(\d+):(\d+): (KF\d+).*\n  (\d+) \| (.*)\n")


def test_cell_and_line_are_right_after_fixes_were_taken(tmp_path: Path) -> None:
    """Fixes make cells longer by a line; what is found in the next round is told of the cells as they are."""
    first = MAKING.replace("x):", "x, training=None):").replace("Dense(4)", "Dropout(0.5)")
    second = "!ls\n" + first.replace("Making", "Second")
    (tmp_path / "a.ipynb").write_bytes(
        dumped(*(code(lines(each)) for each in ("%cd x\n" + IMPORTS, first, second, NET)))
    )
    # The layers are made in the constructor, and called without the flag in the first place.
    arguments = [main, ["--interactive", str(tmp_path / "a.ipynb")]]
    asked = CliRunner().invoke(*arguments, input="y\nn\n" * 2 + "y\nn\nn\n").stderr
    shown = [(*map(int, each[:3]), each[3], int(each[4]), each[5].strip()) for each in SHOWN.findall(asked)]
    made, kept = "x = layers.Dropout(0.5)(x)", "x = self.dropout(x)"
    assert shown == [
        (2, 7, 13, "KF205", 7, made),
        (2, 7, 13, "KF103", 7, made),
        (3, 8, 13, "KF205", 8, made),
        (3, 8, 13, "KF103", 8, made),
        (4, 6, 5, "KF101", 6, "def call(self, x):"),
        (2, 8, 13, "KF103", 8, kept),
        (3, 9, 13, "KF103", 9, kept),
    ]
    last = asked.split("Make this fix?")[-2].split("    cell 3\n")[1].splitlines()
    assert last[0] == "    @@ -6,5 +6,5 @@"
    assert last[-3:] == [
        f"    -        {kept}",
        "    +        x = self.dropout(x, training=training)",
        "             return self.out(x)",
    ]


# Two findings in one cell: the fix of the first, once taken, lies above the second.
TWICE = NET.replace("self.drop(x)", "self.drop(x)\n") + "\n\n" + NET.replace("Net", "Other")


def test_the_changes_that_are_asked_about_are_those_of_the_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_bytes(dumped(code(lines(IMPORTS)), code(lines("%cd x\n" + TWICE))))
    result = CliRunner().invoke(main, ["--interactive", str(path)], input="y\nn\n")
    taken, asked = (
        each.split("    cell 2\n")[1].splitlines() for each in result.stderr.split("Make this fix?")[:2]
    )
    assert taken[0] == "    @@ -4,8 +4,8 @@"
    assert asked[0] == "    @@ -14,5 +14,5 @@"
    assert asked[-4:] == [
        "    -    def call(self, x):",
        "    -        return self.drop(x)",
        "    +    def call(self, x, training=None):",
        "    +        return self.drop(x, training=training)",
    ]


def test_a_suggestion_is_shown_in_its_cell_with_its_magics(tmp_path: Path) -> None:
    making = MAKING.replace("super().__init__()", "super().__init__()\n        !ls")
    assert """\
    cell 2
    @@ -3,7 +3,8 @@
             super().__init__()
             !ls
             self.out = layers.Dense(1)
    +        self.dense = layers.Dense(4)
""" in told(tmp_path / "a.ipynb", "%cd x\n" + IMPORTS, making)
