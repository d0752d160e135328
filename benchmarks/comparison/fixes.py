"""Experiments with what a tool says of its fixes, and what it does besides files of its own."""

from __future__ import annotations

import json
import re
import subprocess
import time

from benchmarks.comparison.cell import Cell, seen
from benchmarks.comparison.trial import Missing, Trial, command, environment

# A chain of layers that loses one: what was meant is its author's to know.
_CHAIN = (
    "from keras import Model, layers\n\n\nclass Net(Model):\n    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.one = layers.Dense(8)\n        self.two = layers.Dense(8)\n\n"
    "    def call(self, inputs):\n        x = self.one(inputs)\n"
    "        x = self.two(inputs)\n        return x\n"
)
_SAFETY = r'"applicability": *"(\w+)"'


def classifies(trial: Trial) -> Cell:
    """Findings as data say how far the fix may be trusted."""
    trial.write()
    text = trial.report("json")
    return seen(bool(re.search(_SAFETY, text)), "nothing in its report says so")


def holds_back(trial: Trial) -> Cell:
    """A fix that may change what the code means is not made unless it is asked for."""
    risky = {
        "ruff": (
            "def f(x):\n    if x == None:\n        return 1\n",
            ["ruff", "check", "--no-cache", "--select", "E711"],
        ),
        "kerasfix": (_CHAIN, ["kerasfix", "--apply"]),
    }
    if trial.peer.name not in risky:
        raise Missing
    text, words = risky[trial.peer.name]
    before = trial.write(text)
    extra = ["--fix"] if trial.peer.name == "ruff" else []
    asked = ["--fix", "--unsafe-fixes"] if trial.peer.name == "ruff" else ["--suggestions"]
    subprocess.run(
        command(trial.peer, [*words, *extra, trial.file.name]),
        cwd=trial.folder,
        env=environment(trial.folder),
        capture_output=True,
    )
    if trial.file.read_bytes() != before:
        return Cell("no", "it is made unasked")
    subprocess.run(
        command(trial.peer, [*words, *asked, trial.file.name]),
        cwd=trial.folder,
        env=environment(trial.folder),
        capture_output=True,
    )
    return seen(trial.file.read_bytes() != before, "it is not made when asked for either")


def verifies(trial: Trial) -> Cell:
    """The fix is proved by running the program before and after."""
    trial.write()
    done = trial.run("verify")
    return seen(bool(re.search(r"proved|same", done.said)), f"«{done.last_line}»")


def mends_several(trial: Trial) -> Cell:
    """One fault, one fix, two files."""
    if trial.peer.name == "kerasfix":
        block = (
            "from keras import layers\n\n\nclass Block(layers.Layer):\n    def __init__(self):\n"
            "        super().__init__()\n        self.drop = layers.Dropout(0.5)\n\n"
            "    def call(self, x):\n        return self.drop(x)\n"
        )
        net = (
            "from keras import Model\n\nfrom block import Block\n\n\n"
            "class Net(Model):\n    def __init__(self):\n"
            "        super().__init__()\n        self.block = Block()\n\n"
            "    def call(self, x, training=None):\n        return self.block(x)\n"
        )
        trial.write(block, "block.py")
        trial.write(net)
        trial.run("fix", file=".")
        both = (trial.folder / "block.py").read_text("utf-8") != block and trial.file.read_text(
            "utf-8"
        ) != net
        return seen(both, "one file alone is changed")
    if trial.peer.name == "codemodder":
        trial.write("from xml.etree.ElementTree import parse\n\ntree = parse('a.xml')\n")
        trial.write("requests\n", "requirements.txt")
        trial.run("several files")
        both = "defusedxml" in (trial.folder / "requirements.txt").read_text("utf-8")
        return (
            Cell("partly", "a package that a fix needs is added to requirements.txt")
            if both
            else Cell("no", "")
        )
    return Cell(
        "no",
        "not run: no rule of it is known to us that edits two files for one fault",
    )


def serves_libcst(trial: Trial) -> Cell:
    if trial.peer.name in ("ruff", "django-upgrade"):
        return Cell("none")
    trial.write()
    done = trial.run("libcst")
    return seen(trial.file.read_text("utf-8") == trial.peer.fixed, f"«{done.last_line[:90]}»")


def watches(trial: Trial) -> Cell:
    """A run that stays and looks again whenever a file changes."""
    if "watch" not in trial.peer.commands:
        raise Missing
    trial.write(trial.peer.fixed)
    words = [word.format(file=trial.file.name, out="") for word in trial.peer.commands["watch"]]
    with (trial.folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            command(trial.peer, words),
            cwd=trial.folder,
            env=environment(trial.folder),
            stdout=said,
            stderr=said,
        )
        time.sleep(2)
        trial.write()
        time.sleep(3)
        process.kill()
        process.wait()
    return seen(trial.peer.code in (trial.folder / "said.txt").read_text("utf-8"), "nothing after a change")


def formats_code(trial: Trial) -> Cell:
    trial.write()
    trial.run("format")
    return seen(b"odd = [1, 2, 3]" in trial.file.read_bytes(), "the text stays as it is")


def takes_own_rules(trial: Trial) -> Cell:
    """A rule written in the project is used."""
    if trial.peer.name != "Fixit":
        raise Missing
    trial.write(
        "from fixit import LintRule\nimport libcst\n\n\nclass NoGreeting(LintRule):\n"
        "    def visit_FunctionDef(self, node: libcst.FunctionDef) -> None:\n"
        "        self.report(node, 'No greetings')\n",
        "house/rules.py",
    )
    trial.write("", "house/__init__.py")
    trial.write(
        '[tool.fixit]\nroot = true\nenable-root-import = true\nenable = ["house.rules"]\n', "pyproject.toml"
    )
    trial.write()
    return seen("NoGreeting" in trial.run("check").said, f"«{trial.run('check').last_line}»")


def counts_rules(trial: Trial) -> Cell:
    """How many rules there are."""
    name = trial.peer.name
    if name == "Fixit":
        trial.write()
        named = set(re.findall(r"'Count\.(\w+)'", trial.run("statistics").said)) - {"Total"}
        return Cell("yes", f"={len(named)}")
    text = trial.run("list").out
    if name == "ruff" or name == "kerasfix":
        return Cell("yes", f"={len(json.loads(text))}")
    if name == "TorchFix":
        return Cell("yes", f"={len(set(re.findall(r'TOR[0-9]{3}', text)))}")
    return Cell("yes", f"={len([line for line in text.splitlines() if line.strip()])}")


def takes_results(trial: Trial) -> Cell:
    """The findings of another tool, as SARIF, are what is fixed."""
    if "foreign results" not in trial.peer.commands:
        raise Missing
    before = trial.write("import yaml\n\ndata = b''\nyaml.load(data, Loader=yaml.Loader)\n")
    rule = "python.lang.security.deserialization.avoid-pyyaml-load.avoid-pyyaml-load"
    text = "yaml.load(data, Loader=yaml.Loader)"
    region = {
        "startLine": 4,
        "startColumn": 1,
        "endLine": 4,
        "endColumn": len(text) + 1,
        "snippet": {"text": text},
    }
    place = {"artifactLocation": {"uri": trial.file.name}, "region": region}
    result = {"ruleId": rule, "message": {"text": rule}, "locations": [{"physicalLocation": place}]}
    result |= {"guid": "6f1c2a52-1f0e-4d2a-9d8e-000000000001", "fingerprints": {"matchBasedId/v1": "1"}}
    run = {"tool": {"driver": {"name": "Semgrep OSS", "rules": [{"id": rule}]}}, "results": [result]}
    trial.write(json.dumps({"version": "2.1.0", "runs": [run]}), trial.out.name)
    done = trial.run("foreign results")
    return seen(trial.file.read_bytes() != before, f"«{done.last_line}»")
