"""How the house is built: which room may look into which, and what is never loaded without need."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kerasfix"
FIXTURE = Path(__file__).parent / "fixtures" / "dcgan" / "dcgan.py"

# Room -> rooms that it may import at the top of a module. Lower rooms never look up.
MAY_IMPORT = {
    "source": set(),
    "newer": set(),
    "syntax": set(),
    "findings": {"source"},
    "diff": {"source"},
    "plan": {"source", "findings"},
    "patterns": set(),
    "workspace": {"patterns"},
    "magics": set(),
    "ipynb": {"source"},
    "notebook": {"ipynb", "magics", "source"},
    "keras": {"keras"},
    "analysis": {"analysis", "keras", "source", "syntax", "workspace"},
    "codemods": {"codemods", "analysis", "source", "syntax"},
    "rules": {"rules", "analysis", "codemods", "findings", "keras", "source", "syntax"},
    "selection": {"findings"},
    "drawn": {"source"},
    "garbage": set(),
    "groups": set(),
    "codec": set(),
    "cache": {"analysis", "codec", "finder", "workspace"},
    "finder": {"analysis", "drawn", "findings", "selection", "source", "syntax"},
    "pool": {"finder", "source"},
    "engine": {"finder", "source", "findings", "plan", "workspace"},
    "api": {"engine", "finder", "source", "findings", "plan", "selection"},
    "verify": {"verify", "analysis", "findings", "source", "syntax", "workspace"},
    "keys": {"verify", "findings"},
    "config": {"keys", "verify", "findings"},
    "proving": {
        "engine",
        "source",
        "findings",
        "keras",
        "plan",
        "analysis",
        "proving_cells",
        "proving_loops",
        "verify",
    },
    "proving_cells": {"findings", "notebook", "verify"},
    "proving_loops": {"engine", "findings", "plan", "verify"},
    "log": {"log", "analysis", "findings", "keras", "source", "syntax"},
    "output": {
        "output",
        "source",
        "findings",
        "plan",
        "diff",
        "engine",
        "keras",
        "log",
        "notebook",
        "rules",
        "verify",
        "proving",
    },
    "settings": {"config", "engine", "findings", "patterns", "selection", "verify", "workspace"},
    "sessions": {"output"},
    "options": set(),
    "guarded": set(),
    "baseline": {"engine", "findings", "keys", "source", "syntax", "workspace"},
    "adding": {"analysis", "engine", "findings", "plan", "source"},
    "listing": {"config", "keys", "settings"},
    "run": {
        "analysis",
        "config",
        "engine",
        "engines",
        "findings",
        "garbage",
        "output",
        "plan",
        "sessions",
        "settings",
        "source",
        "surroundings",
        "verify",
        "workspace",
        "writing",
    },
    "writing": {"engine", "plan", "workspace"},
    "explaining": {"config", "engine", "engines", "findings", "log", "output", "settings", "workspace"},
    "engines": {"config", "engine", "finder", "settings", "surroundings", "workspace"},
    "journal": {"workspace"},
    "surroundings": {"workspace"},
    "asking": {"engine", "findings", "output", "plan", "source"},
    "undoing": {"journal", "output", "settings"},
    "cli": {"guarded", "run", "explaining", "output", "settings", "options", "undoing"},
    "lsp": {
        "lsp",
        "adding",
        "analysis",
        "config",
        "engine",
        "finder",
        "findings",
        "garbage",
        "notebook",
        "output",
        "plan",
        "selection",
        "settings",
        "source",
        "surroundings",
        "syntax",
        "workspace",
    },
}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_run_one_way(path: Path) -> None:
    room = _room(path)
    if room in ("__init__", "__main__"):
        return
    imported = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kerasfix."):
            imported.add((node.module or "").split(".")[1])
    assert imported <= MAY_IMPORT[room]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_module_is_too_long_to_read(path: Path) -> None:
    # The cases of a rule are data that stands beside it.
    code = path.read_text("utf-8").partition("\nRULE = Rule(")[0]
    assert len(code.splitlines()) <= 400


def _loaded(*arguments: str, cwd: Path) -> set[str]:
    """The top-level names of the modules that a run of the command loads."""
    return {name.partition(".")[0] for name in _modules(*arguments, cwd=cwd)}


def _modules(*arguments: str, cwd: Path) -> set[str]:
    """The modules that a run of the command loads."""
    program = (
        "import sys\n"
        "from kerasfix.cli import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


def test_a_diff_loads_no_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "dcgan.py").write_bytes(FIXTURE.read_bytes())
    loaded = _loaded("--diff", "dcgan.py", cwd=tmp_path)
    assert "libcst" in loaded
    assert not loaded & {"tensorflow", "keras", "numpy", "rich", "pathspec", "jinja2", "pygal"}


def test_what_a_plain_run_does_not_need_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "dcgan.py").write_bytes(FIXTURE.read_bytes())
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'models'\n")
    loaded = _modules(".", cwd=tmp_path)
    assert "kerasfix.run" in loaded
    assert not loaded & {"tomllib", "tomli", "pathspec", "kerasfix.baseline", "kerasfix.adding"}
    assert not loaded & {"kerasfix.listing", "kerasfix.output.statistics"}


def test_where_there_is_nothing_to_fix_libcst_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import keras\n\n\nclass Net(keras.Model):\n    def call(self, x, training=None):\n        return x\n"
    )
    assert not _loaded("--diff", "net.py", cwd=tmp_path) & {"libcst", "tensorflow", "keras", "rich"}


# What a command may load besides what Python loads by itself; no module of these names, and none below them.
_HEAVY = frozenset(
    {
        *("libcst", "tensorflow", "keras", "numpy", "rich", "pathspec", "platformdirs", "tomllib", "tomli"),
        *("jinja2", "pygal", "multiprocessing", "subprocess", "tempfile", "asyncio", "unittest", "inspect"),
    }
)
_OPTIONS = {
    *("kerasfix", "kerasfix.cli", "kerasfix.guarded", "kerasfix.options"),
    *("kerasfix.output", "kerasfix.output.formats"),
}


def _loaded_by_click() -> set[str]:
    program = "import sys, click, dataclasses; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("argument", ["--version", "--help", "--completion"])
def test_what_needs_no_work_loads_nothing_but_the_options(tmp_path: Path, argument: str) -> None:
    loaded = _modules(argument, *(["bash"] if argument == "--completion" else []), cwd=tmp_path)
    assert {name for name in loaded if name.startswith("kerasfix")} <= _OPTIONS
    # Click asks bash for its version.
    allowed = _loaded_by_click() | ({"subprocess"} if argument == "--completion" else set())
    assert not {name.partition(".")[0] for name in loaded} & (_HEAVY - allowed)


def test_a_file_that_says_nothing_of_keras_loads_no_analysis(tmp_path: Path) -> None:
    (tmp_path / "sums.py").write_text("print(1 + 1)\n")
    loaded = _modules(".", cwd=tmp_path)
    assert not {name for name in loaded if name.startswith(("kerasfix.rules.kf", "kerasfix.codemods"))}
    assert "kerasfix.analysis.program" not in loaded
    assert not {name.partition(".")[0] for name in loaded} & (_HEAVY - _loaded_by_click())


def test_what_was_found_before_is_told_without_analysis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    (tmp_path / "dcgan.py").write_text(FIXTURE.read_text("utf-8") + "# a long file\n" * 5000, "utf-8")
    first, second = (_modules("--output-format", "concise", ".", cwd=tmp_path) for _ in range(2))
    assert "kerasfix.analysis.program" in first
    assert not {name for name in second if name.startswith(("kerasfix.rules.kf", "kerasfix.analysis.index"))}


def test_the_rule_pages_are_what_the_rules_say() -> None:
    sys.path.insert(0, str(PACKAGE.parent / "docs"))
    try:
        import make_rules
    finally:
        sys.path.pop(0)
    on_disk = {path.name: path.read_text("utf-8") for path in make_rules.FOLDER.glob("*.md")}
    assert on_disk == make_rules.pages(), "run: python docs/make_rules.py"
