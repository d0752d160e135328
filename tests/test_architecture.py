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
    "syntax": set(),
    "findings": {"source"},
    "diff": {"source"},
    "plan": {"source", "findings"},
    "patterns": set(),
    "workspace": {"patterns"},
    "magics": set(),
    "notebook": {"magics", "source"},
    "keras": {"keras"},
    "analysis": {"analysis", "keras", "source", "syntax", "workspace"},
    "codemods": {"codemods", "analysis", "source", "syntax"},
    "rules": {"rules", "analysis", "codemods", "findings", "keras", "source", "syntax"},
    "selection": {"findings"},
    "drawn": {"source"},
    "engine": {"source", "syntax", "drawn", "findings", "plan", "selection", "workspace", "analysis"},
    "api": {"engine", "source", "findings", "plan", "selection"},
    "verify": {"verify", "analysis", "findings", "source", "syntax", "workspace"},
    "keys": {"verify", "findings"},
    "config": {"keys", "verify", "findings"},
    "proving": {"engine", "source", "findings", "keras", "plan", "analysis", "proving_loops", "verify"},
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
        "findings",
        "output",
        "plan",
        "sessions",
        "settings",
        "source",
        "surroundings",
        "verify",
        "workspace",
    },
    "explaining": {"config", "engine", "findings", "log", "output", "run", "settings", "workspace"},
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
        "findings",
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
    """The top-level modules that a run of the command loads."""
    program = (
        "import sys\n"
        "from kerasfix.cli import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_a_diff_loads_no_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "dcgan.py").write_bytes(FIXTURE.read_bytes())
    loaded = _loaded("--diff", "dcgan.py", cwd=tmp_path)
    assert "libcst" in loaded
    assert not loaded & {"tensorflow", "keras", "numpy", "rich", "pathspec", "jinja2", "pygal"}


def test_what_a_plain_run_does_not_need_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "dcgan.py").write_bytes(FIXTURE.read_bytes())
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'models'\n")
    program = "import sys\nfrom kerasfix.cli import main\n"
    program += "try:\n    main(['.'])\nexcept SystemExit:\n    print(*sys.modules, file=sys.stderr)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "kerasfix.run" in loaded
    assert not loaded & {"tomllib", "tomli", "pathspec", "kerasfix.baseline", "kerasfix.adding"}
    assert not loaded & {"kerasfix.listing", "kerasfix.output.statistics"}


def test_where_there_is_nothing_to_fix_libcst_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import keras\n\n\nclass Net(keras.Model):\n    def call(self, x, training=None):\n        return x\n"
    )
    assert not _loaded("--diff", "net.py", cwd=tmp_path) & {"libcst", "tensorflow", "keras", "rich"}


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_version_and_help_load_nothing_heavy(tmp_path: Path, argument: str) -> None:
    assert not _loaded(argument, cwd=tmp_path) & {"libcst", "tensorflow", "keras", "rich", "pathspec"}


def test_the_rule_pages_are_what_the_rules_say() -> None:
    sys.path.insert(0, str(PACKAGE.parent / "docs"))
    try:
        import make_rules
    finally:
        sys.path.pop(0)
    on_disk = {path.name: path.read_text("utf-8") for path in make_rules.FOLDER.glob("*.md")}
    assert on_disk == make_rules.pages(), "run: python docs/make_rules.py"
