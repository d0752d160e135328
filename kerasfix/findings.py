"""What kerasfix says about a source, as data: findings, their fixes, and how far a fix can be trusted."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from kerasfix.source import Edit


class Applicability(enum.Enum):
    """How far a fix can be trusted (see the rule's page, "Fix safety").

    SAFE: the same numbers under Keras 2 and under Keras 3 on TensorFlow and PyTorch, or code that raised.
    REPAIR: changes what runs, to what Keras documents; the fix says how.
    SUGGESTION: the intent is the author's to know; written only when asked for or proved.
    """

    SAFE = "safe"
    REPAIR = "repair"
    SUGGESTION = "suggestion"


class Severity(enum.Enum):
    """ERROR: raises or trains something else than written. WARNING: depends on how it is called. INFO: works
    where it stands, explicit is safer.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    def is_at_least(self, other: Severity) -> bool:
        """Whether it is as bad as `other` or worse."""
        order = list(Severity)
        return order.index(self) <= order.index(other)


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that belong together, in one file or several: all are made or none.

    Attributes:
        message: What the edits do, as an instruction ("Pass training=training").
        effect: What runs differently afterwards; empty if nothing does.
        mends: For a chain break, the attributes of the layers that the fix brings back. A run of the model
            can prove or refute it.
    """

    message: str
    applicability: Applicability
    edits: tuple[Edit, ...]
    effect: str = ""
    mends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """One layer call of a chain, as people think of it.

    Attributes:
        name: What people call the layer.
        line: Where it is called, from 1.
    """

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The way from a tensor to the output, and the branch of it that leads nowhere.

    Attributes:
        source: The variable that both begin with.
        lost: The layers whose output is lost.
        variable: The variable that holds it, unread.
        taken: The layers that the way goes through instead.
        end: Where it ends: "return", or the variable that is followed no further.
        line: Where the older tensor is read, from 1.
    """

    source: str
    lost: tuple[Link, ...]
    variable: str
    taken: tuple[Link, ...]
    end: str
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """Where somebody trains by hand: what a run of the fix has to drive.

    Attributes:
        file: The `Source.file` that it stands in.
        function: The function in which gradients are taken; empty at the top level of a file.
        line: Where it begins, from 1.
        models: The models that the fix is about, as the function calls them.
        owner: The class that it is a method of; empty for a function.
        obstacle: Why it cannot be called by itself, as a sentence; empty if nothing is in the way.
    """

    file: str
    function: str
    line: int
    models: tuple[str, ...] = ()
    obstacle: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault at one place.

    Attributes:
        code: The rule, for example "KF103".
        name: The rule's name, for example "training-not-passed".
        message: One sentence that says what is wrong.
        start: Offset in characters where it begins in the source text.
        end: Offset in characters where it ends.
        fix: How to mend it, or None where kerasfix does not know enough to edit.
        help: How to fix it by hand, or why it was left alone; empty if the fix says all.
        owner: The class that it belongs to; empty outside of classes.
        method: The method in which an output is lost; the same layers may be lost in several.
        loses: The attributes of the layers whose outputs are lost there.
        file: The `Source.file` that it was found in.
        others: Other ways to mend it, less likely than `fix`; written by hand only.
        chain: For a broken chain, how it runs.
        loops: The loops that train what it is about.
    """

    code: str
    name: str
    message: str
    start: int
    end: int
    severity: Severity
    fix: Fix | None = None
    help: str = ""
    owner: str = ""
    method: str = ""
    loses: tuple[str, ...] = ()
    file: str = ""
    others: tuple[Fix, ...] = ()
    chain: Chain | None = None
    loops: tuple[Loop, ...] = ()
