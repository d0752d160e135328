"""KF304: which calls a setting of the learning phase governs, and how a statement goes away."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kerasfix
from kerasfix.analysis.program import Knowledge, Program
from kerasfix.analysis.project import Project
from kerasfix.codemods import CannotEdit
from kerasfix.codemods.removal import remove_imports, remove_statements
from kerasfix.engine import Engine
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.plan import make_plans
from kerasfix.source import Source, apply_edits

HEAD = """\
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import backend as K, layers

model = keras.Sequential([layers.Dropout(0.5)])
"""


def findings(text: str) -> list[Finding]:
    return [each for each in Engine().check_source(Source(text)) if each.code == "KF304"]


def governed(body: str) -> dict[int, list[int]]:
    """The lines of the settings in `body`, and for each those of the calls that it governs for certain."""
    text = HEAD + body
    program = Program.of(Source(text))
    above = HEAD.count("\n")
    return {
        use.node.lineno - above: [call.node.lineno - above for call in program.phases.region(use).sure]
        for use in program.phases.settings(program.module)
    }


def doubts(body: str) -> str:
    program = Program.of(Source(HEAD + body))
    return "; ".join(
        doubt
        for use in program.phases.settings(program.module)
        for doubt in program.phases.region(use).doubts
    )


# --- Regions ------------------------------------------------------------------------------------------


def test_a_setting_ends_at_the_next_one() -> None:
    assert governed("model(x)\nK.set_learning_phase(1)\nmodel(x)\nK.set_learning_phase(0)\nmodel(x)\n") == {
        2: [3],
        4: [5],
    }


def test_a_loop_begins_with_what_it_ends_with() -> None:
    body = (
        "K.set_learning_phase(1)\nfor x in data:\n    model(x)\n    K.set_learning_phase(0)\n    model(x)\n"
    )
    assert governed(body) == {1: [], 4: [5]}
    assert "`model(x)` in line 8 runs in another mode at other times" in doubts(body)


def test_a_loop_that_is_left_early_leaves_what_was_set_by_then() -> None:
    body = """\
K.set_learning_phase(1)
while True:
    model(x)
    if done:
        break
    K.set_learning_phase(1)
model(x)
"""
    assert governed(body) == {1: [3, 7], 6: [3, 7]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "if a:\n    K.set_learning_phase(1)\nelse:\n    K.set_learning_phase(1)\nmodel(x)\n",
            {2: [5], 4: [5]},
        ),
        ("if a:\n    K.set_learning_phase(1)\nmodel(x)\n", {2: []}),
        ("try:\n    K.set_learning_phase(1)\nfinally:\n    f = 1\nmodel(x)\n", {2: [5]}),
        ("try:\n    K.set_learning_phase(1)\nexcept OSError:\n    f = 1\nmodel(x)\n", {2: []}),
        ("with open(p):\n    K.set_learning_phase(1)\n    model(x)\nmodel(x)\n", {2: [3, 4]}),
        ("match a:\n    case 1:\n        K.set_learning_phase(1)\n        model(x)\nmodel(x)\n", {3: [4]}),
        ("K.set_learning_phase(1)\nwith K.learning_phase_scope(0):\n    model(x)\nmodel(x)\n", {1: [4]}),
        ("K.set_learning_phase(1)\nf = lambda: model(x)\n", {1: []}),
        ("K.set_learning_phase(1)\ny = [model(x) for x in data]\n", {1: [2]}),
        (
            "K.set_learning_phase(1)\nmodel(x, training=None)\nmodel(x, None)\nmodel(*a)\nmodel(x, **k)\n",
            {1: []},
        ),
    ],
)
def test_ways_through_a_body(body: str, expected: dict[int, list[int]]) -> None:
    assert governed(body) == expected


def test_a_function_that_returns_early_leaves_either() -> None:
    body = """\
def start():
    if ready:
        return
    K.set_learning_phase(1)


start()
model(x)
"""
    assert governed(body) == {4: []}
    assert "`model(x)` in line 13 may run before it is set, too" in doubts(body)


def test_functions_that_call_each_other_come_to_an_end() -> None:
    body = """\
def odd(n):
    K.set_learning_phase(1)
    return even(n - 1)


def even(n):
    model(n)
    return odd(n - 1)


K.set_learning_phase(1)
odd(3)
"""
    assert governed(body) == {2: [7], 11: []}


def test_a_method_goes_on_with_what_its_caller_set() -> None:
    body = """\
class Trainer:
    def run(self):
        K.set_learning_phase(1)
        self.step()

    def step(self):
        return model(self.x)
"""
    assert governed(body) == {3: [7]}
    assert "it stays set when `run` is left" in doubts(body)


def test_a_function_that_may_be_called_from_elsewhere_is_named() -> None:
    body = "K.set_learning_phase(1)\n\n\ndef step(x):\n    return model(x)\n\n\nrun(step)\n"
    assert "not all that calls `step` is in sight" in doubts(body)
    assert "`run(step)` in line 13 may run a model that relies on it" in doubts(body)


def test_what_another_package_makes_or_is_given_is_named() -> None:
    body = "from other import Net, run\nK.set_learning_phase(1)\nnet = Net()\nnet(x)\nrun(model)\nrun(3)\n"
    assert "`net(x)` in line 9" in doubts(body)
    assert "`run(model)` in line 10" in doubts(body)
    assert "run(3)" not in doubts(body)


def test_nothing_relies_on_inference_which_is_what_bare_calls_are() -> None:
    assert not doubts("from other import Net\nK.set_learning_phase(0)\nNet()(x)\n")


def test_what_asks_for_the_phase_is_named() -> None:
    body = "K.set_learning_phase(1)\nprint(K.learning_phase())\n"
    assert "`K.learning_phase` asks for it in line 7" in doubts(body)


def hows(body: str) -> list[str | None]:
    """How far the fix of each setting can be trusted."""
    return [each.fix.applicability.value if each.fix else None for each in findings(HEAD + body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("K.set_learning_phase(1)\nmodel(x)\n", ["repair"]),
        ("K.set_learning_phase(1)\nmodel.fit(x)\n", ["repair"]),
        ("K.set_learning_phase(0)\nother(x)\n", ["repair"]),
        ("K.set_learning_phase(1)\nmodel(other(x))\n", ["suggestion"]),
        ("K.set_learning_phase(1)\nother(x)\n", [None]),
        ("K.set_learning_phase(1)\nother(x)\nmodel(x, training=True)\n", ["suggestion"]),
        ("K.set_learning_phase(1)\nother(x)\nK.set_learning_phase(0)\n", [None, None]),
        ("K.set_learning_phase(1)\nmodel(other(x))\nK.set_learning_phase(0)\n", ["suggestion"] * 2),
        ("if a:\n    K.set_learning_phase(0)\n", [None]),
        ("if a:\n    K.set_learning_phase(0)\nK.set_learning_phase(1)\nmodel(x)\n", [None, "suggestion"]),
        ("K.set_learning_phase(0)\nwith tf.GradientTape() as t:\n    model(x)\n", ["suggestion"]),
        ("K.set_learning_phase(0)\ns = tf.compat.v1.Session()\n", ["suggestion"]),
        ("K.set_learning_phase(0)\nb = keras.applications.VGG16()\n", ["repair"]),
        (
            "K.set_learning_phase(0)\nb = keras.applications.VGG16()\nK.set_learning_phase(1)\n",
            ["suggestion"] * 2,
        ),
        ("def test_it():\n    K.set_learning_phase(1)\n    model(x)\n", ["suggestion"]),
        ("def test_it():\n    K.set_learning_phase(1)\n    other(x)\n", [None]),
    ],
)
def test_how_far_a_fix_can_be_trusted(body: str, expected: list[str | None]) -> None:
    assert hows(body) == expected


# --- Several files ------------------------------------------------------------------------------------


def _project(tmp_path: Path, files: dict[str, str]) -> dict[str, str]:
    """The files after all repairs."""
    sources = {}
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text)
        sources[str(path)] = Source(text, str(path))
    made = make_plans(
        sources,
        Engine().check_sources,
        lambda each: (
            each.code == "KF304" and each.fix is not None and each.fix.applicability is Applicability.REPAIR
        ),
    )
    assert not made.failed
    return {name: made.plans[str(tmp_path / name)].text for name in files}


def test_calls_in_another_file_are_told_too(tmp_path: Path) -> None:
    step = "def step(x):\n    return model(x)\n"
    main = "from net import step\nfrom keras import backend as K\n\nK.set_learning_phase(1)\nstep(data)\n"
    fixed = _project(tmp_path, {"net.py": HEAD + "\n\n" + step, "main.py": main})
    assert "return model(x, training=True)\n" in fixed["net.py"]
    assert fixed["main.py"] == "from net import step\n\nstep(data)\n"


def test_whoever_calls_a_function_that_sets_it_is_governed(tmp_path: Path) -> None:
    setting = "from keras import backend as K\n\n\ndef train_mode():\n    K.set_learning_phase(1)\n"
    main = HEAD.replace("backend as K, ", "") + "from modes import train_mode\n\ntrain_mode()\nmodel(data)\n"
    fixed = _project(tmp_path, {"modes.py": setting, "main.py": main})
    assert fixed["modes.py"].endswith("def train_mode():\n    pass\n")
    assert fixed["main.py"].endswith("train_mode()\nmodel(data, training=True)\n")


def test_a_module_that_is_imported_leaves_it_to_others(tmp_path: Path) -> None:
    files = {"conf.py": "from keras import backend as K\n\nK.set_learning_phase(1)\nSIZE = 3\n"}
    files["main.py"] = HEAD + "from conf import SIZE\n\nmodel(SIZE)\n"
    assert _project(tmp_path, files) == files
    project = Project({str(tmp_path / n): Source(t, str(tmp_path / n)) for n, t in files.items()})
    program = Program(project.given[0], Knowledge(project))
    [use] = program.phases.settings(program.module)
    assert program.phases.region(use).doubts == ["it stays set in the modules that import this one"]


def test_what_another_file_left_set_may_be_in_force(tmp_path: Path) -> None:
    test = "from keras import backend as K\n\n\ndef test_{0}():\n    K.set_learning_phase({0})\n"
    files = {f"test_{each}.py": test.format(each) for each in (0, 1)}
    assert _project(tmp_path, files) == files
    alone = {"test_0.py": files["test_0.py"]}
    assert _project(tmp_path, alone) == {"test_0.py": "def test_0():\n    pass\n"}


# --- What a finding says ------------------------------------------------------------------------------


def test_in_a_program_for_keras_2_alone_it_is_no_error() -> None:
    text = "from tf_keras import backend as K\n\nK.set_learning_phase(0)\n"
    assert [each.severity for each in findings(text)] == [Severity.INFO]
    assert [each.severity for each in findings(text.replace("tf_keras", "keras"))] == [Severity.ERROR]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_all_other_bytes_stay(newline: str) -> None:
    lines = [
        "import tensorflow as tf",
        "from tensorflow.keras import (",
        "\tbackend as K,",
        "\tlayers,  # all of them",
        ")",
        "",
        "m = tf.keras.Sequential([layers.Dropout(0.5)])",
        "",
        "",
        "def f(x):",
        "\tK.set_learning_phase(\t1 )\t# ä",
        "",
        "\t# é",
        "\treturn m( x )",
        "",
        "",
        "f(1)",
    ]
    text = newline.join(lines)
    fixed = kerasfix.fix(text).text
    del lines[10:12], lines[2]
    assert fixed == newline.join(lines).replace("m( x )", "m( x, training=True )")


def test_one_fix_at_a_time_leaves_a_program_that_runs() -> None:
    """The fix of each setting takes the others along, and the import that all of them needed."""
    text = HEAD + "K.set_learning_phase(1)\nmodel(x)\nK.set_learning_phase(0)\nmodel(x)\n"
    for each in findings(text):
        assert each.fix is not None
        assert apply_edits(text, each.fix.edits) == kerasfix.fix(text).text


# --- Removal ------------------------------------------------------------------------------------------


def removed(text: str) -> str:
    """The text without its calls of `gone`."""
    source = Source(text)
    gone = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Expr) and ast.unparse(node).startswith("gone(")
    ]
    fixed = apply_edits(text, remove_statements(source, gone))
    _ = Source(fixed).tree
    return fixed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\ngone()\nb\n", "a\nb\n"),
        ("gone()", ""),
        ("a\ngone()", "a\n"),
        ("a; gone()\n", "a\n"),
        ("gone(); a\n", "a\n"),
        ("a; gone(); b  # c\n", "a; b  # c\n"),
        ("gone();\na\n", "a\n"),
        ("a; gone(); gone(); b; gone()\n", "a; b\n"),
        ("gone(); gone()\na\n", "a\n"),
        ("if a: gone(); gone()\n", "if a: pass\n"),
        ("if a: gone()\n", "if a: pass\n"),
        ("if a: gone(); b\n", "if a: b\n"),
        ("if a:\n    gone()  # c\n", "if a:\n    pass  # c\n"),
        ("if a:\n    b\nelse:\n    gone()\n    gone(1)\n", "if a:\n    b\nelse:\n    pass\n"),
        (
            "try:\n    a\nexcept E:\n    gone()\nfinally:\n    gone()\n",
            "try:\n    a\nexcept E:\n    pass\nfinally:\n    pass\n",
        ),
        ("def f():\n    gone()\n\n    a\n", "def f():\n    a\n"),
        ("def f():\n    'd'\n    gone()\n", "def f():\n    'd'\n"),
        ("a\n\ngone(\n    1,\n)\n\nb\n", "a\n\nb\n"),
        ("a\n\n\ngone()\n\nb\n", "a\n\n\nb\n"),
        ("# c\ngone()  # d\n# e\n", "# c\n# e\n"),
        ("a\r\n\tgone\r\n".replace("\tgone", "gone()"), "a\r\n"),
    ],
)
def test_a_statement_goes_with_its_line(before: str, after: str) -> None:
    assert removed(before) == after


def test_a_line_that_goes_on_is_left() -> None:
    with pytest.raises(CannotEdit):
        removed("a = 1; \\\ngone()\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from k import backend as K\n", ""),
        ("import k.backend as K\n", ""),
        ("from k import a, backend as K\na\n", "from k import a\na\n"),
        ("from k import (\n    backend as K,\n    a,\n)\na\n", "from k import (\n    a,\n)\na\n"),
        ("from k import (\n    a,\n    backend as K,\n)\na\n", "from k import (\n    a,\n)\na\n"),
        ("def f():\n    from k import backend as K\n    return 1\n", "def f():\n    return 1\n"),
        ("import k.backend as K  # noqa: KF304\n", ""),
    ],
)
def test_an_import_that_nothing_needs_goes(before: str, after: str) -> None:
    assert without_import(before) == after


@pytest.mark.parametrize(
    "text",
    [
        "from k import backend as K\nprint(K)\n",
        "from k import backend as K  # noqa: F401\n",
        "from k import backend as K  # noqa: KF304, F401\n",
        "from k import backend as K  # noqa\n",
        "from k import backend as K\n\n__all__ = ['K']\n",
        "from k import backend as K\n\n__all__ += ['K']\n",
        "try:\n    from k import backend as K\nexcept ImportError:\n    from l import backend as K\n",
        "from k import (\n    backend as K,  # the backend\n    a,\n)\n",
        "import k.K\n",
    ],
)
def test_an_import_that_something_may_need_stays(text: str) -> None:
    assert without_import(text) == text


def without_import(text: str) -> str:
    module = Project.of(Source(text)).given[0]
    edits, whole = remove_imports(module, ["K"], [])
    return apply_edits(text, [*edits, *remove_statements(module.source, whole)])


def test_a_call_that_cannot_be_edited_keeps_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CannotEdit("it is written oddly")

    monkeypatch.setattr("kerasfix.codemods.training.add_training", refuse)
    [found] = kerasfix.check(
        "import keras\n"
        "from tensorflow.keras import backend as K\n\n"
        "model = keras.Sequential([keras.layers.Dropout(0.5)])\n"
        "K.set_learning_phase(1)\n"
        "model(x)\n"
    )
    assert found.fix is None
    assert found.help == (
        "Left alone, because it is written oddly. Pass `training=True` to `model` in line 6 and remove it; "
        "fit, evaluate and predict need nothing"
    )
