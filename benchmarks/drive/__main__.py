"""Drive the classes of published packages without any configuration.

    python -m benchmarks.drive                        both halves, Keras 3
    python -m benchmarks.drive --keras 2              with TF_USE_LEGACY_KERAS=1
    python -m benchmarks.drive --half developed --failures
    python -m benchmarks.drive --half developed --class TCN --failures

Every subclassed Model, and every Layer with layers of its own, of the packages in packages.txt that can be
imported is taken, at most `--most` a package. A hash of its name puts it into one of two halves: failures of
the first may be read, those of the held-out half are only counted, by stage.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.drive.results import DEVELOPED, HELD_OUT, Run, show
from benchmarks.packages import CACHE, ROOT, wheel
from kerasfix.verify.evidence import evidence_for
from kerasfix.verify.holders import Holder, places_of
from kerasfix.verify.slice import Part

HERE = Path(__file__).resolve().parent
_WORKER = ROOT / "kerasfix" / "verify" / "worker"
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "HF_HUB_OFFLINE": "1",
}


def half_of(class_name: str) -> str:
    return (DEVELOPED, HELD_OUT)[hashlib.sha256(class_name.encode()).digest()[0] % 2]


@click.command()
@click.option("--python", default=sys.executable, help="The interpreter that has Keras.")
@click.option("--keras", "version", type=click.Choice(["2", "3"]), default="3", show_default=True)
@click.option("--half", type=click.Choice([DEVELOPED, HELD_OUT]), help="Only this half.")
@click.option("--package", "only", multiple=True, help="Only this package, by name.")
@click.option("--class", "names", multiple=True, help="Only this class; of the developed half.")
@click.option("--most", default=16, show_default=True, help="Classes a package, drawn by a hash.")
@click.option("--seconds", default=60.0, show_default=True, help="Time for one class.")
@click.option("--memory-mb", default=4096, show_default=True)
@click.option("--failures", is_flag=True, help="List the failures of the developed half.")
@click.option("--out", type=click.Path(path_type=Path), help="Write every result here, as lines of JSON.")
def main(
    python: str,
    version: str,
    half: str | None,
    only: tuple[str, ...],
    names: tuple[str, ...],
    most: int,
    seconds: float,
    memory_mb: int,
    failures: bool,
    out: Path | None,
) -> None:
    packages = _packages(only)
    environment = _environment(python, version)
    with tempfile.TemporaryDirectory() as scratch:
        listed = _listed(packages, version, python, environment, Path(scratch))
        request = []
        for package in listed:
            drawn = _drawn(package["classes"], most)
            drawn = [item for item in drawn if half in (None, half_of(item["class"]))]
            if names:
                drawn = [item for item in drawn if item["class"] in names and _is_developed(item)]
            folder = packages[package["package"]]
            jobs = [_job(item, folder, seconds, memory_mb) for item in drawn]
            request.append(
                {"name": package["package"], "folder": str(folder), "ran": package["ran"], "jobs": jobs}
            )
        lines = _serve("drive", request, python, environment, Path(scratch))
    if out:
        out.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    show(Console(width=170), [Run.of(line, half_of(line["class"])) for line in lines], failures=failures)


def _is_developed(item: dict[str, str]) -> bool:
    return half_of(item["class"]) == DEVELOPED


def _drawn(classes: list[dict[str, str]], most: int) -> list[dict[str, str]]:
    """At most so many a package, by a hash that has nothing to do with the halves."""

    def order(item: dict[str, str]) -> bytes:
        return hashlib.sha256(f"{item['module']}.{item['class']} drawn".encode()).digest()

    return sorted(classes, key=order)[:most]


def _packages(only: tuple[str, ...]) -> dict[str, Path]:
    """Package -> folder that its wheel is unpacked in."""
    folders = {}
    for line in (HERE / "packages.txt").read_text("utf-8").split():
        if only and line.partition("==")[0].lower() not in {name.lower() for name in only}:
            continue
        folder = CACHE / "drive" / line
        if not folder.exists():
            with zipfile.ZipFile(wheel(line)) as archive:
                archive.extractall(folder)
        folders[line] = folder
    return folders


def _environment(python: str, version: str) -> dict[str, str]:
    needed = CACHE / "drive" / "requirements"
    if not needed.exists():
        command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(needed)]
        subprocess.run([*command, "-r", str(HERE / "requirements.txt")], check=True)
    environment = {**os.environ, **_QUIET, "PYTHONPATH": str(needed)}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    return {**environment, "TF_USE_LEGACY_KERAS": "1"} if version == "2" else environment


def _job(item: dict[str, str], folder: Path, seconds: float, memory_mb: int) -> dict[str, Any]:
    path = folder / item["file"]
    evidence = evidence_for(path, path.read_text("utf-8", errors="replace"), item["class"])
    return {
        "kind": "observe",
        "parts": [_part(item, evidence["holders"]), *_parts_of(evidence["holders"], folder)],
        "module": item["module"],
        "class": item["class"],
        "seed": 20_231,
        "steps": 2,
        "input": None,
        "init": {},
        **evidence,
        "probe_seconds": seconds * 0.6,
        "timeout": seconds,
        "memory_mb": memory_mb,
    }


def _part(item: dict[str, str], holders: Sequence[Holder]) -> dict[str, Any]:
    """Not a slice: the package has been imported as it is."""
    own = [name for file, name in places_of(holders) if not file]
    text = f"from {item['module']} import {', '.join(dict.fromkeys((item['class'], *own)))}"
    return Part(place="", file="<drive>", name="kerasfix_driven", text=text).to_json()


def _parts_of(holders: Sequence[Holder], folder: Path) -> Iterator[dict[str, Any]]:
    """The same for what is in other files, tests too, which are imported when they are wanted."""
    places = [(file, name) for file, name in places_of(holders) if file]
    for number, file in enumerate(dict.fromkeys(file for file, _ in places)):
        module = ".".join(Path(file).relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        names = dict.fromkeys(name for other, name in places if other == file)
        text = f"from {module} import {', '.join(names)}"
        place = os.path.realpath(file)
        yield Part(place=place, file="<drive>", name=f"kerasfix_holder_{number}", text=text).to_json()


def _listed(
    packages: dict[str, Path], version: str, python: str, environment: dict[str, str], scratch: Path
) -> list[dict[str, Any]]:
    """The classes of packages; listing takes minutes, so it is kept."""
    kept = CACHE / "drive" / f"classes-keras{version}.json"
    known = {item["package"]: item for item in json.loads(kept.read_text("utf-8"))} if kept.exists() else {}
    request = [{"name": name, "folder": str(path)} for name, path in packages.items() if name not in known]
    if request:
        for line in _serve("list", request, python, environment, scratch):
            known[line["package"]] = line
        kept.write_text(json.dumps(list(known.values())), "utf-8")
    return [known[name] for name in packages if name in known]


def _serve(
    what: str, request: list[dict[str, Any]], python: str, environment: dict[str, str], scratch: Path
) -> list[dict[str, Any]]:
    (scratch / "request.json").write_text(
        json.dumps({"packages": request, "worker": str(_WORKER), "scratch": str(scratch)}), "utf-8"
    )
    answer = scratch / f"{what}.jsonl"
    answer.touch()
    command = [python, str(HERE / "serve.py"), what, str(scratch / "request.json"), str(answer)]
    # As in a run of kerasfix: TensorFlow writes what it makes of a `call` to a file, and only there it may.
    environment = {**environment, "TMPDIR": str(scratch)}
    with open(scratch / "serve.log", "wb") as log:
        outcome = subprocess.run(command, env=environment, cwd=scratch, stdout=log, stderr=log)
    if outcome.returncode:
        raise click.ClickException((scratch / "serve.log").read_text("utf-8", errors="replace")[-2000:])
    return [json.loads(line) for line in answer.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    main()
