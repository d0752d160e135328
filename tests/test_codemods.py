"""One more argument or parameter looks as if the author had written it."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable

import libcst as cst
import pytest
from libcst.codemod import CodemodContext, SkipFile

import kerasfix
import kerasfix.codemods
from kerasfix.codemods import CannotEdit
from kerasfix.codemods.calls import add_keyword, drop_keyword, name_arguments
from kerasfix.codemods.command import Fix
from kerasfix.codemods.dataflow import equals_style
from kerasfix.codemods.layout import Layout, fitting, indentation_below
from kerasfix.codemods.segment import _difference, edit_call, edit_signature, shortest_edit
from kerasfix.codemods.signatures import add_parameter, set_default
from kerasfix.codemods.training import add_training
from kerasfix.engine import Engine
from kerasfix.findings import Applicability, Finding, Severity
from kerasfix.findings import Fix as Fixing
from kerasfix.source import Edit, Source, apply_edits

_ONE_LINE = Layout(", ")


def _first_call(source: Source) -> ast.Call:
    return next(node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def _first_function(source: Source) -> ast.FunctionDef | ast.AsyncFunctionDef:
    found = (
        node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return next(found)


def _with_call(text: str, change: Callable[[cst.Call], cst.Call]) -> str:
    source = Source(text)
    return _parsed(apply_edits(text, edit_call(source, _first_call(source), change)))


def _with_signature(text: str, change: Callable[[cst.FunctionDef], cst.FunctionDef]) -> str:
    source = Source(text)
    return _parsed(apply_edits(text, edit_signature(source, _first_function(source), change)))


def _parsed(text: str) -> str:
    _ = Source(text).tree
    return text


def _with_keyword(text: str, layout: Layout = _ONE_LINE) -> str:
    return _with_call(text, lambda call: add_keyword(call, "t", "v", layout))


def _with_training(text: str) -> str:
    """The text with `training=training` in its first call, wrapped where the line would get too long."""
    source = Source(text)
    return _parsed(apply_edits(text, add_training(source, _first_call(source), None, "training")))


def _with_parameter(text: str, annotation: str | None = None, layout: Layout = _ONE_LINE) -> str:
    return _with_signature(text, lambda node: add_parameter(node, "t", "None", annotation, layout))


def _with_default(text: str, optional: str | None = "bool | None") -> str:
    return _with_signature(text, lambda node: set_default(node, "t", "None", optional))


# A keyword in a call.


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("f(x)", "f(x, t=v)", id="one argument"),
        pytest.param("f()", "f(t=v)", id="no argument"),
        pytest.param("f( )", "f( t=v)", id="no argument but a space"),
        pytest.param("f( x )", "f( x, t=v )", id="spaces inside the brackets"),
        pytest.param("f(x,)", "f(x, t=v,)", id="a trailing comma"),
        pytest.param("f(x, )", "f(x, t=v, )", id="a trailing comma and a space"),
        pytest.param("f(x, y=1)", "f(x, y=1, t=v)", id="a keyword"),
        pytest.param("f(x, y = 1)", "f(x, y = 1, t = v)", id="a keyword with spaces around ="),
        pytest.param("f(*xs)", "f(*xs, t=v)", id="star arguments"),
        pytest.param("f(**kw)", "f(t=v, **kw)", id="double star arguments"),
        pytest.param("f(x,**kw)", "f(x,t=v,**kw)", id="double star arguments behind another"),
        pytest.param("f((y for y in x))", "f((y for y in x), t=v)", id="a generator in brackets"),
        pytest.param("f(x)(y)", "f(x)(y, t=v)", id="a call of a call"),
        pytest.param("f('''\n''')", "f('''\n''', t=v)", id="a string over two lines"),
        pytest.param("f('ü', é)  # ö", "f('ü', é, t=v)  # ö", id="letters of several bytes"),
        pytest.param("f(x\\\n, y)", "f(x\\\n, y, t=v)", id="a continued line"),
    ],
)
def test_a_keyword_is_added_on_one_line(before: str, after: str) -> None:
    assert _with_keyword(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("f(\n    x,\n    y,\n)\n", "f(\n    x,\n    y,\n    t=v,\n)\n", id="own lines"),
        pytest.param(
            "f(\n    x,\n    y\n)\n", "f(\n    x,\n    y,\n    t=v\n)\n", id="without trailing comma"
        ),
        pytest.param("f(\n\tx,\n\ty,\n)\n", "f(\n\tx,\n\ty,\n\tt=v,\n)\n", id="tabs"),
        pytest.param("f(\r\n    x,\r\n)\r\n", "f(\r\n    x,\r\n    t=v,\r\n)\r\n", id="CRLF"),
        pytest.param("f(\r    x,\r    y,\r)\r", "f(\r    x,\r    y,\r    t=v,\r)\r", id="CR"),
        pytest.param("f(\n    x\n)\n", "f(\n    x, t=v\n)\n", id="one alone shows nothing"),
        pytest.param("f(\n    x, y,\n)\n", "f(\n    x, y, t=v,\n)\n", id="two on one line"),
        pytest.param("f(x,\n  y)\n", "f(x,\n  y, t=v)\n", id="one after the bracket"),
        pytest.param("f(x,\n  y,\n  z)\n", "f(x,\n  y,\n  z,\n  t=v)\n", id="one below the other"),
        pytest.param(
            "f(x,  # 1\n  y,  # 2\n  z\n  )\n", "f(x,  # 1\n  y,  # 2\n  z,\n  t=v\n  )\n", id="and comments"
        ),
        pytest.param("f(x\n  )\n", "f(x, t=v\n  )\n", id="bracket on its own line"),
        pytest.param(
            "f(\n    x,  # 1\n    # 2\n    y,  # 3\n    # 4\n)\n",
            "f(\n    x,  # 1\n    # 2\n    y,  # 3\n    # 4\n    t=v,\n)\n",
            id="comments stay with their arguments",
        ),
        pytest.param("f(x, # 1\n  y)\n", "f(x, # 1\n  y, t=v)\n", id="a comment in the middle"),
        pytest.param("f(  # 1\n)\n", "f(  # 1\nt=v)\n", id="nothing but a comment"),
        pytest.param(
            "if a:\n    f(\n        x,\n        y,\n    )\n",
            "if a:\n    f(\n        x,\n        y,\n        t=v,\n    )\n",
            id="indented",
        ),
    ],
)
def test_a_keyword_is_added_as_the_lines_are_laid_out(before: str, after: str) -> None:
    assert _with_keyword(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(\n    x,\n    y  # 1\n)\n", "f(\n    x,\n    y,  # 1\n    t=v\n)\n"),
    ],
)
def test_the_comment_of_the_last_argument_stays_with_it(before: str, after: str) -> None:
    assert _with_keyword(before).splitlines()[:3] == after.splitlines()[:3]


def test_a_comma_without_a_space_is_written_as_such() -> None:
    assert _with_keyword("f(x,y)", Layout(",")) == "f(x,y,t=v)"


def test_a_wrapped_keyword_stands_on_a_line_of_its_own() -> None:
    assert _with_keyword("f(x, y)", Layout(", ", wrapped="  ")) == "f(x, y,\n  t=v)"


def test_a_wrapped_keyword_stands_below_arguments_that_have_lines_of_their_own() -> None:
    before, after = "f(\n    x, y\n)\n", "f(\n    x, y,\n    t=v\n)\n"
    assert _with_keyword(before, Layout(", ", wrapped=" " * 8)) == after


def test_a_wrapped_keyword_breaks_the_line_as_the_file_does() -> None:
    source = Source("a\r\nf(x)\r\n")
    [edit] = edit_call(source, _first_call(source), lambda c: add_keyword(c, "t", "v", Layout(", ", "  ")))
    assert edit.content == ",\r\n  t=v"


def test_a_keyword_that_is_there_is_not_added_again() -> None:
    with pytest.raises(CannotEdit, match="already has t="):
        _with_keyword("f(x, t=1)")


def test_only_the_characters_that_change_are_edited() -> None:
    source = Source("y = f( x ,  z )")
    assert edit_call(source, _first_call(source), lambda c: add_keyword(c, "t", "v", _ONE_LINE)) == (
        Edit(13, 13, ", t=v"),
    )


def test_a_change_that_changes_nothing_is_no_edit() -> None:
    source = Source("f( x )")
    assert edit_call(source, _first_call(source), lambda call: call) == ()


# Positional arguments become keywords.


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(x, y)", "f(x, b=y)"),
        ("f(x,\n  y)", "f(x,\n  b=y)"),
        ("f(x, y, z = 1)", "f(x, b = y, z = 1)"),
        ("f(x, (y))", "f(x, b=(y))"),
        ("f(x, lambda: y)", "f(x, b=lambda: y)"),
    ],
)
def test_an_argument_is_named(before: str, after: str) -> None:
    assert _with_call(before, lambda call: name_arguments(call, {1: "b"})) == after


def test_several_arguments_are_named_at_once() -> None:
    assert _with_call("f(x, y, z)", lambda call: name_arguments(call, {1: "b", 2: "c"})) == "f(x, b=y, c=z)"


@pytest.mark.parametrize("call", ["f(x, b=y)", "f(x, *y)"])
def test_what_is_no_positional_argument_is_not_named(call: str) -> None:
    with pytest.raises(CannotEdit, match=r"^not a positional argument$"):
        _with_call(call, lambda node: name_arguments(node, {1: "b"}))


# A parameter in a signature.


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("(): pass", "(t=None): pass", id="none"),
        pytest.param("(self): pass", "(self, t=None): pass", id="self"),
        pytest.param("(self,x): pass", "(self,x, t=None): pass", id="no space"),
        pytest.param("( self, x ): pass", "( self, x, t=None ): pass", id="spaces inside the brackets"),
        pytest.param("(self, x, ): pass", "(self, x, t=None, ): pass", id="a trailing comma"),
        pytest.param("(self, x=1): pass", "(self, x=1, t=None): pass", id="a default"),
        pytest.param("(self, x, /): pass", "(self, x, /, t=None): pass", id="positional-only"),
        pytest.param("(self, /, x): pass", "(self, /, x, t=None): pass", id="positional-only before others"),
        pytest.param("(self, *, k): pass", "(self, t=None, *, k): pass", id="before keyword-only ones"),
        pytest.param("(self, *xs): pass", "(self, *xs, t=None): pass", id="behind star parameters"),
        pytest.param("(self, *xs, k): pass", "(self, *xs, k, t=None): pass", id="behind keyword-only ones"),
        pytest.param("(self, **kw): pass", "(self, t=None, **kw): pass", id="before double star parameters"),
        pytest.param("(self, *xs, **kw): pass", "(self, *xs, t=None, **kw): pass", id="between the stars"),
        pytest.param(
            "(self, x=lambda y: y, z={1: 2}) -> 'a:b': pass",
            "(self, x=lambda y: y, z={1: 2}, t=None) -> 'a:b': pass",
            id="colons that do not end it",
        ),
        pytest.param("(self): # c: d\n  pass", "(self, t=None): # c: d\n  pass", id="a comment behind"),
        pytest.param("(self) \\\n : pass", "(self, t=None) \\\n : pass", id="a continued line"),
        pytest.param(
            "(\n    self,\n    x,\n): pass", "(\n    self,\n    x,\n    t=None,\n): pass", id="own lines"
        ),
        pytest.param(
            "(\n    self,\n    x\n) -> int: pass",
            "(\n    self,\n    x,\n    t=None\n) -> int: pass",
            id="own lines without trailing comma",
        ),
        pytest.param(
            "(\n    self,\n    x,  # 1\n): pass",
            "(\n    self,\n    x,  # 1\n    t=None,\n): pass",
            id="own lines with a comment",
        ),
        pytest.param(
            "(\n    self,\n    *,\n    k,\n): pass",
            "(\n    self,\n    t=None,\n    *,\n    k,\n): pass",
            id="own lines before the star",
        ),
        pytest.param(
            "(\n    self,\n    x,\n    **kw\n): pass",
            "(\n    self,\n    x,\n    t=None,\n    **kw\n): pass",
            id="own lines before two stars",
        ),
        pytest.param(
            "(\r\n\tself,\r\n\tx,\r\n):\r\n\tpass",
            "(\r\n\tself,\r\n\tx,\r\n\tt=None,\r\n):\r\n\tpass",
            id="CRLF, tabs",
        ),
        pytest.param("(self,\n      x): pass", "(self,\n      x, t=None): pass", id="below the bracket"),
        pytest.param("(  # 1\n): pass", "(  # 1\nt=None): pass", id="nothing but a comment"),
    ],
)
def test_a_parameter_is_added(before: str, after: str) -> None:
    assert _with_parameter(f"def f{before}") == f"def f{after}"


def test_a_parameter_between_stars_has_a_line_of_its_own_where_all_have() -> None:
    before = "def f(\n    self,\n    *xs,\n    **kw,\n): pass"
    assert _with_parameter(before) == "def f(\n    self,\n    *xs,\n    t=None,\n    **kw,\n): pass"


def test_an_annotated_parameter_has_spaces_around_its_default() -> None:
    assert (
        _with_parameter("def f(x: int): pass", "bool | None") == "def f(x: int, t: bool | None = None): pass"
    )


def test_an_asynchronous_function_is_edited_alike() -> None:
    assert _with_parameter("async def f(x): pass") == "async def f(x, t=None): pass"


def test_a_decorator_is_left_alone() -> None:
    assert _with_parameter("@d(lambda: 0)\ndef f(x): pass") == "@d(lambda: 0)\ndef f(x, t=None): pass"


def test_the_body_is_not_read() -> None:
    body = "def f(x):\n\tif x: \n\t\t  return  x ;\n\n"
    assert _with_parameter(body) == body.replace("(x)", "(x, t=None)", 1)


def test_a_method_of_a_class_is_edited_where_it_stands() -> None:
    before = "class A:\n    def f(\n        self,\n        x,\n    ):\n        pass\n"
    assert _with_parameter(before) == before.replace("        x,\n", "        x,\n        t=None,\n")


# The default of a parameter.


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("t=False", "t=None"),
        ("t = False", "t = None"),
        ("t", "t=None"),
        ("t: bool = True", "t: bool | None = None"),
        ("t: bool", "t: bool | None = None"),
        ("t: 'bool' = True", "t: 'bool' = None"),
        ("t: int=1", "t: int=None"),
        ("*, t=False", "*, t=None"),
        ("*, t=False, k", "*, t=None, k"),
        ("t=False, /", "t=None, /"),
        ("t=False,  # off\n      y=1", "t=None,  # off\n      y=1"),
    ],
)
def test_a_default_becomes_none(before: str, after: str) -> None:
    assert _with_default(f"def f(x, {before}): pass") == f"def f(x, {after}): pass"


def test_an_annotation_stays_where_none_is_wanted() -> None:
    assert _with_default("def f(t: bool = True): pass", optional=None) == "def f(t: bool = None): pass"


def test_a_parameter_that_is_not_there_gets_no_default() -> None:
    with pytest.raises(CannotEdit, match="no parameter t"):
        _with_default("def f(x): pass")


# What has no known shape.


def test_what_libcst_does_not_parse_is_not_edited() -> None:
    source = Source("f(x)")
    call = _first_call(source)
    call.end_col_offset = 3
    with pytest.raises(CannotEdit, match=r"^LibCST does not parse it"):
        edit_call(source, call, lambda node: node)


def test_what_is_no_call_is_not_edited() -> None:
    source = Source("f + f(x)")
    call = _first_call(source)
    call.col_offset = 0
    with pytest.raises(CannotEdit, match=r"^it is not a call$"):
        edit_call(source, call, lambda node: node)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("class f(x): pass", "it is not a function"),
        ("def f(x,, y): pass", "LibCST does not parse it"),
        ("def f(x", "its signature cannot be read"),
        ("def f", "its signature has no end"),
    ],
)
def test_what_is_no_signature_is_not_edited(text: str, reason: str) -> None:
    function = _first_function(Source("def f(): pass"))
    with pytest.raises(CannotEdit, match=f"^{reason}"):
        edit_signature(Source(text), function, lambda node: node)


# The line limit.


def _file_with(line: str, others: str = "x = 1\n" * 3) -> str:
    return f"{others}{line}\n"


_LONG = "name" * 13


def test_a_line_that_stays_within_the_limit_is_not_broken() -> None:
    assert _with_training(_file_with("y = f(x)")) == _file_with("y = f(x, training=training)")


def test_a_line_that_would_get_too_long_is_broken_below_the_first_argument() -> None:
    before = _file_with(f"y = call({_LONG}, z)")
    assert _with_training(before) == _file_with(f"y = call({_LONG}, z,\n         training=training)")


def test_a_broken_line_is_indented_with_the_tabs_of_the_file() -> None:
    before = _file_with(f"\ty = call({_LONG}, z)", "if x:\n")
    after = _file_with(f"\ty = call({_LONG}, z,\n\t         training=training)", "if x:\n")
    assert _with_training(before) == after


def test_a_file_with_longer_lines_has_a_higher_limit() -> None:
    others = f"# {'-' * 95}\n" * 3
    assert "\n         training" not in _with_training(_file_with(f"y = call({_LONG}, z)", others))


def test_a_file_without_any_limit_is_not_broken() -> None:
    others = f"# {'-' * 130}\n" * 3
    text = _file_with(f"y = call({_LONG * 2}, z)", others)
    assert _with_training(text) == text.replace("z)", "z, training=training)")


def test_a_line_that_was_too_long_before_is_not_broken() -> None:
    others = "x = 1\n" * 400
    text = _file_with(f"y = call({_LONG * 2}, z)", others)
    assert _with_training(text) == text.replace("z)", "z, training=training)")


def test_commas_are_written_as_in_the_function_around() -> None:
    text = "def g(a,b):\n    return f(a,b)\n"
    source = Source(text)
    edits = add_training(source, _first_call(source), _first_function(source), "training")
    assert apply_edits(text, edits) == "def g(a,b):\n    return f(a,b,training=training)\n"


def test_wrapping_is_tried_only_where_one_line_is_too_long() -> None:
    tried: list[Layout] = []

    def make(layout: Layout) -> tuple[Edit, ...]:
        tried.append(layout)
        return (Edit(1, 1, "y" * 100),)

    fitting(Source("x\n" * 5), "f(a, b)", "    ", make)
    assert tried == [Layout(", "), Layout(", ", "    ")]


def test_indentation_below_keeps_tabs_and_counts_letters() -> None:
    source = Source("\té = f(x)")
    assert indentation_below(source, source.text.index("x")) == "\t      "


@pytest.mark.parametrize(
    ("old", "new", "edits"),
    [
        ("abc", "abc", ()),
        ("(b)", "(X)", (Edit(11, 12, "X"),)),
        ("(())", "(())+", (Edit(14, 14, "+"),)),
        ("(,)", "()", (Edit(11, 12, ""),)),
        ("((", "(((", (Edit(12, 12, "("),)),
        # Words stay whole.
        ("abc", "aXc", (Edit(10, 13, "aXc"),)),
        ("a_b + c", "a_c + c", (Edit(10, 13, "a_c"),)),
        ("f(x, train)", "f(x, training=train)", (Edit(15, 15, "training="),)),
        ("f(training=False)", "f(training=None)", (Edit(21, 26, "None"),)),
        ("f(xa)", "f(b, a)", (Edit(12, 14, "b, a"),)),
        ("", "a", (Edit(10, 10, "a"),)),
    ],
)
def test_the_shortest_edit_leaves_out_what_both_ends_share(
    old: str, new: str, edits: tuple[Edit, ...]
) -> None:
    assert shortest_edit(Source(""), 10, old, new) == edits


BLACK = """\
import keras


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.a_rather_long_name = keras.layers.BatchNormalization(
            momentum=0.9
        )

    def call(self, a_long_name_of_an_input, another_name_of_another_one, more_of_same):
        a_long_name_of_an_input = self.a_rather_long_name(a_long_name_of_an_input)
        return self.a_rather_long_name(
            another_name_of_another_one
        )
"""
BLACK_FIXED = """\
    def call(
        self,
        a_long_name_of_an_input,
        another_name_of_another_one,
        more_of_same,
        training=None,
    ):
        a_long_name_of_an_input = self.a_rather_long_name(
            a_long_name_of_an_input, training=training
        )
        return self.a_rather_long_name(
            another_name_of_another_one, training=training
        )
"""


def test_lines_that_get_too_long_are_broken_as_black_does_where_the_file_is_so() -> None:
    for newline in ("\n", "\r\n", "\r"):
        fixed = kerasfix.fix(BLACK.replace("\n", newline)).text
        expected = BLACK_FIXED.replace("\n", newline)
        assert fixed.partition("    def call")[2] == expected.partition("    def call")[2]

    assert kerasfix.fix(BLACK).text.partition("    def call")[2] == BLACK_FIXED.partition("    def call")[2]


def test_a_signature_with_a_star_is_not_broken() -> None:
    text = BLACK.replace("more_of_same", "*, more_of_same")
    assert (
        "\n    def call(self, a_long_name_of_an_input, another_name_of_another_one, training=None, *, "
        in (kerasfix.fix(text).text)
    )


def test_two_stars_stay_last_in_broken_lines() -> None:
    text = BLACK.replace("more_of_same", "**more_of_same")
    assert "=None, **more_of_same\n    ):\n" in kerasfix.fix(text).text


def test_what_is_too_long_however_it_is_broken_is_not_broken() -> None:
    name = "a_name_" * 12
    text = BLACK.replace("a_long_name_of_an_input, another_name_of_another_one", f"{name}, y")
    text = text.replace("a_long_name_of_an_input", "y") + "\n" * 400
    assert f"    def call(self, {name}, y, more_of_same, training=None):" in kerasfix.fix(text).text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(x, k=1)", "f(x)"),
        ("f(k=1, x=2)", "f(x=2)"),
        ("f(k = 1)", "f()"),
        ("f(x, k=1, )", "f(x, )"),
        ("f(\n    x,\n    k=1,\n    y=2,\n)", "f(\n    x,\n    y=2,\n)"),
        ("f(\n    x,\n    k=1\n)", "f(\n    x\n)"),
    ],
)
def test_a_keyword_is_dropped(before: str, after: str) -> None:
    assert _with_call(before, lambda call: drop_keyword(call, "k")) == after


def test_a_keyword_that_is_not_there_is_not_dropped() -> None:
    with pytest.raises(CannotEdit, match="has no k="):
        _with_call("f(k)", lambda call: drop_keyword(call, "k"))


def test_a_call_that_libcst_gives_back_in_another_way_is_left_alone() -> None:
    source = Source("f(x)")
    other = cst.parse_expression("(f(y))")
    with pytest.raises(CannotEdit, match="does not give it back"):
        _difference(source, 0, "(f(x))", other, other)


# kerasfix as a codemod of LibCST.

_NET = """\
import keras
from keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training={default}):
        return self.drop(x)
"""


def _transformed(text: str, **options: object) -> str:
    command = Fix(CodemodContext(filename="net.py"), **options)  # type: ignore[arg-type]
    return command.transform_module(cst.parse_module(text)).code


def test_a_module_is_transformed_as_apply_would_do_it() -> None:
    text = _NET.format(default="None")
    assert _transformed(text) == kerasfix.fix(text).text != text


def test_the_codemod_has_its_own_options() -> None:
    parser = argparse.ArgumentParser()
    Fix.add_args(parser)
    options = vars(parser.parse_args(["--suggestions", "--select", "KF103, kf102"]))
    assert options == {"safe_only": False, "suggestions": True, "select": "KF103, kf102"}
    assert _transformed(_NET.format(default="False"), **options).count("training=training") == 1


@pytest.mark.parametrize(
    ("text", "options", "why"),
    [
        pytest.param("x = 1\n", {}, "nothing to fix", id="no fault"),
        pytest.param(_NET.format(default="None"), {"select": "KF2"}, "nothing to fix", id="not selected"),
        pytest.param(
            _NET.replace(", training={default}", ""), {"safe_only": True}, "nothing to fix", id="safe"
        ),
    ],
)
def test_a_module_without_a_fix_is_skipped(text: str, options: dict[str, object], why: str) -> None:
    with pytest.raises(SkipFile, match=why):
        _transformed(text, **options)


def test_a_module_that_only_libcst_can_read_is_skipped() -> None:
    with pytest.raises(SkipFile, match="bytes can only contain ASCII"):
        _transformed(_NET.format(default="b'ä'"))


def test_a_fix_that_is_no_python_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(self: Engine, sources: dict[str, Source]) -> dict[str, list[Finding]]:
        [file] = sources
        fix = Fixing("Break it", Applicability.SAFE, (Edit(0, 0, "(", file),))
        return {file: [Finding("KF999", "broken", "", 0, 1, Severity.ERROR, fix, file=file)]}

    monkeypatch.setattr(Engine, "check_sources", check)
    with pytest.raises(SkipFile, match="the fix of KF999 is not Python"):
        _transformed("x = 1\n")


def test_the_codemods_have_no_other_names() -> None:
    assert kerasfix.codemods.Fix is Fix
    with pytest.raises(AttributeError, match="has no attribute 'Fixes'"):
        _ = kerasfix.codemods.Fixes  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("a=1\nb=2\nc = 3\n", "="),
        ("a=1\nb = 3\n", " = "),
        ("x == 1\n", " = "),
        # Behind brackets it is not looked for.
        ("(a)=1\n(b)=2\nc = 3\n", " = "),
    ],
)
def test_assignments_are_spaced_as_most_are(text: str, style: str) -> None:
    assert equals_style(Source(text), Source(text).tree) == style


def test_keyword_arguments_of_any_name_stay_last_where_a_signature_is_broken() -> None:
    fixed = kerasfix.fix(BLACK.replace("more_of_same", "**more_of_same")).text
    assert (
        "    def call(\n"
        "        self, a_long_name_of_an_input, another_name_of_another_one, training=None, **more_of_same\n"
        "    ):\n"
    ) in fixed


def test_a_signature_with_a_bare_star_is_not_broken_as_black_does() -> None:
    text = BLACK.replace("another_name_of_another_one, more", "*, another_name_of_another_one, more")
    assert "def call(self, a_long_name_of_an_input, training=None, *," in kerasfix.fix(text).text


def test_a_call_over_several_lines_is_wrapped_and_not_broken_anew() -> None:
    call = """\
        return self.a_rather_long_name(a_long_name_of_an_input + 1.0 -
                                       another_name_of_another_one + more)
"""
    text = BLACK.partition("        return")[0] + call
    assert kerasfix.fix(text).text.endswith(
        call.replace("more)", "more,\n" + " " * 39 + "training=training)")
    )


def test_a_function_on_one_line_is_not_broken() -> None:
    line = "    def call(self, inputs): return self.a_rather_long_name(inputs)  # once only"
    fixed = kerasfix.fix(BLACK.partition("    def call")[0] + line + "\n").text
    assert "    def call(self, inputs, training=None): return self.a_rather_long_name(inputs," in fixed
