"""The messages of Keras that kerasfix recognises in a log, as a table: the words, who says them, and which
rules can explain them.

Measured with Keras 3.15.1 on TensorFlow 2.21, PyTorch 2.13 and JAX 0.10.2, and with Keras 2.21 (`tf_keras`);
`tests/keras/test_log_message_facts.py` makes Keras say them again. On JAX a broken chain is silent: the
gradients are zeros, and no message exists.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from functools import cached_property


class Topic(enum.Enum):
    """What a message is about."""

    SOME_GRADIENTS = "some variables have no gradient"
    NO_GRADIENTS = "no variable has a gradient"
    ARGUMENT = "the training flag is not passed as Keras wants it"
    UNBUILT = "a layer was never built"


_CHAIN = ("KF20",)
_LIST = "\\s*[\\[(].{0,500000}?[\\])]\\s*"
# What stands for something else in the words below, and what it matches.
_HOLES = {
    "{variables}": f"(?P<variables>{_LIST})",
    "{layer}": "(?P<layer>[^'\"\\s]{1,200}?)",
    "{callee}": "(?P<callee>[\\w.<>]{1,200})",
    "{argument}": "(?P<argument>.{1,200}?)",
    "{flag}": "'training'",
    "{g}": "[Gg]",
    "{t}": "[Tt]",
}
_HOLE = re.compile(r"(\{\w+\})")


@dataclass(frozen=True)
class Message:
    """One message of Keras.

    Attributes:
        topic: What it is about.
        words: How it begins, as far as it is always the same; `{variables}`, `{layer}` and their like stand
            for what changes.
        said_by: Which Keras says it, on which backends.
        codes: The rules that can explain it, by code or beginning of a code.
        elsewhere: Whether the fault is in what is called, and not in the line that calls it.
        more: Where else in the text after the words variables are listed, as a regular expression.
    """

    topic: Topic
    words: str
    said_by: str
    codes: tuple[str, ...] = _CHAIN
    elsewhere: bool = False
    more: str = field(default="", repr=False)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The words, wherever a terminal or a logger wrapped the line, even inside a word."""
        parts = (_HOLES.get(part) or _wrapped(part) for part in _HOLE.split(self.words) if part)
        return re.compile("".join(parts) + (f"(?:{self.more})?" if self.more else ""), re.DOTALL)

    @cached_property
    def sign(self) -> str:
        """Some of the words without blanks: a text that lacks them has no such message."""
        longest = max((part for part in _HOLE.split(self.words) if part not in _HOLES), key=len)
        return "".join(longest.split())


def _wrapped(words: str) -> str:
    inside = r"\s*".join(re.escape(each) for each in "".join(words.split()))
    return (r"\s*" if words[0] == " " else "") + inside + (r"\s*" if words[-1] == " " else "")


MESSAGES = (
    Message(
        Topic.SOME_GRADIENTS,
        "Gradients do not exist for variables{variables}when minimizing the loss",
        "Keras 3 on TensorFlow and PyTorch (a UserWarning), Keras 2 (TensorFlow's logger)",
    ),
    Message(
        Topic.NO_GRADIENTS,
        "No gradients provided for any variable",
        "Keras 3 on TensorFlow, Keras 2 (which names the variables), TensorFlow 1",
        more=rf"(?:\s*:\s*\(?|,\s*check your graph[^\[]{{0,200}})(?P<variables>{_LIST})",
    ),
    Message(
        Topic.NO_GRADIENTS,
        "element 0 of tensors does not require grad and does not have a grad_fn",
        "Keras 3 on PyTorch",
    ),
    Message(
        Topic.ARGUMENT,
        "Only input tensors may be passed as positional arguments. The following argument value should be "
        "passed as a keyword argument: {argument} (of type",
        "Keras 3",
        ("KF104",),
    ),
    Message(
        Topic.ARGUMENT,
        "multiple values for argument {flag}",
        "Keras 3 (layers), Keras 2 (functional models)",
        ("KF104", "KF111", "KF107"),
    ),
    Message(
        Topic.ARGUMENT,
        "multiple values for keyword argument {flag}",
        "Python, where **kwargs carries the flag as well",
        ("KF111", "KF103", "KF104"),
    ),
    Message(
        Topic.ARGUMENT,
        "{callee}() got an unexpected keyword argument {flag}",
        "Keras 3, Keras 2, Python",
        ("KF107", "KF105", "KF101", "KF103", "KF111", "KF106"),
    ),
    Message(
        Topic.ARGUMENT,
        "{g}ot an unexpected keyword argument {flag}",
        "Keras 3 and Keras 2, of a `call` that they bind themselves",
        ("KF107", "KF105", "KF101", "KF103", "KF111", "KF106"),
        elsewhere=True,
    ),
    Message(
        Topic.ARGUMENT,
        "missing a required argument: {flag}",
        "Keras 3",
        ("KF102",),
        elsewhere=True,
    ),
    Message(
        Topic.ARGUMENT,
        "missing 1 required positional argument: {flag}",
        "Keras 2",
        ("KF102",),
        elsewhere=True,
    ),
    Message(
        Topic.UNBUILT,
        "`build()` was called on layer '{layer}', however the layer does not have a `build()` method",
        "Keras 3 (a UserWarning)",
        ("KF203",),
    ),
    Message(
        Topic.UNBUILT,
        "Layer '{layer}' was never built",
        "Keras 3, when weights are loaded",
        ("KF203",),
    ),
    Message(
        Topic.UNBUILT,
        "Weights for model '{layer}' have not yet been created",
        "Keras 2",
        ("KF203",),
    ),
    Message(
        Topic.UNBUILT,
        "You tried to call `count_params` on layer '{layer}', but the layer isn't built",
        "Keras 3",
        ("KF203",),
    ),
    Message(
        Topic.UNBUILT,
        "You tried to call `count_params` on layer {layer}, but the layer isn't built",
        "Keras 2",
        ("KF203",),
    ),
    Message(Topic.UNBUILT, "{t}he layer {layer} has never been called", "Keras 3", ("KF203",)),
    Message(Topic.UNBUILT, '{t}he layer "{layer}" has never been called', "Keras 2", ("KF203",)),
    Message(
        Topic.UNBUILT,
        "model that has not yet been built",
        "Keras 3 and Keras 2, when a model is saved or loaded",
        ("KF203",),
    ),
    Message(
        Topic.UNBUILT,
        "This model has not yet been built",
        "Keras 3 and Keras 2, when a model is described",
        ("KF203",),
    ),
)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as a log names it: `net/conv2d/kernel`, without the `:0` of Keras 2."""

    path: str
    shape: tuple[int, ...] | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        """The names of the layers that it is in, the outermost first."""
        return tuple(self.path.split("/")[:-1])

    @property
    def weight(self) -> str:
        """Its own name, without the number that TensorFlow adds to the second of its name."""
        return self.path.rpartition("/")[2]


_OBJECT = re.compile(r"<[\w.]*Variable\b((?:[^<>']|'[^']*')*)>?")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_OBJECT_NAME = re.compile(r"^\s*'([^']*)'|\bpath=([^,>\s]+)|\bname=([^,>\s]+)")
_SHAPE = re.compile(r"\bshape=\(([\d,\s]*)\)")
_WRAP = re.compile(r"\s*\n\s*")


def variables_in(text: str) -> tuple[Variable, ...]:
    """The variables of a list: names in quotes, `<tf.Variable 'a/b:0' shape=(3,)>`, `<Variable path=a/b>`."""
    text = _WRAP.sub("", text)
    if "Variable" in text and "<" in text:
        found = [_variable(match.group(1)) for match in _OBJECT.finditer(text)]
        return tuple(each for each in found if each is not None)
    return tuple(_named(first or second) for first, second in _QUOTED.findall(text))


def _variable(inside: str) -> Variable | None:
    name = _OBJECT_NAME.search(inside)
    if name is None:
        return None
    shape = _SHAPE.search(inside)
    sizes = tuple(int(each) for each in shape.group(1).split(",") if each.strip()) if shape else None
    return _named(next(each for each in name.groups() if each is not None), sizes)


def _named(name: str, shape: tuple[int, ...] | None = None) -> Variable:
    return Variable(re.sub(r":\d+$", "", name), shape)
