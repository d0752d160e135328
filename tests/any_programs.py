"""Random programs of all statements that Python has, about nothing in particular; see tests/programs.py."""

from __future__ import annotations

import random
import re

from tests.programs import is_python

Chance = random.Random

# Statements and expressions of all kinds: <e>, <n>, <t> and <s> are expressions, names, targets and blocks.
_STATEMENTS = (
    *(
        "<t> = <e>",
        "<t> = <t> = <e>",
        "<n>: <e> = <e>",
        "<n>: <e>",
        "<n> += <e>",
        "<n>[<e>] //= <e>",
        "del <n>, <n>[<e>]",
    ),
    *(
        "<e>",
        "<e>",
        "pass",
        "assert <e>, <e>",
        "raise <e> from <e>",
        "raise",
        "return <e>",
        "return",
        "break",
        "continue",
    ),
    *(
        "import <n>.a as <n>",
        "from . import <n>",
        "from keras import layers as <n>",
        "global <n>",
        "nonlocal <n>",
    ),
    *(
        "if <e>:<s>else:<s>",
        "if <e>:<s>elif <e>:<s>",
        "while <e>:<s>else:<s>",
        "for <t> in <e>:<s>else:<s>",
        "for <t> in <e>:<s>",
    ),
    *("try:<s>except <e> as <n>:<s>else:<s>finally:<s>", "try:<s>except:<s>", "try:<s>finally:<s>"),
    *("with <e> as <t>, <e>:<s>", "with (<e> as <n>):<s>", "async with <e>:<s>", "async for <t> in <e>:<s>"),
    *("def <n>(<p>) -> <e>:<s>", "@<e>\ndef <n>(self, x, training=None):<s>", "async def <n>(<p>):<s>"),
    *(
        "class <n>(<e>, metaclass=<e>):<s>",
        "class <n>(keras.Model):<s>",
        "def call(self, <n>, *, training=<e>):<s>",
    ),
    *(
        "match <e>:\n case [<n>, *_] if <e>:<s> case {'a': <n>, **rest}:<s> case _:<s>",
        "match <e>:\n case A(<n>, b=1) | None:<s> case ('a' | -1):<s> case <n>.a:<s>",
    ),
    *(
        "self.<n> = keras.layers.Dropout(<e>)",
        "<n> = self.<n>(<n>, training=training)",
        "<n> = model(<e>)",
        "type = <e>",
    ),
    *(
        "with tf.GradientTape() as <n>:<s>",
        "K.set_learning_phase(<e>)",
        "print(<e>); <n> = <e>",
        "yield <e>",
        "await <e>",
    ),
)
_EXPRESSIONS = (
    *(
        "<n>",
        "<n>",
        "<n>",
        "<n>",
        "1",
        "0x_f",
        "1e3j",
        "None",
        "...",
        "True",
        "'a'",
        "b'\\n'",
        "f'{<n>!r:>{<n>}}'",
        '"""a\nb"""',
    ),
    *(
        "<n>.<n>",
        "<n>[<e>]",
        "<n>[<e>:<e>, ...]",
        "<e> + <e>",
        "-<n>",
        "not <n>",
        "(<e> and <e> or <e>)",
        "<n> < <n> is not <n>",
    ),
    *(
        "<n>(<e>, *<n>, k=<e>, **<n>)",
        "<n>(<e>)",
        "self.<n>(<e>, training=<e>)",
        "super().call(<e>)",
        "keras.layers.Dense(<e>)(<e>)",
    ),
    *(
        "[<e>, *<n>]",
        "{<e>, <e>}",
        "{<e>: <e>, **<n>}",
        "(<e>,)",
        "()",
        "[<e> for <t> in <n> if <e>]",
        "{<e>: <e> for <n> in <n>}",
    ),
    *(
        "(<e> for <n> in <n> async for <n> in <n>)",
        "(lambda <p>: <e>)",
        "(<e> if <e> else <e>)",
        "(<n> := <e>)",
        "(yield)",
        "(await <n>)",
    ),
    *(
        "keras.Model(inputs=<n>, outputs=<e>)",
        "tf.keras.Sequential([<e>, <e>])",
        "(yield from <n>)",
        "<n> @ <n> ** ~<n>",
    ),
)
_TARGETS = (
    "<n>",
    "<n>",
    "<n>",
    "<n>.<n>",
    "self.<n>",
    "<n>[<e>]",
    "(<n>, *<n>)",
    "[<n>, (<n>, <n>)]",
    "<n>, <n>",
)
_PARAMETERS = (
    "",
    "self, x",
    "a, /, b=<e>, *, c, d=<e>, **k",
    "*a, b: <e>",
    "self, x, training",
    "a: <e> = <e>, *b",
    "x",
)
_NAMES = (
    "x",
    "y",
    "self",
    "training",
    "call",
    "Net",
    "keras",
    "layers",
    "bn",
    "größe",
    "𝔁",  # noqa: RUF001
    "_",
    "match",
    "K",
    "tape",
    "model",
)


def any_program(chance: Chance) -> str:
    """A program of all statements that Python has, about nothing in particular."""
    is_in_function = chance.random() < 0.8
    lines = ["import tensorflow as tf, keras", "from keras import layers, backend as K"]
    for _ in range(6):
        # Few statements of a kind can stand anywhere: what is no Python is drawn anew.
        head = chance.choice(
            [
                "async def f(x):",
                "def call(self, x, training=None):",
                "class A(keras.Model):\n def call(self, x):",
            ]
        )
        body = _block(chance, 3 if "\n" in head else 1, [14])
        text = f"{head}{body}" if is_in_function else _block(chance, 0, [8]).lstrip("\n")
        if is_python(text):
            lines.append(text)
    return "\n".join(lines) + "\n"


def _block(chance: Chance, depth: int, left: list[int]) -> str:
    """Some statements, each on a line, the first one on a new one."""
    made: list[str] = []
    for _ in range(chance.randint(1, 4)):
        left[0] -= 1
        simple = [each for each in _STATEMENTS if "<s>" not in each]
        template = chance.choice(_STATEMENTS if left[0] > 0 and depth < 6 else simple)
        made.append(
            " " * depth + _filled(template, chance, depth, left).replace("\n case", f"\n{' ' * depth} case")
        )
    return "\n" + "\n".join(made)


def _filled(template: str, chance: Chance, depth: int, left: list[int], inner: int = 0) -> str:
    def fill(found: re.Match[str]) -> str:
        kind = found[1]
        if kind == "n":
            return chance.choice(_NAMES)
        if kind == "s":
            follows = template[found.end() :].strip()
            block = _block(chance, depth + 2, left)
            return f"{block}\n{'' if 'case' in follows else ' ' * depth}" if follows else block
        if kind == "e" and inner > 2:
            return chance.choice(_NAMES)
        of = {"e": _EXPRESSIONS, "t": _TARGETS, "p": _PARAMETERS}[kind]
        return _filled(chance.choice(of), chance, depth, left, inner + 1)

    text = template.replace("\ndef", f"\n{' ' * depth}def")
    return re.sub("<([ensTtp])>", fill, text)
