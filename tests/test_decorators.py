"""Decorators of the project: which of them hide the flag of a `call`, which hand it on, and their repair."""

from __future__ import annotations

from pathlib import Path

import pytest

import kerasfix
from kerasfix.analysis.decorators import Hidden, hands_on, hidden_by
from kerasfix.analysis.index import Method
from kerasfix.analysis.project import Project
from kerasfix.analysis.threads import decorator_blockers
from kerasfix.codemods import CannotEdit
from kerasfix.codemods.decorators import add_wraps
from kerasfix.source import Source, apply_edits
from tests.conftest import Run

_NET = """\


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.bn = keras.layers.BatchNormalization()

    @{decorator}
    def call(self, x, training=None):
        return self.bn(x, training=training)
"""
LOGGED = """\
import keras


def logged(fn):
    def inner(*args, **kwargs):
        print(kwargs)
        return fn(*args, **kwargs)
    return inner
"""


def _method(text: str, name: str = "call") -> Method:
    project = Project.of(Source(text))
    [info] = [each for each in project.classes if name in each.methods]
    return info.methods[name]


def _hidden(makers: str, decorator: str = "logged") -> Hidden | None:
    return hidden_by(_method(makers + _NET.format(decorator=decorator)))


def _blockers(makers: str, decorator: str = "logged") -> list[str]:
    return list(decorator_blockers(_method(makers + _NET.format(decorator=decorator))))


def test_a_wrapper_without_wraps_hides_the_flag() -> None:
    hidden = _hidden(LOGGED)
    assert hidden is not None
    assert hidden.in_sight
    assert hidden.function.name == "logged"
    assert hidden.original == "fn"
    assert [inner.name for inner in hidden.inners] == ["inner"]


WITH_WRAPS = {
    "functools.wraps": LOGGED.replace("    def inner", "    @functools.wraps(fn)\n    def inner").replace(
        "import keras", "import functools\n\nimport keras"
    ),
    "from functools import wraps": LOGGED.replace("    def inner", "    @wraps(fn)\n    def inner").replace(
        "import keras", "from functools import wraps\n\nimport keras"
    ),
    "returned through wraps": LOGGED.replace("return inner", "return functools.wraps(fn)(inner)").replace(
        "import keras", "import functools\n\nimport keras"
    ),
    "update_wrapper": LOGGED.replace("return inner", "return functools.update_wrapper(inner, fn)").replace(
        "import keras", "import functools\n\nimport keras"
    ),
    "update_wrapper as a statement": LOGGED.replace(
        "return inner", "functools.update_wrapper(inner, fn)\n    return inner"
    ).replace("import keras", "import functools\n\nimport keras"),
    "a new binding": LOGGED.replace(
        "return inner", "inner = functools.wraps(fn)(inner)\n    return inner"
    ).replace("import keras", "import functools\n\nimport keras"),
    "__wrapped__": LOGGED.replace("return inner", "inner.__wrapped__ = fn\n    return inner"),
    "the signature has the flag": """\
import keras


def logged(fn):
    def inner(self, x, training=None):
        return fn(self, x, training=training)
    return inner
""",
    "only under a condition": """\
import functools

import keras


def logged(fn):
    if DEBUG:
        @functools.wraps(fn)
        def inner(self, x, **kwargs):
            return fn(self, x, **kwargs)
    else:
        @functools.wraps(fn)
        def inner(self, *rest, **kwargs):
            return fn(self, *rest, **kwargs)
    if QUIET:
        return fn
    return inner
""",
}


@pytest.mark.parametrize("makers", WITH_WRAPS.values(), ids=WITH_WRAPS)
def test_a_wrapper_that_shows_the_signature_is_transparent(makers: str) -> None:
    assert _hidden(makers) is None
    assert _blockers(makers) == []


UNKNOWN = {
    "of another package": ("import keras\nfrom wrapt import logged\n", "logged"),
    "a class": (
        "import keras\n\nclass logged:\n    def __init__(self, fn):\n        self.fn = fn\n",
        "logged",
    ),
    "decorated itself": (LOGGED.replace("def logged", "@decorator\ndef logged"), "logged"),
    "another decorator on the wrapper": (
        LOGGED.replace("    def inner", "    @decorator\n    def inner"),
        "logged",
    ),
    "a lambda": ("import keras\n\ndef logged(fn):\n    return lambda *a, **k: fn(*a, **k)\n", "logged"),
    "a wrapped wrapper": (LOGGED.replace("return inner", "return tf.function(inner)"), "logged"),
    "a generator": (LOGGED + "    yield 1\n", "logged"),
    "two that must be given": (LOGGED.replace("(fn)", "(fn, level)"), "logged"),
    "optional arguments": (LOGGED.replace("return inner", "return inner if fn else logged"), "logged(2)"),
    "defined twice": (LOGGED + "\nif True:\n    def logged(fn):\n        return fn\n", "logged"),
}


@pytest.mark.parametrize(("makers", "decorator"), UNKNOWN.values(), ids=UNKNOWN)
def test_of_what_cannot_be_told_nothing_is_said_but_that_it_blocks(makers: str, decorator: str) -> None:
    assert _hidden(makers, decorator) is None
    assert len(_blockers(makers, decorator)) == 1


NOT_ALL_THE_WAY = {
    "no keywords": LOGGED.replace("*args, **kwargs", "self, x"),
    "only positional ones": LOGGED.replace("*args, **kwargs", "*args"),
    "they are dropped": LOGGED.replace("fn(*args, **kwargs)", "fn(*args)"),
    "what comes by position is dropped": LOGGED.replace("fn(*args, **kwargs)", "fn(args[0], **kwargs)"),
    "a constant": LOGGED.replace("fn(*args, **kwargs)", "fn(*args, training=True, **kwargs)"),
    "one of two calls": LOGGED.replace("print(kwargs)", "fn(*args)"),
    "taken out": LOGGED.replace("print(kwargs)", "kwargs.pop('training')"),
    "deleted": LOGGED.replace("print(kwargs)", "del kwargs['training']"),
    "set": LOGGED.replace("print(kwargs)", "kwargs['training'] = False"),
    "bound anew": LOGGED.replace("print(kwargs)", "kwargs = {}"),
    "handed to something else": LOGGED.replace("print(kwargs)", "clean(kwargs)"),
    "the method is handed to something else": LOGGED.replace(
        "fn(*args, **kwargs)", "run(fn, *args, **kwargs)"
    ),
    "never called": LOGGED.replace("fn(*args, **kwargs)", "None"),
    "a nested function of the same name": LOGGED.replace(
        "print(kwargs)", "f = lambda fn, kwargs: fn(**kwargs)"
    ),
}


@pytest.mark.parametrize("makers", NOT_ALL_THE_WAY.values(), ids=NOT_ALL_THE_WAY)
def test_a_wrapper_that_drops_the_flag_says_so(makers: str) -> None:
    hidden = _hidden(makers)
    assert hidden is not None
    assert not hidden.in_sight
    wrapped = makers.replace("    def inner", "    @functools.wraps(fn)\n    def inner")
    assert len(_blockers("import functools\n" + wrapped)) == 1


@pytest.mark.parametrize(
    "reading",
    [
        "len(kwargs)",
        "kwargs.get('mask')",
        "kwargs['mask']",
        "'mask' in kwargs",
        "f'{kwargs}'",
        "dict(kwargs)",
    ],
)
def test_keywords_may_be_read(reading: str) -> None:
    hidden = _hidden(LOGGED.replace("print(kwargs)", reading))
    assert hidden is not None
    assert hidden.in_sight


FACTORY = """\
import keras


def logged(level):
    def decorate(function):
        def inner(self, x, **kwargs):
            return function(self, x, **kwargs)
        return inner
    return decorate
"""


def test_a_decorator_with_arguments() -> None:
    hidden = _hidden(FACTORY, "logged(level=2)")
    assert hidden is not None
    assert hidden.in_sight
    assert hidden.original == "function"
    assert hidden.function.name == "logged"
    wrong = _hidden(FACTORY, "logged")
    assert wrong is not None
    assert not wrong.in_sight


def test_of_several_decorators_the_outermost_is_seen() -> None:
    two = LOGGED + WITH_WRAPS["functools.wraps"].replace("logged", "timed")
    for decorator in ("logged\n    @timed", "timed\n    @logged", "keras.x\n    @logged"):
        hidden = _hidden(two, decorator)
        if decorator.startswith("keras"):
            assert hidden is None
        else:
            assert hidden is not None
            assert hidden.function.name == "logged"
            assert hidden.in_sight
    hidden = _hidden(LOGGED, "logged\n    @unknown")
    assert hidden is not None
    assert hidden.blockers == ("below it stands the decorator `unknown`",)


def test_to_a_helper_the_flag_comes_without_wraps() -> None:
    text = LOGGED + _NET.format(decorator="logged").replace("def call", "def block")
    method = _method(text, "block")
    assert hands_on(method.node.decorator_list[0], method)


def test_tf_function_is_transparent_and_its_input_signature_is_not() -> None:
    head = "import keras\nimport tensorflow as tf\n"
    assert _blockers(head, "tf.function") == []
    assert _hidden(head, "tf.function") is None
    assert len(_blockers(head, "tf.function(input_signature=[])")) == 1


def test_behind_wraps_the_flag_is_threaded() -> None:
    net = _NET.format(decorator="logged").replace(", training=None", "").replace(", training=training", "")
    text = WITH_WRAPS["functools.wraps"] + net
    fixed = kerasfix.fix(text).text
    assert "def call(self, x, training=None):" in fixed
    assert "self.bn(x, training=training)" in fixed
    assert kerasfix.fix(LOGGED + net).text == LOGGED + net


# --- The repair --------------------------------------------------------------------------------------------


def _repaired(makers: str, decorator: str = "logged") -> str:
    """The makers after `add_wraps`, once it is clear that the whole is still Python and mended."""
    text = makers + _NET.format(decorator=decorator)
    hidden = hidden_by(_method(text))
    assert hidden is not None
    fixed = apply_edits(text, add_wraps(hidden))
    assert hidden_by(_method(fixed)) is None
    assert fixed.endswith(_NET.format(decorator=decorator))
    return fixed[: -len(_NET.format(decorator=decorator))]


def test_wraps_and_its_import_are_added() -> None:
    assert _repaired(LOGGED) == WITH_WRAPS["functools.wraps"]


def test_a_known_name_is_used() -> None:
    for head, name in (
        ("import functools\n", "functools.wraps"),
        ("import functools as ft\n", "ft.wraps"),
        ("from functools import lru_cache, wraps\n", "wraps"),
        ("from functools import wraps as w\n", "w"),
        (
            "try:\n    from functools import wraps\nexcept ImportError:\n    from functools import wraps\n",
            "wraps",
        ),
    ):
        assert _repaired(head + LOGGED) == head + LOGGED.replace(
            "    def inner", f"    @{name}(fn)\n    def inner"
        )


def test_an_import_inside_the_decorator_is_used() -> None:
    local = LOGGED.replace("(fn):\n", "(fn):\n    from functools import wraps\n", 1)
    assert "    @wraps(fn)\n    def inner" in _repaired(local)
    elsewhere = LOGGED + "\n\ndef f():\n    from functools import wraps\n"
    assert _repaired(elsewhere).startswith("import functools\n\nimport keras\n")
    above = "import keras\n\ndef f():\n    from functools import wraps\n" + BODY
    assert _repaired(above).startswith("import functools\n\nimport keras\n")


BODY = LOGGED.partition("import keras\n")[2]
HEADS = {
    "before the others of another section": ("import keras\n", "import functools\n\nimport keras\n"),
    "among those of the standard library": (
        "import abc\nimport os\nfrom typing import Any\n\nimport keras\n",
        "import abc\nimport functools\nimport os\nfrom typing import Any\n\nimport keras\n",
    ),
    "before the first of the standard library": (
        "from typing import Any\n\nimport keras\n",
        "import functools\nfrom typing import Any\n\nimport keras\n",
    ),
    "after the docstring and the future": (
        '"""Layers."""\nfrom __future__ import annotations\n\nimport keras\n',
        '"""Layers."""\nfrom __future__ import annotations\n\nimport functools\n\nimport keras\n',
    ),
    "after the comments at the top": (
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nimport keras\n",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nimport functools\n\nimport keras\n",
    ),
    "before the comment of the first import": (
        "# Licence.\n\n# The one and only.\nimport keras\n",
        "# Licence.\n\nimport functools\n\n# The one and only.\nimport keras\n",
    ),
    "below two on one line": (
        "import abc; import argparse\nimport keras\n",
        "import abc; import argparse\nimport functools\nimport keras\n",
    ),
    "behind a part of a package": (
        "import collections.abc\nfrom os.path import join\n\nimport keras\n",
        "import collections.abc\nimport functools\nfrom os.path import join\n\nimport keras\n",
    ),
    "tabs and all": ("import os\r\nimport keras\r\n", "import functools\r\nimport os\r\nimport keras\r\n"),
}


@pytest.mark.parametrize(("head", "expected"), HEADS.values(), ids=HEADS)
def test_the_import_goes_where_an_author_puts_it(head: str, expected: str) -> None:
    assert _repaired(head + BODY).partition("\n\n\ndef logged")[0] + "\n" == expected


def test_a_file_without_imports_gets_one(tmp_path: Path) -> None:
    _, fixed = _repaired_in_two_files(tmp_path, BODY.lstrip())
    assert fixed.startswith("import functools\n\n\ndef logged(fn):\n    @functools.wraps(fn)\n    def inner")
    _, fixed = _repaired_in_two_files(tmp_path, '"""Tools."""\n\n# Logs.\n' + BODY.lstrip())
    assert fixed.startswith('"""Tools."""\n\nimport functools\n\n\n# Logs.\ndef logged(fn):\n')


def _repaired_in_two_files(folder: Path, tools: str) -> tuple[str, str]:
    (folder / "tools.py").write_text(tools)
    (folder / "net.py").write_text(
        "import keras\nfrom tools import logged\n" + _NET.format(decorator="logged")
    )
    sources = {
        str(path.resolve()): Source(path.read_text(), str(path.resolve()))
        for path in (folder / "net.py", folder / "tools.py")
    }
    project = Project(sources)
    [info] = [each for each in project.classes if "call" in each.methods]
    hidden = hidden_by(info.methods["call"])
    assert hidden is not None
    edits = add_wraps(hidden)
    assert {edit.file for edit in edits} == {str((folder / "tools.py").resolve())}
    net, text = (sources[str((folder / name).resolve())].text for name in ("net.py", "tools.py"))
    return net, apply_edits(text, edits)


def test_a_decorator_that_was_not_given_is_not_in_sight(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(LOGGED)
    path = tmp_path / "net.py"
    path.write_text("import keras\nfrom tools import logged\n" + _NET.format(decorator="logged"))
    file = str(path.resolve())
    [info] = Project({file: Source(path.read_text(), file)}).keras_classes
    hidden = hidden_by(info.methods["call"])
    assert hidden is not None
    assert not hidden.in_sight


def test_every_wrapper_gets_it_tabs_and_decorators_too() -> None:
    makers = """\
import functools
import tensorflow as tf
import keras


def logged(fn):
\tif DEBUG:
\t\t@tf.function
\t\tdef inner(*args, **kwargs):
\t\t\treturn fn(*args, **kwargs)
\telse:
\t\tdef inner(*args, **kwargs): return fn(*args, **kwargs)
\treturn inner
"""
    assert _repaired(makers) == makers.replace(
        "\t\t@tf.function", "\t\t@functools.wraps(fn)\n\t\t@tf.function"
    ).replace("\telse:\n", "\telse:\n\t\t@functools.wraps(fn)\n")


def test_what_cannot_be_written_is_refused() -> None:
    one_line = "import functools\nimport keras\n\ndef logged(fn):\n    x = 1; return inner\n"
    assert _hidden(one_line) is None
    hidden = _hidden(LOGGED.replace("import keras", "import keras\nfunctools = None"))
    assert hidden is not None
    with pytest.raises(CannotEdit, match="functools"):
        add_wraps(hidden)
    hidden = _hidden('"""Layers."""; ' + LOGGED)
    assert hidden is not None
    with pytest.raises(CannotEdit, match="shares a line with what must stay before it"):
        add_wraps(hidden)


def test_an_import_that_the_file_ends_with_has_nothing_below_it(tmp_path: Path) -> None:
    tools = "if True:\n" + BODY.strip().replace("def", "    def", 1).replace("\n    ", "\n        ")
    with pytest.raises(CannotEdit, match="the file ends with its imports"):
        _repaired_in_two_files(tmp_path, f"{tools}\nimport abc")


def test_a_decorator_need_not_stand_at_the_top_of_its_file(tmp_path: Path) -> None:
    tools = "if True:\n" + BODY.strip().replace("def", "    def", 1).replace("\n    ", "\n        ")
    _, fixed = _repaired_in_two_files(tmp_path, f"LOG = 1\nimport os\n{tools}\n")
    assert fixed.startswith(
        "LOG = 1\nimport functools\nimport os\nif True:\n    def logged(fn):\n        @functools"
    )


def test_a_decorated_project_is_threaded_across_files(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "tools.py").write_text(WITH_WRAPS["functools.wraps"])
    net = _NET.format(decorator="logged").replace(", training=None", "").replace(", training=training", "")
    (tmp_path / "net.py").write_text("import keras\nfrom tools import logged\n" + net)
    assert kerasfix("--apply", ".").returncode == 0
    assert "self.bn(x, training=training)" in (tmp_path / "net.py").read_text()


_PROCESSED = """\
import functools

import keras


def processed(function):
    @functools.wraps(function)
    def inner(self, *args, **kwargs):
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        return function(self, *args, **kwargs)

    return inner


def documented(*texts):
    def add(function):
        function.__doc__ = "".join(texts)
        return function

    return add


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    DECORATOR
    def call(self, x, training=None):
        return self.drop(x)
"""
_OTHER = """

class Other(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    @processed
    def call(self, x, training=None):
        return self.drop(x, training=training)
"""


def test_a_decorator_is_trusted_where_the_author_relies_on_it() -> None:
    text = _PROCESSED.replace("DECORATOR", "@processed")
    assert kerasfix.fix(text).text == text
    mended = text.replace("return self.drop(x)", "return self.drop(x, training=training)")
    assert kerasfix.fix(text + _OTHER).text == mended + _OTHER


def test_a_decorator_that_gives_the_method_back_changes_nothing() -> None:
    text = _PROCESSED.replace("DECORATOR", '@documented("Net.")')
    mended = text.replace("return self.drop(x)", "return self.drop(x, training=training)")
    assert kerasfix.fix(text).text == mended


def test_who_asks_for_a_signature_does_not_call() -> None:
    text = """\
import inspect

import keras


def known_to(function, names):
    return [name for name in names if name in inspect.signature(function).parameters]


class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.asked = known_to(self.block.call, ["training"])

    def call(self, x, training=None):
        return self.block(x)
"""
    fixed = kerasfix.fix(text).text
    assert "def call(self, x, training=None):\n        return self.drop(x, training=training)" in fixed
    assert "return self.block(x, training=training)" in fixed
    held = text.replace("inspect.signature(function).parameters", "function.names")
    assert "def call(self, x):" in kerasfix.fix(held).text
