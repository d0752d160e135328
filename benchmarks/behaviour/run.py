"""Makes both versions of a package and sends them through the child process."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.behaviour.changes import Changed, changed_classes
from benchmarks.behaviour.results import Result
from benchmarks.behaviour.spec import Package
from benchmarks.corpus import changed_files, unpack
from benchmarks.packages import ROOT, wheel

MINUTES = 60  # for all recipes of one version of a package


@dataclass(frozen=True, slots=True)
class Copies:
    """Both versions of a package, unpacked.

    Attributes:
        outputs: A folder for what the child writes.
        beside: Folders of other packages that it imports.
        changed: The classes that differ.
    """

    original: Path
    patched: Path
    outputs: Path
    beside: tuple[Path, ...]
    changed: tuple[Changed, ...]


def patch(package: Package, folder: Path, checkout: Path) -> Copies:
    """Unpack a package twice and let the kerasfix of `checkout` mend one of the two.

    Raises:
        click.ClickException: if kerasfix could not do its work.
    """
    original, patched, outputs = (folder / name for name in ("original", "patched", "outputs"))
    outputs.mkdir(parents=True)
    for copy in (original, patched):
        unpack(wheel(package.requirement), copy)
    beside = tuple(folder / each for each in package.needs)
    for each, place in zip(package.needs, beside, strict=True):
        with zipfile.ZipFile(wheel(each)) as archive:
            archive.extractall(place)
    # Without the current folder on the path: nothing of the package may stand in for a module.
    outcome = subprocess.run(
        [sys.executable, "-m", "kerasfix", "--apply", "."],
        cwd=patched,
        env={**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    if outcome.returncode not in (0, 1):
        raise click.ClickException(f"kerasfix on {package.requirement}: {outcome.stderr.strip()}")
    files = [path.relative_to(patched) for path in changed_files(patched)]
    changed = changed_classes(original, patched, files)
    return Copies(original, patched, outputs, beside, tuple(changed))


def run(package: Package, indices: Sequence[int], copies: Copies, python: Path) -> Result:
    """Send the recipes through both versions."""
    result = Result(package, copies.changed)
    (copies.outputs / "package.pickle").write_bytes(pickle.dumps(package))
    for version, copy in (("before", copies.original), ("after", copies.patched)):
        crashed = children(package, version, copy, indices, copies, python)
        for index in crashed:
            result.add_crash(package.recipes[index], version, crashed[index])
        indices = [index for index in indices if index not in crashed]
    for index in indices:
        result.add(package.recipes[index], outcome(copies.outputs / f"{index}.after.json"))
    return result


def outcome(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def children(
    package: Package, version: str, copy: Path, indices: Sequence[int], copies: Copies, python: Path
) -> dict[int, str]:
    """Run the recipes in a child, and in another one after each that takes the child down.

    Returns:
        By recipe that did so, what the child's last words were.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (copy, *copies.beside, ROOT))),
        "PYTHONSAFEPATH": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
        "TF_USE_LEGACY_KERAS": str(int(package.legacy)),
        "HF_HUB_OFFLINE": "1",
    }
    crashed: dict[int, str] = {}
    left = list(indices)
    log = copies.outputs / f"{version}.log"
    while left:
        command = [str(python), "-m", "benchmarks.behaviour.worker", version]
        command += [str(copies.outputs), *map(str, left)]
        with log.open("a") as stream:
            try:
                status = subprocess.run(
                    command, env=environment, stdout=stream, stderr=stream, timeout=60 * MINUTES
                ).returncode
            except subprocess.TimeoutExpired:
                status = -1
        left = [index for index in left if not (copies.outputs / f"{index}.{version}.json").exists()]
        if left:
            lines = log.read_text(errors="replace").strip().splitlines()
            crashed[left.pop(0)] = f"exit code {status}: {lines[-1] if lines else 'no message'}"
    return crashed
