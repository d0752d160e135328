"""The codemod for LibCST's own tool, called as the tool calls it."""

from __future__ import annotations

import argparse
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext, SkipFile

from kerasfix.codemods import Fix

# A fix that is safe (KF104), one that is a repair (KF101), and one that is a suggestion (KF108).
SAFE = """\
class Safe(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training)
"""
REPAIR = """\
class Repair(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x)
"""
SUGGESTION = """\
class Suggestion(keras.Model):
    def __init__(self):
        super().__init__()
        self.flip = keras.layers.RandomFlip()

    def call(self, x, training=False):
        return self.flip(x, training=training)
"""
PROGRAM = "\n\n".join(("import keras\n", SAFE, REPAIR, SUGGESTION))
MENDED = {
    "safe": (SAFE, SAFE.replace("(x, training)\n", "(x, training=training)\n")),
    "repair": (
        REPAIR,
        REPAIR.replace("call(self, x)", "call(self, x, training=None)").replace(
            "drop(x)", "drop(x, training=training)"
        ),
    ),
    "suggestion": (SUGGESTION, SUGGESTION.replace("training=False", "training=None")),
}


def _mended(*kinds: str) -> str:
    text = PROGRAM
    for kind in kinds:
        text = text.replace(*MENDED[kind])
    return text


def _run(text: str, *arguments: str, filename: str | None = None) -> str:
    """What becomes of a text, given arguments of the command line of LibCST's tool."""
    parser = argparse.ArgumentParser()
    Fix.add_args(parser)
    options = vars(parser.parse_args(arguments))
    command = Fix(CodemodContext(filename=filename), unified_diff=False, **options)
    return command.transform_module(cst.parse_module(text)).code


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        ((), ("safe", "repair")),
        (("--safe-only",), ("safe",)),
        (("--safe-only", "--suggestions"), ("safe",)),
        (("--suggestions",), ("safe", "repair", "suggestion")),
        (("--select", "kf104"), ("safe",)),
        (("--select", " KF104 ,,KF101"), ("safe", "repair")),
    ],
)
def test_what_is_asked_for_is_written(arguments: tuple[str, ...], kinds: tuple[str, ...]) -> None:
    assert _run(PROGRAM, *arguments) == _mended(*kinds)


def test_a_file_is_read_with_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "block.py").write_text(
        "import keras\n\n\n"
        + SAFE.replace("Safe", "Block").replace("(x, training)\n", "(x, training=training)\n")
    )
    text = "import keras\nfrom block import Block\n\n\n" + REPAIR.replace(
        "keras.layers.Dropout(0.5)", "Block()"
    )
    (tmp_path / "net.py").write_text(text)
    assert "training=training" in _run(text, filename=str(tmp_path / "net.py"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\n", r"^nothing to fix$"),
        # LibCST reads it, Python does not.
        (PROGRAM + '\n\nname = "\\N{no such letter}"\n', r"unknown Unicode character name"),
    ],
)
def test_a_file_is_skipped_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(SkipFile, match=reason):
        _run(text)


def test_every_option_has_a_help() -> None:
    parser = argparse.ArgumentParser()
    Fix.add_args(parser)
    text = " ".join(parser.format_help().split())
    assert "--safe-only Only fixes that are safe." in text
    assert "--suggestions Suggestions too, unproved." in text
    assert "--select CODES Only these rules (KF1,KF201)." in text
