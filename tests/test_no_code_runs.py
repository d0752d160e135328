"""Nothing of a project runs without --verify, however it goes about it.

The command runs in an interpreter that tells of all it does (audit events): what is executed, imported,
started, written, and which sockets are made. The project sets every trap that a tool may step into.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Found as `sitecustomize` by way of PYTHONPATH: there before a line of kerasfix is.
SPY = r"""
import atexit, io, json, os, sys

TREE = os.environ["SPY_TREE"]
LOG = os.environ["SPY_LOG"]
seen = []
STARTS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.system")
ODD = ("os.startfile", "pty.spawn", "ctypes.dlopen", "ctypes.dlsym", "pickle.find_class")
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
           "os.chmod", "os.chown", "os.utime", "shutil.rmtree", "shutil.copyfile", "shutil.move")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
here = TREE + os.sep

def place(path):
    return os.path.realpath(os.fsdecode(path))

def note(event, *what):
    seen.append([event, *map(str, what)])

def hook(event, args):
    if event == "exec":
        file = getattr(args[0], "co_filename", "")
        if not file.startswith("<") and place(file).startswith(here):
            note(event, file)
    elif event in STARTS or event in ODD or event.startswith("socket."):
        # An event loop wakes itself by a pair of sockets that nobody else can reach.
        if event != "socket.__new__":
            note(event, *args[:2])
    elif event == "open":
        path, _mode, flags = args
        if isinstance(path, (str, bytes, os.PathLike)) and isinstance(flags, int) and flags & WRITING:
            note("write", place(path))
    elif event in CHANGES:
        for each in args[:2]:
            # To make sure that a folder is there makes nothing.
            is_path = isinstance(each, (str, bytes, os.PathLike))
            if is_path and not (event == "os.mkdir" and os.path.isdir(each)):
                note("write", place(each))

def tell():
    told = [*seen]
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        if file and place(file).startswith(here):
            told.append(["import", name, file])
    with io.open(LOG, "w", encoding="utf-8") as file:
        json.dump(told, file)

atexit.register(tell)
sys.addaudithook(hook)
"""
HARM = "open({marker!r}, 'a').write(__name__)\n"
MODEL = """\
import os, sys, subprocess
from keras import Model, layers


class Net(Model):
    os.system("touch {marker}")

    def __init__(self, units=eval("open({marker!r}, 'w')")):
        super().__init__()
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None, more=__import__("subprocess").run(["touch", {marker!r}])):
        return self.drop(self.norm(x, training=True))


Net()(1)
"""
# Names that kerasfix, or what it is made of, imports.
SHADOWS = [
    "sitecustomize.py",
    "usercustomize.py",
    "conftest.py",
    "setup.py",
    "__init__.py",
    "__main__.py",
    "libcst.py",
    "click.py",
    "rich/__init__.py",
    "tensorflow/__init__.py",
    "keras.py",
    "tf_keras.py",
    "pathspec.py",
    "platformdirs.py",
    "tomli.py",
    "tomllib.py",
    "ast.py",
    "json.py",
    "tokenize.py",
    "dataclasses.py",
    "typing_extensions.py",
    "yaml.py",
    "jinja2.py",
    "encodings/evil.py",
    "encodings/__init__.py",
]
PYPROJECT = """\
[build-system]
requires = ["evil"]
build-backend = "conftest"
backend-path = ["."]

[tool.pytest.ini_options]
addopts = "-p conftest"

[tool.other]
extend = "../../../../etc/passwd"
command = "touch {marker}"
"""
ODD_SETTINGS = {
    "a huge number": "min-severity = 99999999999999999999999999999999999999\n",
    "a number of a million digits": "min-severity = " + "9" * 1_000_000 + "\n",
    "a command": 'command = "touch {marker}"\n',
    "another file": 'extend = "../outside.toml"\n',
    "a path out of the tree": 'exclude = ["../../**", "/etc", "$(touch {marker})", "`touch {marker}`"]\n',
    "deep nesting": "select = " + "[" * 100_000 + "]" * 100_000 + "\n",
    "escapes": 'ignore = ["\\u0000\\u001b[2J", "$(touch {marker})"]\n',
    "code for a model": "[verify.Net]\ninit = {{ units = \"__import__('os').system('touch {marker}')\" }}\n",
}
GIT_CONFIG = """\
[core]
\tfsmonitor = touch {marker}
\thooksPath = hooks
\tpager = touch {marker}
\tsshCommand = touch {marker}
\texcludesFile = |touch {marker}
[diff]
\texternal = touch {marker}
[filter "evil"]
\tclean = touch {marker}
\tsmudge = touch {marker}
"""
CELLS = [
    "!touch {marker}\n",
    "%run model.py\n%load_ext keras\nget_ipython().system('touch {marker}')\nlines = !touch {marker}\n",
    "%%bash\ntouch {marker}\n",
    "%%python\nopen({marker!r}, 'w')\n",
    "{model}",
]


@dataclass(frozen=True)
class Spied:
    """What a run of the command did."""

    code: int
    out: str
    err: str
    events: list[list[str]]


@dataclass(frozen=True)
class Trap:
    """A project that does harm as soon as anything of it runs.

    Attributes:
        tree: Its folder.
        marker: A file that is there once harm was done.
        outside: The folder of what the tests bring along: the spy, the state of the user.
    """

    tree: Path
    marker: Path
    outside: Path

    def fill(self, text: str) -> str:
        return text.format(marker=str(self.marker), model="")

    def run(self, *arguments: str, how: tuple[str, ...] = ("command",), stdin: str = "") -> Spied:
        """Run the command in the folder of the project, with the eyes of the spy on it."""
        start = [str(self.outside / "command.py")] if how == ("command",) else [*how]
        done = subprocess.run(
            [sys.executable, *start, *arguments],
            cwd=self.tree,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return Spied(done.returncode, done.stdout, done.stderr, self.events())

    def environment(self) -> dict[str, str]:
        """With it, an interpreter is watched."""
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.outside / "spy"), *_path_of_kerasfix()]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SPY_TREE": os.path.realpath(self.tree),
            "SPY_LOG": str(self.outside / "log.json"),
            "HOME": str(self.outside / "home"),
            "XDG_STATE_HOME": str(self.outside / "home" / "state"),
            "LOCALAPPDATA": str(self.outside / "home" / "local"),
            "NO_COLOR": "1",
        }

    def events(self) -> list[list[str]]:
        """What the last interpreter did."""
        log = self.outside / "log.json"
        told: list[list[str]] = json.loads(log.read_text("utf-8"))
        log.unlink()
        return told

    def faults(self, spied: Spied, written: tuple[str, ...] = ()) -> list[list[str]]:
        """What a run did and should not have done.

        Args:
            written: Names of files of the project that it may write.
        """
        root = os.path.realpath(self.tree)
        allowed = {os.path.join(root, name) for name in written}
        home = os.path.realpath(self.outside / "home")
        return [each for each in spied.events if each[0] != "write" or not self._may(each[1], allowed, home)]

    def _may(self, path: str, allowed: set[str], home: str) -> bool:
        if path == os.devnull or path in allowed or path.startswith(home + os.sep):
            return True
        # A new file takes the place of the old one.
        folder, name = os.path.split(path)
        return name.startswith(".kerasfix-") and any(os.path.dirname(each) == folder for each in allowed)


def _path_of_kerasfix() -> list[str]:
    import kerasfix

    return [str(Path(kerasfix.__file__).parent.parent)]


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    trap = Trap(tmp_path / "tree", tmp_path / "harm was done", tmp_path / "outside")
    _write(trap.outside / "spy" / "sitecustomize.py", SPY)
    _write(
        trap.outside / "command.py",
        "import sys\nfrom kerasfix.cli import main\nsys.exit(main(prog_name='kerasfix'))\n",
    )
    (trap.outside / "home").mkdir()
    harm = trap.fill(HARM)
    model = trap.fill(MODEL)
    for name in SHADOWS:
        _write(trap.tree / name, harm + model)
    _write(trap.tree / "model.py", model)
    _write(trap.tree / "cookie.py", "# coding: evil\n" + model)
    _write(trap.tree / "cookie2.py", "# -*- coding: encodings.evil -*-\n" + model)
    _write(trap.tree / "cookie3.py", "# vim: set fileencoding=../evil :\n" + model)
    _write(trap.tree / "imports.py", "from model import Net\nimport encodings.evil\n\n\nclass B(Net): ...\n")
    _write(trap.tree / "evil.pth", f"import os; os.system('touch {trap.marker}')\n")
    _write(trap.tree / "__pycache__" / "click.cpython-311.pyc", "no code")
    _write(trap.tree / "pyproject.toml", trap.fill(PYPROJECT))
    _write(
        trap.tree / ".gitignore", f"!(touch {trap.marker})\n$(touch {trap.marker})\n[\n\\\n!\n/../*\n**\x00\n"
    )
    _write(trap.tree / ".gitattributes", "* filter=evil diff=evil\n")
    _write(trap.tree / ".git" / "config", trap.fill(GIT_CONFIG))
    _write(trap.tree / ".git" / "HEAD", "ref: refs/heads/main\n")
    for hook in ("pre-commit", "post-checkout", "fsmonitor-watchman", "query-watchman"):
        _write(trap.tree / ".git" / "hooks" / hook, f"#!/bin/sh\ntouch '{trap.marker}'\n", mode=0o755)
    _write(trap.tree / ".editorconfig", f"root = $(touch {trap.marker})\n")
    _write(trap.tree / ".vscode" / "settings.json", json.dumps({"python.pythonPath": f"touch {trap.marker}"}))
    _write(trap.tree / ".venv" / "bin" / "python", f"#!/bin/sh\ntouch '{trap.marker}'\n", mode=0o755)
    cells = [
        {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for source in (each.format(marker=str(trap.marker), model=model) for each in CELLS)
    ]
    book: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    _write(trap.tree / "book.ipynb", json.dumps(book, indent=1))
    log = f'File "{trap.tree}/model.py", line 14, in call\nWARNING: Gradients do not exist for variables\n'
    _write(trap.tree / "train.log", log)
    yield trap
    assert not trap.marker.exists()


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)


READING = [
    [],
    ["--diff"],
    ["--diff", "--suggestions"],
    ["--statistics"],
    ["--statistics", "--output-format", "json"],
    *(
        ["--output-format", each]
        for each in ("text", "concise", "json", "sarif", "github", "gitlab", "junit")
    ),
    ["--explain-log", "train.log"],
    ["--show-settings"],
    ["--list-rules"],
    ["book.ipynb"],
    ["--diff", "book.ipynb"],
    ["cookie.py", "cookie2.py", "cookie3.py"],
    ["--interactive"],
]


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_run_that_reads_does_nothing_else(trap: Trap, arguments: list[str]) -> None:
    before = _content(trap.tree)
    path = [] if any(each.split(".")[-1] in ("ipynb", "py") for each in arguments) else ["."]
    spied = trap.run(*arguments, *path, stdin="n\n" * 500)
    assert spied.code in (0, 1, 2), spied.err
    assert "Traceback" not in spied.err
    assert trap.faults(spied) == []
    assert _content(trap.tree) == before


def test_the_faults_of_the_trap_are_found(trap: Trap) -> None:
    """So that the tests of this file look at runs that do their work."""
    done = trap.run("--output-format", "concise", ".")
    for name in ("model.py", "click.py", "book.ipynb"):
        assert f"{name}:" in done.out
    assert trap.run("model.py").code == 1


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["--apply", "model.py"], ["model.py"]),
        (["--apply", "--suggestions", "model.py", "book.ipynb"], ["model.py", "book.ipynb"]),
        (["--add-noqa", "model.py"], ["model.py"]),
        (["--baseline", "known.json", "."], ["known.json"]),
        (["-o", "found.json", "--output-format", "json", "."], ["found.json"]),
        (["--interactive", "model.py"], ["model.py"]),
    ],
    ids=str,
)
def test_a_run_that_writes_writes_what_it_was_told_to(
    trap: Trap, arguments: list[str], written: list[str]
) -> None:
    spied = trap.run(*arguments, stdin="y\n" * 100)
    assert "Traceback" not in spied.err
    assert trap.faults(spied, tuple(written)) == []
    assert {"write"} == {each[0] for each in spied.events}


def test_taking_back_what_was_written(trap: Trap) -> None:
    before = _content(trap.tree)
    assert trap.faults(trap.run("--apply", "model.py"), ("model.py",)) == []
    assert _content(trap.tree) != before
    assert trap.faults(trap.run("--undo"), ("model.py",)) == []
    assert _content(trap.tree) == before


@pytest.mark.parametrize("arguments", [[], ["--apply"], ["--diff"]], ids=str)
def test_standard_input(trap: Trap, arguments: list[str]) -> None:
    text = trap.fill(MODEL)
    spied = trap.run(*arguments, "--stdin-filename", "model.py", "-", stdin=text)
    assert "KF" in spied.out + spied.err or "training=training" in spied.out
    assert trap.faults(spied) == []


@pytest.mark.parametrize("name", ODD_SETTINGS)
def test_settings_are_values_and_nothing_else(trap: Trap, name: str) -> None:
    _write(trap.tree / "kerasfix.toml", ODD_SETTINGS[name].format(marker=str(trap.marker)))
    for arguments in (["."], ["--show-settings", "."], ["--apply", "model.py"]):
        spied = trap.run(*arguments)
        assert spied.code in (0, 1, 2)
        assert "Traceback" not in spied.err, spied.err
        assert trap.faults(spied, ("model.py",)) == []


def test_as_a_module_the_current_folder_is_not_where_packages_are_looked_for(trap: Trap) -> None:
    spied = trap.run("--diff", ".", how=("-m", "kerasfix"))
    assert "Traceback" not in spied.err, spied.err
    assert "+++" in spied.out
    assert trap.faults(spied) == []


def test_a_module_of_somebody_else_keeps_its_path(tmp_path: Path) -> None:
    """Only `python -m kerasfix` leaves the current folder out."""
    _write(tmp_path / "mine" / "__init__.py", "import kerasfix\n")
    _write(tmp_path / "mine" / "check.py", "import helper\nprint(helper.WORD)\n")
    _write(tmp_path / "helper.py", "WORD = 'found'\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_path_of_kerasfix())}
    for arguments in ([], ["kerasfix"], ["-m", "kerasfix"]):
        done = subprocess.run(
            [sys.executable, "-m", "mine.check", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "found\n", done.stderr


def test_the_language_server_runs_nothing(trap: Trap) -> None:
    pytest.importorskip("pygls")
    text = trap.fill(MODEL)
    uri = (trap.tree / "model.py").as_uri()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    place = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    asked: list[dict[str, Any]] = [
        {
            "id": 1,
            "method": "initialize",
            "params": {"processId": None, "rootUri": trap.tree.as_uri(), "capabilities": {}},
        },
        {"method": "initialized", "params": {}},
        {"method": "textDocument/didOpen", "params": {"textDocument": document}},
        {"id": 2, "method": "textDocument/diagnostic", "params": {"textDocument": {"uri": uri}}},
        {
            "id": 3,
            "method": "textDocument/codeAction",
            "params": {"textDocument": {"uri": uri}, "range": place, "context": {"diagnostics": []}},
        },
    ]
    _write(trap.outside / "server.py", "from kerasfix.lsp import main\nmain()\n")
    for how in ([str(trap.outside / "server.py")], ["-m", "kerasfix.lsp"]):
        server = subprocess.Popen(
            [sys.executable, *how],
            cwd=trap.tree,
            env=trap.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(b"".join(_message(each) for each in asked))
        server.stdin.flush()
        said = b""
        # Its answers, in whichever order, before it is told to end.
        while b'"id": 2' not in said or b'"id": 3' not in said:
            part = os.read(server.stdout.fileno(), 2**16)
            assert part
            said += part
        last = _message({"id": 4, "method": "shutdown"}) + _message({"method": "exit"})
        rest, errors = server.communicate(last)
        spied = Spied(server.returncode, (said + rest).decode(), errors.decode(), trap.events())
        assert "KF106" in spied.out, spied.err
        assert trap.faults(spied) == []


def _message(content: dict[str, Any]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **content}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("import os, sys; sys.path.insert(0, os.getcwd()); import harmless", "exec"),
        ("import os, sys; sys.path.insert(0, os.getcwd()); import harmless", "import"),
        ("exec(compile(open('harmless.py').read(), 'harmless.py', 'exec'))", "exec"),
        ("import subprocess, sys; subprocess.run([sys.executable, '-c', ''])", "subprocess.Popen"),
        ("import os; os.system('true')", "os.system"),
        ("import os; os.waitpid(os.fork() or os._exit(0), 0)", "os.fork"),
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
        ("import ctypes; ctypes.CDLL(None)", "ctypes.dlopen"),
        ("open('new.txt', 'w')", "write"),
        ("import os; os.close(os.open('new.txt', os.O_CREAT | os.O_WRONLY))", "write"),
        ("import os; os.rename('harmless.py', 'harmful.py')", "write"),
    ],
    ids=str,
)
@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_the_spy_sees(trap: Trap, code: str, event: str) -> None:
    _write(trap.tree / "harmless.py", "x = 1\n")
    spied = trap.run("-c", code, how=())
    assert spied.code == 0, spied.err
    assert event in {each[0] for each in trap.faults(spied)}


def test_the_trap_snaps(trap: Trap) -> None:
    """The modules of the project do harm once they are imported."""
    spied = trap.run("-c", "import click", how=())
    assert trap.marker.exists()
    assert {"exec", "write"} <= {each[0] for each in trap.faults(spied)}
    trap.marker.unlink()


def _content(tree: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(tree.rglob("*")) if path.is_file()}
