"""The tools that are compared: what each is asked for, in its own words.

Every tool gets a fault that it finds and can mend, and the command lines by which its people do a thing. What
it has no command line for is not in its table; a look into its `--help` then shows that there really is none.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.comparison.cell import Cell
from benchmarks.packages import CACHE, ROOT

# Text that tidy-minded tools would change: it has to stay in every file that is fixed.
ODD = "\n\nodd =  [ 1,2 ,\n   3]   # two spaces  and   some at the end   \n"


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool.

    Attributes:
        requirement: What pip installs; empty for kerasfix, which runs from here.
        source: A file with one fault; `old` becomes `new` in it when it is mended, and nothing else changes.
        code: What the tool's reports call the fault.
        commands: Command lines by what they do. `{file}` is the file, `{out}` a file to write.
        settings: Texts of settings by what they do, each with the name of its file.
        silencers: Comments by their reach: "line", "file", and "unused", which silences what is not there.
        helps: The command lines that list the tool's options.
        notes: What to know about a cell besides its mark, by feature.
        lacks: Cells that need more than a look into the help, by the title of the row.
        server: The command line of its language server.
    """

    name: str
    requirement: str
    source: str
    old: str
    new: str
    code: str
    commands: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    silencers: Mapping[str, str] = field(default_factory=dict)
    helps: tuple[tuple[str, ...], ...] = (("kerasfix", "--help"),)
    notes: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, Cell] = field(default_factory=dict)
    server: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        return self.requirement.partition("==")[2]

    @property
    def fixed(self) -> str:
        return self.source.replace(self.old, self.new)

    @property
    def bin(self) -> Path:
        return CACHE / "peers" / self.name.lower() / ("Scripts" if sys.platform == "win32" else "bin")


def install(peer: Peer) -> None:
    """Put a tool into an environment of its own, unless it is there in this version."""
    if not peer.requirement:
        return
    folder = peer.bin.parent
    mark = folder / "installed.txt"
    # Scripts of an environment name its place: one that was moved is made anew.
    installed = f"{peer.requirement}\n{folder}"
    if mark.exists() and mark.read_text("utf-8") == installed:
        return
    print(f"Installing {peer.requirement}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    python = peer.bin / ("python.exe" if sys.platform == "win32" else "python")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", peer.requirement],
        check=True,
    )
    mark.write_text(installed, "utf-8")


_WORDS = 'def greet():\n    print(f"word")\n' + ODD
_RUFF = ("ruff", "check", "--no-cache")
_FIXIT = ("fixit",)
_KERASFIX = ("kerasfix",)
_DJANGO = ("django-upgrade", "--target-version", "4.0")
_CODEMOD = "pixee:python/remove-unnecessary-f-str"
_CODEMODDER = ("codemodder", "--codemod-include", _CODEMOD)
_FLAKE8 = ("flake8", "--select", "TOR")

KERASFIX = Peer(
    name="kerasfix",
    requirement="",
    source=(
        "from keras import Model, layers\n\n\nclass Net(Model):\n    def __init__(self):\n"
        "        super().__init__()\n        self.drop = layers.Dropout(0.5)\n\n"
        "    def call(self, x, training=None):\n        return self.drop(x)\n" + ODD
    ),
    old="self.drop(x)",
    new="self.drop(x, training=training)",
    code="KF103",
    commands={
        "check": (*_KERASFIX, "{file}"),
        "fix": (*_KERASFIX, "--apply", "{file}"),
        "diff": (*_KERASFIX, "--diff", "{file}"),
        "folder": (*_KERASFIX, "."),
        "stdin check": (*_KERASFIX, "-", "--stdin-filename", "{file}"),
        "stdin fix": (*_KERASFIX, "-", "--stdin-filename", "{file}", "--apply"),
        "stdin diff": (*_KERASFIX, "-", "--stdin-filename", "{file}", "--diff"),
        "concise": (*_KERASFIX, "--output-format", "concise", "{file}"),
        "json": (*_KERASFIX, "--output-format", "json", "{file}"),
        "sarif": (*_KERASFIX, "--output-format", "sarif", "{file}"),
        "github": (*_KERASFIX, "--output-format", "github", "{file}"),
        "gitlab": (*_KERASFIX, "--output-format", "gitlab", "{file}"),
        "junit": (*_KERASFIX, "--output-format", "junit", "{file}"),
        "output file": (*_KERASFIX, "--output-file", "{out}", "{file}"),
        "select": (*_KERASFIX, "--select", "KF201", "{file}"),
        "ignore": (*_KERASFIX, "--ignore", "KF103", "{file}"),
        "unfixable": (*_KERASFIX, "--apply", "--unfixable", "KF103", "{file}"),
        "statistics": (*_KERASFIX, "--statistics", "{file}"),
        "explain": (*_KERASFIX, "--explain", "KF103"),
        "list": (*_KERASFIX, "--list-rules", "--output-format", "json"),
        "exit zero": (*_KERASFIX, "--exit-zero", "{file}"),
        "interactive": (*_KERASFIX, "--interactive", "{file}"),
        "undo": (*_KERASFIX, "--undo"),
        "add silencers": (*_KERASFIX, "--add-noqa", "{file}"),
        "unused": (*_KERASFIX, "{file}"),
        "unused fix": (*_KERASFIX, "--apply", "{file}"),
        "baseline": (*_KERASFIX, "--baseline", "{out}", "{file}"),
        "show settings": (*_KERASFIX, "--show-settings", "{file}"),
        "verify": (*_KERASFIX, "--apply", "--verify", "{file}"),
        "libcst": (
            "python",
            "-m",
            "libcst.tool",
            "codemod",
            "--no-format",
            "-x",
            "kerasfix.codemods.Fix",
            "{file}",
        ),
    },
    settings={
        "ignore": ("pyproject.toml", '[tool.kerasfix]\nignore = ["KF103"]\n'),
        "unknown": ("pyproject.toml", '[tool.kerasfix]\nignroe = ["KF103"]\n'),
        "per file": ("pyproject.toml", '[tool.kerasfix.per-file-ignores]\n"models.py" = ["KF103"]\n'),
        "exclude": ("pyproject.toml", '[tool.kerasfix]\nextend-exclude = ["models.py"]\n'),
    },
    silencers={"line": "# noqa: KF103", "file": "# kerasfix: ignore-file", "unused": "# noqa: KF201"},
    server=("kerasfix-lsp",),
)

RUFF = Peer(
    name="ruff",
    requirement="ruff==0.17.6",
    source=_WORDS,
    old='f"word"',
    new='"word"',
    code="F541",
    commands={
        "check": (*_RUFF, "{file}"),
        "fix": (*_RUFF, "--fix", "{file}"),
        "diff": (*_RUFF, "--diff", "{file}"),
        "folder": (*_RUFF, "."),
        "stdin check": (*_RUFF, "--stdin-filename", "{file}", "-"),
        "stdin fix": (*_RUFF, "--stdin-filename", "{file}", "--fix", "-"),
        "stdin diff": (*_RUFF, "--stdin-filename", "{file}", "--diff", "-"),
        "concise": (*_RUFF, "--output-format", "concise", "{file}"),
        "json": (*_RUFF, "--output-format", "json", "{file}"),
        "sarif": (*_RUFF, "--output-format", "sarif", "{file}"),
        "github": (*_RUFF, "--output-format", "github", "{file}"),
        "gitlab": (*_RUFF, "--output-format", "gitlab", "{file}"),
        "junit": (*_RUFF, "--output-format", "junit", "{file}"),
        "output file": (*_RUFF, "--output-file", "{out}", "{file}"),
        "select": (*_RUFF, "--select", "F401", "{file}"),
        "ignore": (*_RUFF, "--ignore", "F541", "{file}"),
        "unfixable": (*_RUFF, "--fix", "--unfixable", "F541", "{file}"),
        "statistics": (*_RUFF, "--statistics", "{file}"),
        "explain": ("ruff", "rule", "F541"),
        "list": ("ruff", "rule", "--all", "--output-format", "json"),
        "exit zero": (*_RUFF, "--exit-zero", "{file}"),
        "add silencers": (*_RUFF, "--add-noqa", "{file}"),
        "unused": (*_RUFF, "--extend-select", "RUF100", "{file}"),
        "unused fix": (*_RUFF, "--extend-select", "RUF100", "--fix", "{file}"),
        "show settings": (*_RUFF, "--show-settings", "{file}"),
        "watch": (*_RUFF, "--watch", "{file}"),
        "format": ("ruff", "format", "--no-cache", "{file}"),
    },
    settings={
        "ignore": ("pyproject.toml", '[tool.ruff.lint]\nignore = ["F541"]\n'),
        "unknown": ("pyproject.toml", '[tool.ruff.lint]\nignroe = ["F541"]\n'),
        "per file": ("pyproject.toml", '[tool.ruff.lint.per-file-ignores]\n"models.py" = ["F541"]\n'),
        "exclude": ("pyproject.toml", '[tool.ruff]\nextend-exclude = ["models.py"]\n'),
    },
    silencers={"line": "# noqa: F541", "file": "# ruff: noqa: F541", "unused": "# noqa: F401"},
    helps=(("ruff", "--help"), ("ruff", "check", "--help")),
    server=("ruff", "server"),
)

FIXIT = Peer(
    name="Fixit",
    requirement="fixit[lsp,pretty]==2.2.1",
    source=_WORDS,
    old='f"word"',
    new='"word"',
    code="NoRedundantFString",
    commands={
        "check": (*_FIXIT, "lint", "{file}"),
        "fix": (*_FIXIT, "fix", "--automatic", "{file}"),
        "diff": (*_FIXIT, "--quiet", "lint", "--diff", "{file}"),
        "folder": (*_FIXIT, "lint", "."),
        "stdin check": (*_FIXIT, "lint", "-", "{file}"),
        "stdin fix": (*_FIXIT, "fix", "-", "{file}"),
        "stdin diff": (*_FIXIT, "lint", "--diff", "-", "{file}"),
        "concise": (*_FIXIT, "--output-format", "vscode", "lint", "{file}"),
        "select": (*_FIXIT, "--rules", "fixit.rules:NoRedundantLambda", "lint", "{file}"),
        "statistics": (*_FIXIT, "--print-metrics", "lint", "{file}"),
        "interactive": (*_FIXIT, "fix", "--interactive", "{file}"),
        "show settings": (*_FIXIT, "debug", "{file}"),
        "own rule": (*_FIXIT, "lint", "{file}"),
    },
    settings={
        "ignore": ("pyproject.toml", '[tool.fixit]\ndisable = ["fixit.rules:NoRedundantFString"]\n'),
        "unknown": ("pyproject.toml", '[tool.fixit]\ndisabel = ["fixit.rules:NoRedundantFString"]\n'),
        "per file": (
            "pyproject.toml",
            '[tool.fixit]\n[[tool.fixit.overrides]]\npath = "models.py"\n'
            'disable = ["fixit.rules:NoRedundantFString"]\n',
        ),
    },
    lacks={
        "files left out of folders": Cell(
            "no",
            "looked up, not run: no such key among those that its `config.py` reads; it heeds `.gitignore`",
        ),
        "ignore rules": Cell("partly", "in its settings (`disable`), not on the command line"),
    },
    silencers={"line": "# lint-ignore: NoRedundantFString", "unused": "# lint-ignore: NoRedundantLambda"},
    helps=(("fixit", "--help"), ("fixit", "lint", "--help"), ("fixit", "fix", "--help")),
    server=("fixit", "lsp"),
)

TORCHFIX = Peer(
    name="TorchFix",
    requirement="torchfix==0.7.0",
    source="import torch\n\n\ndef outer():\n    print(torch.ger(1, 2))\n" + ODD,
    old="torch.ger",
    new="torch.outer",
    code="TOR101",
    commands={
        "check": (*_FLAKE8, "{file}"),
        "fix": ("torchfix", "--fix", "{file}"),
        "diff": ("torchfix", "{file}"),
        "folder": (*_FLAKE8, "."),
        "stdin check": (*_FLAKE8, "--stdin-display-name", "{file}", "-"),
        "concise": (*_FLAKE8, "{file}"),
        "output file": (*_FLAKE8, "--output-file", "{out}", "{file}"),
        "select": ("flake8", "--select", "TOR2", "{file}"),
        "ignore": (*_FLAKE8, "--extend-ignore", "TOR101", "{file}"),
        "statistics": (*_FLAKE8, "--statistics", "{file}"),
        "list": ("torchfix", "--help"),
        "exit zero": (*_FLAKE8, "--exit-zero", "{file}"),
        "libcst": (
            "python",
            "-m",
            "libcst.tool",
            "codemod",
            "--no-format",
            "-x",
            "torchfix.torchfix.TorchCodemod",
            "{file}",
        ),
    },
    settings={
        "ignore": (".flake8", "[flake8]\nextend-ignore = TOR101\n"),
        "unknown": (".flake8", "[flake8]\nextend-ignroe = TOR101\n"),
        "per file": (".flake8", "[flake8]\nper-file-ignores = models.py:TOR101\n"),
        "exclude": (".flake8", "[flake8]\nextend-exclude = models.py\n"),
    },
    silencers={"line": "# noqa: TOR101", "file": "# flake8: noqa", "unused": "# noqa: TOR201"},
    helps=(("torchfix", "--help"), ("flake8", "--help")),
    lacks={
        "fixed text on standard output": Cell("no", "`torchfix` takes paths alone; flake8 fixes nothing"),
        "diff on standard output": Cell("no", "`torchfix` takes paths alone; flake8 fixes nothing"),
        "text that does not parse comes back, exit code not 0": Cell("none"),
        "rules of your own": Cell("partly", "looked up, not run: other plugins of flake8, beside it"),
    },
    notes=dict.fromkeys(
        (
            "ignore",
            "statistics",
            "stdin check",
            "output file",
            "exit zero",
            "per file",
            "exclude",
        ),
        "for checking, through flake8, whose plugin it is; not with `torchfix --fix`",
    )
    | {"config": "in `.flake8`, `setup.cfg` or `tox.ini`, for checking through flake8"},
)

DJANGO_UPGRADE = Peer(
    name="django-upgrade",
    requirement="django-upgrade==1.33.0",
    source='def accepts(request):\n    return request.META["HTTP_ACCEPT"]\n' + ODD,
    old='request.META["HTTP_ACCEPT"]',
    new='request.headers["accept"]',
    code="Would rewrite",
    commands={
        "check": (*_DJANGO, "--check", "{file}"),
        "fix": (*_DJANGO, "{file}"),
        "configured": ("django-upgrade", "--check", "{file}"),
        "stdin check": (*_DJANGO, "--check", "-"),
        "stdin fix": (*_DJANGO, "-"),
        "select": (*_DJANGO, "--check", "--only", "admin_decorators", "{file}"),
        "ignore": (*_DJANGO, "--check", "--skip", "request_headers", "{file}"),
        "unfixable": (*_DJANGO, "--skip", "request_headers", "{file}"),
        "list": ("django-upgrade", "--list-fixers", "."),
        "exit zero": (*_DJANGO, "--exit-zero-even-if-changed", "{file}"),
    },
    settings={"ignore": ("pyproject.toml", '[project]\nname = "x"\ndependencies = ["django>=2.0"]\n')},
    silencers={"line": "# noqa", "unused": "# noqa"},
    helps=(("django-upgrade", "--help"),),
    lacks={"talk not on standard output": Cell("none")},
    notes={"config": "only the Django version of the project, from its dependencies; no choice of rules"},
)

CODEMODDER = Peer(
    name="codemodder",
    requirement="codemodder==6.5.5",
    source=_WORDS,
    old='f"word"',
    new='"word"',
    code="changed:\n",
    commands={
        "check": (*_CODEMODDER, "--dry-run", "--output", "{out}", "."),
        "fix": (*_CODEMODDER, "."),
        "diff": (*_CODEMODDER, "--dry-run", "--output", "{out}", "--output-format", "diff", "."),
        "folder": (*_CODEMODDER, "--dry-run", "--output", "{out}", "."),
        "json": (*_CODEMODDER, "--dry-run", "--output", "{out}", "."),
        "output file": (*_CODEMODDER, "--dry-run", "--output", "{out}", "."),
        "select": ("codemodder", "--dry-run", "--codemod-include", "pixee:python/use-generator", "."),
        "unfixable": ("codemodder", "--codemod-exclude", _CODEMOD, "."),
        "explain": ("codemodder", "--describe", "--codemod-include", _CODEMOD, "."),
        "list": ("codemodder", "--list", "."),
        "path exclude": (*_CODEMODDER, "--dry-run", "--path-exclude", "models.py", "."),
        "silenced": ("codemodder", "--codemod-include", "pixee:python/unused-imports", "."),
        "several files": ("codemodder", "--codemod-include", "pixee:python/use-defusedxml", "."),
        "foreign results": ("codemodder", "--sarif", "{out}", "."),
    },
    silencers={"line": "# noqa", "unused": "# noqa"},
    lacks={
        "ignore rules": Cell(
            "unknown",
            "not checked: `--codemod-exclude` is there, but all other rules together need semgrep; "
            "without it there is a traceback, "
            "with it (1.182.0, without a network) no answer within three minutes",
        ),
        "rules of your own": Cell(
            "partly", "looked up, not run: packages with an entry point bring codemods along"
        ),
    },
    helps=(("codemodder", "--help"),),
)

PEERS = (KERASFIX, RUFF, FIXIT, TORCHFIX, DJANGO_UPGRADE, CODEMODDER)
REPOSITORY = ROOT
