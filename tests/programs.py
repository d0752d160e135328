"""Random programs for tests/test_properties.py: Keras models as people write them, or nobody does.

Why not hypothesmith: its last release is of February 2024 and does not name Python 3.13, it brings a parser
of its own (lark), it is slow, and what it makes is small and about nothing. What is written here calls
layers, passes flags and loses outputs, in all statements that Python has.

A program is drawn as lines that know their depth, and laid out afterwards: by tabs or spaces, with
semicolons, comments, form feeds and lines that go on. All that is drawn comes from one `random.Random`.
"""

from __future__ import annotations

import ast
import random
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Chance = random.Random

_HEADERS = (
    ("import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers", "layers"),
    ("import keras\nfrom keras import layers", "layers"),
    ("import tensorflow as tf, keras\nfrom keras import layers as L", "L"),
    ("import tensorflow as tf\nimport keras", "keras.layers"),
    ("import tensorflow as tf\nkeras = tf.keras", "tf.keras.layers"),
    ("import tf_keras as keras\nimport tensorflow as tf\nfrom tf_keras import layers", "layers"),
)
_LAYERS = (
    *(
        [
            "Dense(8)",
            "Dense(4, activation='relu')",
            "Conv2D(8, 3)",
            "Flatten()",
            "ReLU()",
            "LayerNormalization()",
        ]
    ),
    *(["BatchNormalization()"] * 3),
    *(["Dropout(0.5)"] * 3),
    *(["Dropout(rate=rate)", "GaussianNoise(0.1)", "LSTM(4, dropout=0.2)", "LSTM(4)", "RandomFlip()"]),
    "MultiHeadAttention(2, 4, dropout=0.1)",
)
_SIGNATURES = (
    *(["self, x"] * 4),
    *(["self, x, training=None"] * 4),
    *(
        [
            "self, x, training=False",
            "self, x, training=True",
            "self, x, training",
            "self, x, is_training=True",
        ]
    ),
    *(["self, x, train=False", "self, x, *, training=None", "self, x, **kwargs", "self, x, *args, **kwargs"]),
    *(["self, x, mask=None, training=None", "self, x, training=None, mask=None", "self, inputs, y=None"]),
    *(["self, x: tf.Tensor, training: bool = False", "self, x, *, training: 'bool | None'", "self, /, x"]),
)
# What stands behind the tensor of a call.
_FLAGS = (
    *([""] * 5),
    *([", training=training"] * 4),
    *([", training", ", training=True", ", training=False", ", training=None", ", **kwargs", ", *args"]),
    *(
        [
            ", is_training",
            ", training=is_training",
            ", training=train",
            ", training=not training",
            ", mask=None",
        ]
    ),
    *(
        [
            ", **{'training': True}",
            ", training=self.is_on",
            ", None, training",
            ", training=kwargs.get('training')",
            ", training=kwargs['training']",
        ]
    ),
)
_TAME_FLAGS = (*([""] * 6), *([", training=training"] * 3), ", training")
_DECORATORS = (
    *(
        [
            "@tf.function",
            "@wrapped",
            "@functools.wraps(wrapped)",
            "@keras.saving.register_keras_serializable()",
        ]
    ),
    *(["@staticmethod", "@property", "@tf.function(jit_compile=True)", "@(lambda f: f)"]),
)
_COMMENTS = (
    *(
        [
            "# noqa",
            "# noqa: KF103",
            "# noqa: KF1, E501",
            "# kerasfix: ignore",
            "# kerasfix: ignore[KF201] reason",
        ]
    ),
    *(
        [
            "# type: ignore",
            "# später: \u00e4\u00f6\u00fc \U0001f600",
            "# TODO(x): self.bn(x)  # noqa:KF102,KF000",
            "#",
            "# fmt: skip",
        ]
    ),
)
_CONDITIONS = (
    *(["training", "not training", "training is None", "self.is_on", "x is not None", "len(h) > 1", "True"]),
    *(["(n := len(h)) > 1", "isinstance(x, tuple)", "hasattr(keras, 'Model')", "training is not False"]),
)
_MANAGERS = (
    "tf.name_scope('a')",
    "tf.GradientTape() as tape",
    "open(f'{x}') as y",
    "tf.device('/cpu:0'), a() as (y, *z)",
)
_BASES = (
    *(["keras.Model"] * 3),
    *(["keras.layers.Layer"] * 3),
    "tf.keras.Model",
    "keras.Sequential",
    "Base",
    "object",
    "",
)
_SPOTS = ("x", "x", "x", "y", "h", "z", "inputs", "größe")


@dataclass
class Line:
    """One line of a program, or a head with the lines that it holds."""

    text: str
    body: list[Line] = field(default_factory=list)


class Writer:
    """Writes one program."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.left = chance.randint(10, 45)
        # In such a program there is more to be edited.
        self.is_tame = chance.random() < 0.5
        header, self.layers = self.one(_HEADERS)
        self.header = header
        self.classes: list[str] = []
        self.attributes: list[str] = []
        self.helpers: list[str] = []

    def one(self, of: Sequence[str] | Sequence[tuple[str, str]]) -> str | tuple[str, str]:
        return of[self.chance.randrange(len(of))]

    def pick(self, *of: str) -> str:
        return of[self.chance.randrange(len(of))]

    def some(self, share: float) -> bool:
        return self.chance.random() < share

    # --- Expressions -------------------------------------------------------------------------------------

    def layer(self, depth: int = 0) -> str:
        """What makes a layer, or several."""
        if depth < 2 and self.some(0.15):
            inner = ", ".join(self.layer(depth + 1) for _ in range(self.chance.randint(0, 3)))
            return self.pick(
                f"keras.Sequential([{inner}])",
                f"[{inner}]",
                f"{{'a': {self.layer(depth + 1)}, 'b': {self.layer(depth + 1)}}}",
                f"[{self.layer(depth + 1)} for _ in range(3)]",
                f"{self.layers}.Bidirectional({self.layer(depth + 1)})",
                f"{self.layer(depth + 1)} if rate else None",
                "lambda x: x",
                "None",
                "tf.keras.applications.ResNet50()",
            )
        if self.classes and self.some(0.25):
            return f"{self.pick(*self.classes)}()"
        return f"{self.layers}.{self.pick(*_LAYERS)}"

    def flag(self) -> str:
        return self.pick(*_TAME_FLAGS if self.is_tame else _FLAGS)

    def call(self, depth: int = 0) -> str:
        """A layer that is called."""
        inner = self.call(depth + 1) if depth < 2 and self.some(0.12) else self.value(depth + 1)
        flag = self.flag()
        if self.helpers and self.some(0.12):
            return f"self.{self.pick(*self.helpers)}({inner}{flag})"
        if self.some(0.01 if self.is_tame else 0.08):
            return f"{self.layer(1)}({inner}{flag})"
        if self.some(0.06):
            return self.pick(
                f"super().call({inner}{flag})", f"self({inner}{flag})", f"super().__call__({inner})"
            )
        name = self.pick(*(self.attributes or ["dense"]))
        if self.is_tame:
            return f"self.{name}({inner}{flag})"
        subscript = self.pick("", "", "", "", "", "[0]", "['a']", "[i]")
        return f"self.{name}{subscript}({inner}{flag})"

    def value(self, depth: int = 0) -> str:
        if depth > 2 or self.some(0.8 if self.is_tame else 0.6):
            return self.pick(*_SPOTS)
        if self.some(0.5):
            return self.call(depth + 1)
        one, other = self.value(depth + 1), self.value(depth + 1)
        return self.pick(
            f"{one} + {other}",
            f"tf.concat([{one}, {other}], axis=-1)",
            f"tf.nn.relu({one})",
            f"({one} if {self.pick(*_CONDITIONS)} else {other})",
            f"[{self.call(depth + 1)} for x in {one} if {other} is not None]",
            f"{{k: {one} for k, y in {other}.items()}}",
            f"(y := {one})",
            f"(lambda x, training=None: {one})({other})",
            f"tf.stop_gradient({one})",
            f"{one}[..., 0]",
            f"[{one}, *{other}]",
            f"f'{{{self.pick(*_SPOTS)}!r:>{{x}}}} {{{{}}}} ä'",
            f"(yield {one})" if self.some(0.1) else f"not {one}",
            "'''a string\n  # noqa\n\tof three lines'''",
            f"tf.argmax({one}, -1)",
            f"-{one} @ {other}",
        )

    # --- Statements --------------------------------------------------------------------------------------

    def block(self, depth: int, *, most: int = 5) -> list[Line]:
        return [each for _ in range(self.chance.randint(1, most)) for each in self.statement(depth)]

    def statement(self, depth: int) -> list[Line]:
        self.left -= 1
        if depth < 3 and self.left > 0 and self.some(0.22):
            return self.compound(depth)
        name = self.pick(*_SPOTS)
        call = self.call()
        return [
            Line(
                self.pick(
                    *([f"{name} = {call}"] * 8),
                    f"x = {call}",
                    f"{name} = {self.value()}",
                    call,
                    f"{name} += {call}",
                    f"{name}: tf.Tensor = {call}",
                    f"{name}, *rest = {call}, {self.value()}",
                    f"h.append({call})",
                    f"self.kept = {call}",
                    f"return {call}" if self.some(0.4) else f"{name} = {call}",
                    f"if training is None: training = {self.pick('K.learning_phase()', 'False', 'True')}",
                    f"if {self.pick(*_CONDITIONS)}: {name} = {call}",
                    f"del {name}" if self.some(0.2) else "pass",
                    f"assert {self.value()}, '{name}'",
                    f"global {name}_",
                    f"for i in range(3): {name} = {call}",
                    f"x = {call}; y = {self.call()}",
                )
            )
        ]

    def compound(self, depth: int) -> list[Line]:
        def inner() -> list[Line]:
            return self.block(depth + 1, most=3)

        condition, name = self.pick(*_CONDITIONS), self.pick(*_SPOTS)
        rest = [Line("else:", inner())] if self.some(0.4) else []
        kind = self.pick("if", "if", "for", "while", "try", "with", "match", "def", "class", "async")
        if kind == "if":
            more = [Line(f"elif {self.pick(*_CONDITIONS)}:", inner())] if self.some(0.3) else []
            return [Line(f"if {condition}:", inner()), *more, *rest]
        if kind == "for":
            spot = self.pick("layer", "layer", "i, layer", "x")
            over = self.pick(*(f"self.{each}" for each in self.attributes or ["dense"]))
            return [
                Line(
                    f"for {spot} in {over}:", [Line(f"{name} = layer({self.value()}{self.flag()})"), *inner()]
                ),
                *rest,
            ]
        if kind == "while":
            return [
                Line(f"while {condition}:", [*inner(), Line(self.pick("break", "continue", "pass"))]),
                *rest,
            ]
        if kind == "try":
            handler = self.pick("except Exception as y:", "except (ValueError, TypeError):", "except:")
            end = [Line("finally:", inner())] if self.some(0.3) else []
            return [Line("try:", inner()), Line(handler, inner()), *rest, *end]
        if kind == "with":
            return [Line(f"with {self.pick(*_MANAGERS)}:", inner())]
        if kind == "match":
            patterns = self.pick(
                "[x, y]", "{'a': x, **y}", "keras.Model() as x", "(1 | None)", "[x, *_] if training"
            )
            return [
                Line(f"match {self.value()}:", [Line(f"case {patterns}:", inner()), Line("case _:", inner())])
            ]
        if kind == "class":
            return [Line(f"class Inner{self.pick('', '(keras.Model)')}:", [self.method("call", _SIGNATURES)])]
        word = "async def" if kind == "async" else "def"
        parameters = self.pick("x", "x, training=None", "x=x, *, y=None", "*args, **kwargs", "")
        return [Line(f"{word} inner({parameters}):", inner()), Line(f"{name} = inner({self.value()})")]

    # --- Classes and functions ---------------------------------------------------------------------------

    def method(self, name: str, signatures: Sequence[str], *, last: bool = True) -> Line:
        signature = self.pick(*signatures[:8] if self.is_tame else signatures)
        returned = self.pick("", "", "", " -> tf.Tensor", " -> 'tf.Tensor'")
        body = self.block(2)
        if last and self.some(0.85):
            body.append(Line(f"return {self.pick('x', 'x', 'x', 'y', self.value())}"))
        if self.some(0.2):
            body.insert(0, Line(self.pick('"""What it does."""', "'''Zwei\nZeilen: ä.'''", "r'raw'", "...")))
        return Line(f"def {name}({signature}){returned}:", body)

    def decorated(self, line: Line) -> list[Line]:
        return [*([Line(self.pick(*_DECORATORS))] if self.some(0.08) else []), line]

    def constructor(self) -> Line:
        names = ["dense", "bn", "bn1", "bn2", "drop", "drop1", "conv1", "conv2", "blocks", "out", "größe"]
        self.attributes = sorted(self.chance.sample(names, self.chance.randint(1, 5)))
        body = [
            Line(
                self.pick(
                    "super().__init__()", "super().__init__(**kwargs)", "super(type(self), self).__init__()"
                )
            )
        ]
        for name in self.attributes:
            layer = self.layer()
            one = [
                Line(f"self.{name} = {layer}"),
                Line(f"self.{name}: {self.layers}.Layer = {layer}"),
                Line(f"if rate: self.{name} = {layer}"),
            ]
            body.append(one[self.chance.choice((0, 0, 0, 0, 0, 1, 2))])
        if self.some(0.15):
            body.append(Line("self.trainable = False"))
        return Line(f"def __init__({self.pick('self', 'self, rate=0.1', 'self, rate=0.1, **kwargs')}):", body)

    def class_(self) -> list[Line]:
        name = self.pick("Net", "Block", "Encoder", "Décoder", "Model_") + str(len(self.classes))
        base = self.pick(*_BASES, *self.classes, *self.classes)
        self.helpers = [each for each in ("block", "encode") if self.some(0.3)]
        members = [self.constructor()] if self.some(0.92) else []
        members += [
            each for helper in self.helpers for each in self.decorated(self.method(helper, _SIGNATURES))
        ]
        members += self.decorated(self.method("__call__" if self.some(0.06) else "call", _SIGNATURES))
        if self.some(0.2):
            step = self.pick("train_step", "test_step", "predict_step")
            members.append(self.train_step(step))
        if self.some(0.1):
            members.append(self.method("build", ["self, input_shape"], last=False))
        if not members:
            members.append(Line("pass"))
        self.chance.shuffle(members)
        # What decorates stands in front of a method.
        members = [each for each in members if not each.text.startswith("@")]
        decorated = [one for each in members for one in self.decorated(each)]
        self.classes.append(name)
        return [Line(f"class {name}({base}):" if base else f"class {name}:", decorated)]

    def train_step(self, name: str) -> Line:
        model = self.pick("self", f"self.{self.pick(*(self.attributes or ['dense']))}")
        tape = [
            Line(
                "with tf.GradientTape() as tape:",
                [
                    Line(f"y_ = {model}(x{self.pick('', '', ', training=True')})"),
                    Line("loss = self.compute_loss(y=y, y_pred=y_)"),
                ],
            ),
            Line("grads = tape.gradient(loss, self.trainable_variables)"),
            Line("self.optimizer.apply_gradients(zip(grads, self.trainable_variables))"),
        ]
        plain = [Line(f"y_ = {model}(x{self.pick('', ', training=True', ', training=False')})")]
        return Line(
            f"def {name}(self, data):",
            [Line("x, y = data"), *(tape if name == "train_step" else plain), Line("return {}")],
        )

    def functional(self) -> list[Line]:
        body = [Line("inputs = keras.Input((8,))"), Line("x = inputs")]
        for _ in range(self.chance.randint(1, 5)):
            name, read = self.pick("x", "x", "y", "h"), self.pick("x", "x", "x", "inputs")
            flag = self.pick("", "", "", ", training=True", ", training=False", ", training=training")
            body.append(Line(f"{name} = {self.layer(1)}({read}{flag})"))
        body.append(
            Line(
                self.pick("model = keras.Model(inputs, x)", "model = keras.Model(inputs=inputs, outputs=[x])")
            )
        )
        if self.some(0.5):
            return body
        return [
            Line(
                f"def build_model({self.pick('', 'training=False', 'rate=0.1')}):",
                [*body, Line("return model")],
            )
        ]

    def training(self) -> list[Line]:
        """A loop that trains or evaluates by hand."""
        model = f"model = {self.pick(*self.classes, 'build_model', 'keras.models.load_model')}()"
        flag = self.pick("", "", ", training=True", ", training=False", ", True")
        inner = [Line(f"out = model(x{flag})"), Line("loss = tf.reduce_mean((out - y) ** 2)")]
        loop = [
            Line("with tf.GradientTape() as tape:", inner),
            Line("grads = tape.gradient(loss, model.trainable_variables)"),
            Line("optimizer.apply_gradients(zip(grads, model.trainable_variables))"),
        ]
        steps = [
            Line("for x, y in data:", loop),
            Line("for x, y in validation:", [Line(f"print(model(x{flag}))")]),
        ]
        if self.some(0.5):
            return [Line(model), *steps]
        return [
            Line(self.pick("@tf.function", "def other(): pass")),
            Line("def train(model, data):", steps),
            Line(model),
            Line("train(model, [])"),
        ]

    def phase(self) -> list[Line]:
        value = self.pick("0", "1", "True", "False", "flag")
        use = self.pick(
            f"K.set_learning_phase({value})",
            "y = K.learning_phase()",
            f"keras.backend.set_learning_phase({value})",
        )
        return [
            Line(self.pick("from tensorflow.keras import backend as K", "import keras.backend as K")),
            Line(use),
            Line("model(x)"),
        ]

    def program(self) -> list[Line]:
        first = [Line(each) for each in self.header.split("\n")]
        if self.some(0.15):
            first.insert(
                0,
                Line(
                    self.pick(
                        '"""What it is."""',
                        "# kerasfix: ignore-file[KF2]",
                        "#!/usr/bin/env python",
                        "from __future__ import annotations",
                    )
                ),
            )
        parts: list[Callable[[], list[Line]]] = [self.class_ for _ in range(self.chance.randint(1, 3))]
        parts += [each for each in (self.functional, self.training, self.phase) if self.some(0.3)]
        return [*first, Line(""), *(line for part in parts for line in [*part(), Line("")])]


def lay_out(lines: list[Line], chance: Chance) -> str:
    """The text of a program, in a style drawn for it."""
    indent = chance.choice(("    ", "    ", "    ", "  ", "\t", " ", "        "))
    newline = chance.choice(("\n", "\n", "\n", "\n", "\r\n", "\r"))
    is_odd = chance.random() < 0.4
    out: list[str] = []

    def write(lines: list[Line], depth: int) -> None:
        waiting: list[str] = []
        for number, line in enumerate(lines):
            text = line.text
            joins = is_odd and not line.body and _is_simple(text) and chance.random() < 0.15
            follows = (
                number + 1 < len(lines) and not lines[number + 1].body and _is_simple(lines[number + 1].text)
            )
            if joins and follows:
                waiting.append(text)
                continue
            if (
                line.body
                and is_odd
                and len(line.body) == 1
                and _is_simple(line.body[0].text)
                and chance.random() < 0.3
                and not line.text.startswith("match")
            ):
                out.append(f"{indent * depth}{text} {line.body[0].text}")
                continue
            if is_odd:
                text = _odd(text, chance)
            comment = (
                f"  {chance.choice(_COMMENTS)}" if chance.random() < 0.04 and not text.endswith("\\") else ""
            )
            blank = "\f" if is_odd and chance.random() < 0.02 else ""
            out.append(blank + indent * depth + "; ".join([*waiting, text]) + comment)
            waiting = []
            if is_odd and chance.random() < 0.08:
                out.append(
                    chance.choice(
                        (
                            "",
                            "\f",
                            "  ",
                            f"{indent * depth}# {text.splitlines()[0] if text else ''}",
                            "# at the left",
                        )
                    )
                )
            write(line.body, depth + 1)

    write(lines, 0)
    text = "\n".join(out)
    if chance.random() < 0.9:
        text += "\n"
    return text.replace("\n", newline)


def _is_simple(text: str) -> bool:
    return (
        bool(text)
        and not re.match(
            r"(if|for|while|try|with|match|case|def|class|async|else|elif|except|finally|@|#)\b|[@#]", text
        )
        and "\n" not in text
    )


def _odd(text: str, chance: Chance) -> str:
    """The same line with spaces, and lines that go on, where Python takes them."""
    if "'" in text or '"' in text or "#" in text:
        return text
    inside = 0
    out: list[str] = []
    for each in text:
        out.append(each)
        inside += (each in "([{") - (each in ")]}")
        if each in "([{,=" and inside > 0 and chance.random() < 0.06:
            out.append(chance.choice((" ", "  ", "\n", "\n        ", "\\\n", "  # why\n  ", "\t", "\f")))
        elif each == "=" and inside == 0 and chance.random() < 0.03 and not text.startswith("@"):
            out.append(" \\\n ")
    odd = "".join(out)
    return odd.replace("= \\\n =", "==").replace(": \\\n =", ":=")


def is_python(text: str) -> bool:
    """Whether this Python reads it; some of what is drawn is no program, and a test passes it by."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def keras_program(chance: Chance) -> str:
    """A program about Keras; most of them are Python."""
    return lay_out(Writer(chance).program(), chance)
