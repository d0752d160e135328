"""Bytes become text and come back; places in the text have one true count."""

from __future__ import annotations

import ast
import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasfix.source import Edit, Encoding, Position, Source, SourceError, apply_edits, decode


def _only(source: Source, kind: type[ast.expr]) -> ast.expr:
    [found] = [node for node in ast.walk(source.tree) if isinstance(node, kind)]
    return found


def _refusal(data: bytes) -> str:
    with pytest.raises(SourceError) as error:
        decode(data)
    return error.value.reason


def _syntax_error(text: str) -> SourceError:
    with pytest.raises(SourceError) as error:
        _ = Source(text).tree
    return error.value


# Lines.


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_each_of_pythons_line_endings_ends_a_line(newline: str) -> None:
    source = Source(f"a{newline}bb{newline}c")
    assert [source.line(number) for number in (1, 2, 3)] == ["a", "bb", "c"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_the_newline_of_a_text_is_that_of_its_first_line(newline: str) -> None:
    assert Source(f"a{newline}b\nc").newline == newline


def test_a_text_without_line_breaks_would_break_them_with_a_line_feed() -> None:
    assert Source("x = 1").newline == "\n"


@pytest.mark.parametrize("character", ["\f", "\v", "\x1c", "\x1d", "\x85", "\u2028", "\u2029"])
def test_what_only_splitlines_takes_for_a_line_end_is_none(character: str) -> None:
    assert Source(f"x = '{character}'\ny").line_starts == [0, 8]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("odd", ["\f", "# \u2028", "# \x85", "'\x1c'"])
def test_lines_are_counted_as_the_parser_counts_them(newline: str, odd: str) -> None:
    source = Source(newline.join(["a = 1", odd, "wanted(a)", ""]))
    assert source.segment(_only(source, ast.Call)) == "wanted(a)"


def test_the_last_line_counts_with_and_without_an_ending() -> None:
    assert Source("a\nb").line(2) == Source("a\nb\n").line(2) == "b"


def test_an_empty_file_has_one_empty_line() -> None:
    source = Source("")
    assert source.line_starts == [0]
    assert source.line(1) == ""
    assert source.tree.body == []
    assert source.position(0) == Position(1, 1)


# Columns.


@pytest.mark.parametrize("before", ["", "a", "ä", "層", "😀", "é😀層a"])
def test_a_column_of_ast_finds_its_character_behind_letters_of_any_width(before: str) -> None:
    source = Source(f"x = '{before}', wanted()")
    assert source.segment(_only(source, ast.Call)) == "wanted()"


def test_an_offset_says_line_and_column_in_characters() -> None:
    source = Source("a\r\n'😀', b")
    assert source.position(source.text.index("b")) == Position(2, 6)


def test_the_end_of_the_text_is_a_position_too() -> None:
    assert Source("ab\n").position(3) == Position(2, 1)


def test_a_segment_can_run_over_lines() -> None:
    source = Source("y = f(\r\n    'ü',\r\n)\r\n")
    assert source.segment(_only(source, ast.Call)) == "f(\r\n    'ü',\r\n)"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0'\\\r\n"), max_size=6), max_size=5)
)
def test_every_node_is_found_where_it_stands(strings: list[str]) -> None:
    source = Source("".join(f"call('{each}', name)\n" for each in strings))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name):
            assert source.segment(node) == node.id


# Parsing.


def test_a_syntax_error_names_its_line() -> None:
    error = _syntax_error("a = 1\nb = = 2\n")
    assert error.line == 2
    assert str(error) == error.reason
    assert error.reason.startswith("syntax error: ")


def test_what_is_nested_too_deeply_is_refused_and_not_a_crash() -> None:
    # Python versions differ in how deep is too deep; this is for all of them.
    assert _syntax_error("-" * 100_000 + "1").reason.startswith("nested too deeply to parse")


def test_a_null_character_is_refused() -> None:
    assert "null" in _syntax_error("a\0b").reason


def test_a_character_that_no_encoding_knows_is_refused() -> None:
    assert _syntax_error("x = '\ud800'").reason.startswith("not Python: ")


def test_an_invalid_escape_of_the_user_does_not_warn(recwarn: pytest.WarningsRecorder) -> None:
    _ = Source("x = '\\d'\n").tree
    assert not recwarn.list


def test_a_text_is_parsed_once() -> None:
    source = Source("x = 1\n")
    assert source.tree is source.tree


# Bytes.


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"x = 1", "x = 1"),
        ("x = 'ü😀'\r\n".encode(), "x = 'ü😀'\r\n"),
        (codecs.BOM_UTF8 + b"x\n", "x\n"),
        (codecs.BOM_UTF8 + b"# coding: utf-8\n", "# coding: utf-8\n"),
        (b"# -*- coding: latin-1 -*-\n# \xfc\n", "# -*- coding: latin-1 -*-\n# ü\n"),
        (b"#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\n# \x80\n", None),
        ("# coding: shift_jis\n# 層\n".encode("shift_jis"), "# coding: shift_jis\n# 層\n"),
        ("# coding: koi8-r\n# ж\n".encode("koi8-r"), "# coding: koi8-r\n# ж\n"),
    ],
)
def test_bytes_come_back_as_they_were(data: bytes, text: str | None) -> None:
    read, encoding = decode(data)
    assert text is None or read == text
    assert encoding.encode(read) == data


def test_a_cookie_counts_in_the_second_line_and_not_in_the_third() -> None:
    assert decode(b"\n# coding: latin-1\n# \xfc\n")[0].endswith("# ü\n")
    assert _refusal(b"\n\n# coding: latin-1\n# \xfc\n").startswith("not valid utf-8")


def test_an_edit_is_written_in_the_encoding_of_the_file() -> None:
    text, encoding = decode(b"# coding: latin-1\n# \xfc\n")
    assert encoding.encode(text.replace("ü", "äö")) == b"# coding: latin-1\n# \xe4\xf6\n"


def test_what_the_encoding_cannot_say_is_an_error_and_not_a_question_mark() -> None:
    with pytest.raises(UnicodeEncodeError):
        Encoding("latin-1").encode("層")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x80\x03\x00", "binary file"),
        ("x = 1\n".encode("utf-16"), "binary file"),
        (b"x = '\xff'\n", "invalid or missing encoding declaration"),
        (b"\n\n\nx = '\xff'\n", "not valid utf-8"),
        (b"# coding: nonsense\n", "unknown encoding: nonsense"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", "encoding problem"),
        (b"# coding: ascii\n\n# \xfc\n", "not valid ascii"),
        (b"# coding: utf-7\nx = '+AGE-'\n", "does not survive a round trip through utf-7"),
        (b"# coding: iso-2022-jp\n# \x1b(B\n", "does not survive a round trip through iso-2022-jp"),
    ],
)
def test_bytes_that_cannot_be_given_back_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    assert reason in _refusal(data)


@pytest.mark.parametrize("codec", ["rot13", "hex", "zlib", "uu"])
def test_a_codec_that_is_no_text_encoding_is_refused(codec: str) -> None:
    assert codec in _refusal(f"# coding: {codec}\n".encode())


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=40))
def test_any_bytes_are_given_back_or_refused(data: bytes) -> None:
    try:
        text, encoding = decode(data)
    except SourceError:
        return
    assert encoding.encode(text) == data


# Edits.


def test_edits_are_made_whatever_their_order() -> None:
    assert apply_edits("abcdef", [Edit(5, 6, "F"), Edit(0, 1, ""), Edit(3, 3, "-")]) == "bc-deF"


def test_edits_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap at character 2"):
        apply_edits("abcdef", [Edit(1, 3, "x"), Edit(2, 4, "y")])


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        (Edit(1, 3, "x"), Edit(2, 4, "y"), True),
        (Edit(1, 4, "x"), Edit(2, 2, "y"), True),
        (Edit(2, 2, "x"), Edit(2, 2, "y"), True),
        (Edit(1, 2, "x"), Edit(2, 3, "y"), False),
        (Edit(1, 2, "x"), Edit(2, 2, "y"), False),
        (Edit(1, 1, "x"), Edit(2, 2, "y"), False),
    ],
    ids=["overlap", "insert within", "same place", "side by side", "insert behind", "apart"],
)
def test_edits_touch_if_only_one_of_them_can_be_made(first: Edit, second: Edit, answer: bool) -> None:
    assert first.touches(second) is answer
    assert second.touches(first) is answer
