"""An exception in one line, without what Keras and TensorFlow wrap around it."""

from __future__ import annotations

import pytest

from kerasfix.verify.worker.load import one_line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no", "ValueError: no"),
        ("", "ValueError"),
        ("two\n  lines", "ValueError: two lines"),
        (
            "Exception encountered when calling Net.call().\n\n"
            "\x1b[1mOnly input tensors\x1b[0m\n\nArguments received",
            "ValueError: Only input tensors",
        ),
        ("Could not infer the shape.\nError encountered:\n\nThe total size", "ValueError: The total size"),
        (
            'Exception encountered when calling layer "w" (type W).\n\n'
            'in user code:\n\n    File "a.py", line 9\n'
            "    ValueError: Exception encountered\n\n    in user code:\n\n        File\n"
            "        ValueError: An `initial_state`\n    \n    Call arguments received",
            "ValueError: An `initial_state`",
        ),
        (
            "{{function_node x}} Matrix size-incompatible [Op:MatMul] name:",
            "ValueError: Matrix size-incompatible",
        ),
        ("x" * 400, "ValueError: " + "x" * 299 + "…"),
    ],
)
def test_one_line(message: str, line: str) -> None:
    assert one_line(ValueError(message)) == line
