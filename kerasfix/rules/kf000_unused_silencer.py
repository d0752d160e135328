"""# unused-silencer (KF000)

## What it does
Finds comments that silence kerasfix where there is nothing to silence: `# noqa: KF103`,
`# kerasfix: ignore[KF103]`, `# kerasfix: ignore-file`.

## Why it is bad
The fault that the comment was written for is gone, or was never there. What is left of it will hide the
next one.

## Example
    x = self.drop(x, training=training)  # noqa: KF103

Use instead:

    x = self.drop(x, training=training)

## Fix safety
Safe: only the comment changes. Of several codes those that silence nothing go; codes of other tools stay, and
so does other text in the comment, but for the reason behind `ignore[...]`. A `# noqa` without a code of
kerasfix is never reported, as it may serve another tool, and neither is a code whose rule did not run
(`--select`, `--ignore`). A comment that names KF000 itself is left in peace.

## References
- docs/silencing.md
"""

from __future__ import annotations

from collections.abc import Iterator

from kerasfix.analysis.program import Program
from kerasfix.analysis.silencers import Unused
from kerasfix.findings import Applicability, Finding, Fix, Severity
from kerasfix.rules.base import Case, Rule, listed

_RULE = ("KF000", "unused-silencer")


def check(program: Program) -> Iterator[Finding]:
    source = program.source
    for unused in program.silencers.unused():
        silencer = unused.silencer
        start, end = silencer.start, silencer.end
        if not unused.is_whole:
            start, end = unused.codes[0].start, unused.codes[-1].end
        end = start + len(source.text[start:end].rstrip())
        message = "Remove the comment" if unused.is_whole else f"Remove {_named(unused)} from the comment"
        fix = Fix(message, Applicability.SAFE, program.silencers.removed(unused))
        code, name = _RULE
        yield Finding(code, name, _message(program, unused), start, end, Severity.INFO, fix, file=source.file)


def _message(program: Program, unused: Unused) -> str:
    silencer = unused.silencer
    if not silencer.counts:
        return "`# kerasfix: ignore-file` counts only above the first statement, and so silences nothing here"
    strange = [each.text for each in unused.codes if not program.silencers.exists(each)]
    if strange:
        return f"There is no rule {listed(strange)} to silence"
    return f"Nothing is left to silence{f' by {_named(unused)}' if unused.codes else ''}"


def _named(unused: Unused) -> str:
    return listed([each.text for each in unused.codes])


RULE = Rule(
    *_RULE,
    check,
    runs_last=True,
    invalid=(
        Case(
            why="the fault is gone",
            source="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)  # noqa: KF103
""",
            fixed="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            why="codes of another tool stay, and so does the code that is needed",
            source="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        x = self.drop(x)  # noqa: KF201, E501, KF103, KF202
        return self.drop(x, training=training)  # sic  # noqa: KF103, F401  # type: ignore
""",
            fixed="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        x = self.drop(x)  # noqa: E501, KF103
        return self.drop(x, training=training)  # sic  # noqa: F401  # type: ignore
""",
        ),
        Case(
            why="a comment that has its line to itself goes with the line, its reason too",
            source="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        # kerasfix: ignore[KF103] the flag is set elsewhere
        return self.drop(x, training=training)  # kerasfix: ignore
""",
            fixed="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)
""",
        ),
        Case(
            why="a code that is none, and a comment for the file that stands too low",
            source="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)  # noqa: KF999


# kerasfix: ignore-file
""",
            fixed="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


""",
        ),
    ),
    valid=(
        Case(
            why="each of them silences something",
            source="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.more = layers.Dropout(0.5)

    def call(self, x, training=None):
        x = self.drop(
            x
        )  # noqa: KF103
        x = self.more(x)  # kerasfix: ignore[KF103] on purpose
        return x
""",
        ),
        Case(
            why="a bare noqa and the codes of other tools are not kerasfix' to judge",
            source="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)  # noqa

    def call(self, x):
        return self.dense(x)  # noqa: E501, F401
""",
        ),
        Case(
            why="a string is no comment, and a comment that names KF000 is to stay",
            source="""\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2, name="# noqa: KF103")

    def call(self, x):
        return self.dense(x)  # noqa: KF103, KF000
""",
        ),
    ),
)
