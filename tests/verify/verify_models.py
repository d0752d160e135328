"""Small Keras programs for the verification tests, each as original and patched source."""

from __future__ import annotations

from pathlib import Path

DCGAN = Path(__file__).parent.parent / "fixtures" / "dcgan" / "dcgan.py"

HEADER = "import keras\nimport tensorflow as tf\nfrom keras import layers\n\n"


def dcgan() -> str:
    return DCGAN.read_text("utf-8")


def dcgan_flags() -> str:
    """What `--apply` writes: the flag everywhere; the chain as it was."""
    text = dcgan()
    for old, new in (
        ("training=True", "training=None"),
        ("self.bn(x,training)", "self.bn(x,training=training)"),
        ("self.dropout1(x)", "self.dropout1(x,training=training)"),
        ("self.dropout2( x )", "self.dropout2( x,training=training )"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def dcgan_fixed() -> str:
    """The flag and the chain."""
    text = dcgan_flags()
    assert "self.conv2(inputs)" in text
    return text.replace("self.conv2(inputs)", "self.conv2(x)")


def model(init: str, call: str, signature: str = "self, x", header: str = HEADER) -> str:
    """A subclassed model `Net` from the lines of its constructor and of its `call`."""

    def indent(text: str) -> str:
        return "\n".join("        " + line for line in text.strip("\n").splitlines())

    return (
        f"{header}class Net(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
        f"{indent(init)}\n\n"
        f"    def call({signature}):\n{indent(call)}\n"
    )
