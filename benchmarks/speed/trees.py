"""The files that are looked at: an environment with TensorFlow, Keras' own packages, a model of 100 lines."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.packages import CACHE, ROOT, wheel

_HERE = CACHE / "speed"
TENSORFLOW = "tensorflow-cpu==2.21.0"
DENSE = ("keras-hub==0.32.0", "keras==3.15.1", "tf-models-official==2.20.0")


def mixed() -> Path:
    """The whole site-packages of an environment with TensorFlow."""
    folder = _HERE / "environment"
    mark = folder / "installed.txt"
    if not mark.exists() or mark.read_text("utf-8") != TENSORFLOW:
        print(f"Installing {TENSORFLOW}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", TENSORFLOW], check=True)
        mark.write_text(TENSORFLOW, "utf-8")
    return next(folder.glob("lib*/python*/site-packages"))


def dense() -> Path:
    """Packages that are about nothing but Keras."""
    folder = _HERE / "dense"
    mark = folder / "unpacked.txt"
    if not mark.exists() or mark.read_text("utf-8") != " ".join(DENSE):
        shutil.rmtree(folder, ignore_errors=True)
        for package in DENSE:
            with zipfile.ZipFile(wheel(package)) as archive:
                archive.extractall(folder / package.partition("==")[0])
        mark.write_text(" ".join(DENSE), "utf-8")
    return folder


def few() -> Path:
    """The layers of Keras: few enough for tools that take long."""
    return dense() / "keras" / "keras" / "src" / "layers"


def single(folder: Path) -> Path:
    """A file of 100 lines, alone in a folder."""
    path = folder / "single" / "models.py"
    path.parent.mkdir()
    text = (ROOT / "tests" / "fixtures" / "dcgan" / "dcgan.py").read_text("utf-8")
    path.write_text("".join(text.splitlines(keepends=True)[:100]), "utf-8")
    return path


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def described(folder: Path) -> str:
    """How much it is."""
    every = files(folder)
    return f"{len(every):,} files, {sum(path.stat().st_size for path in every) / 1e6:.0f} MB"


def generated(folder: Path, count: int) -> Path:
    """A tree in which every tenth file has a model with a fault, and the others are about something else."""
    tree = folder / f"tree{count}"
    for number in range(count):
        path = tree / f"package{number // 100}" / f"module{number % 100}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(_model(number) if number % 10 == 0 else _other(number)), "utf-8")
    for package in tree.iterdir():
        (package / "__init__.py").write_text("", "utf-8")
    return tree


def _model(number: int) -> Iterator[str]:
    yield "from tensorflow import keras\nfrom tensorflow.keras import layers\n\n\n"
    yield f"class Net{number}(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
    for layer in range(10):
        yield f"        self.dense{layer} = layers.Dense({layer + 1})\n"
    yield "        self.drop = layers.Dropout(0.5)\n\n    def call(self, x):\n"
    for layer in range(10):
        yield f"        x = self.dense{layer}(x)\n"
    yield "        return self.drop(x)\n"


def _other(number: int) -> Iterator[str]:
    yield "import os\n\n"
    for function in range(12):
        yield f"\ndef work{number}_{function}(items):\n"
        yield '    """Sums up what is there."""\n    total = 0\n    for item in items:\n'
        yield f"        total += len(os.fspath(item)) * {function}\n    return total\n"
