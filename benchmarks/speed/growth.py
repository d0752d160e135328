"""How time and memory grow with the number of files, and with the length of one file."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.speed.measure import Command, Cost, cost
from benchmarks.speed.trees import generated

KERASFIX = (sys.executable, "-m", "kerasfix", "--no-cache", "--output-format", "concise")


def of_files(counts: Sequence[int]) -> Iterator[tuple[int, Cost]]:
    """What trees of so many files cost."""
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            print(f"{count} files", file=sys.stderr)
            tree = generated(Path(folder), count)
            yield count, cost(Command((*KERASFIX, tree), tree))
            shutil.rmtree(tree)


def of_length(counts: Sequence[int]) -> Iterator[tuple[int, Cost]]:
    """What one file with models of so many lines in all costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in counts:
            path = folder / "models.py"
            path.write_text("".join(_models(count)), "utf-8")
            yield count, cost(Command((*KERASFIX, path), folder))


def _models(lines: int) -> Iterator[str]:
    yield "from tensorflow import keras\nfrom tensorflow.keras import layers\n"
    for number in range(lines // 15):
        yield f"\n\nclass Block{number}(layers.Layer):\n    def __init__(self):\n        super().__init__()\n"
        yield "        self.conv = layers.Conv2D(8, 3)\n        self.bn = layers.BatchNormalization()\n"
        yield "        self.drop = layers.Dropout(0.5)\n\n    def call(self, x, training=None):\n"
        yield "        x = self.conv(x)\n        x = self.bn(x)\n        x = self.drop(x)\n        return x\n"
