"""The command as its users meet it: what it prints, what it writes, how it exits."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kerasfix import __version__
from kerasfix.rules import all_rules
from tests.conftest import FIXTURES, Run

CLEAN = "import keras\n\n\nclass Net(keras.Model):\n    def call(self, x, training=None):\n        return x\n"
FAULTY = """\
from keras import Model, layers


class Net(Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x)
"""
MENDED = FAULTY.replace("self.drop(x)", "self.drop(x, training=training)")


def test_the_faults_of_the_dcgan_are_named_with_their_places(dcgan: Path, kerasfix: Run) -> None:
    done = kerasfix("dcgan.py")
    lines = [line.split(" ")[:2] for line in done.stdout.splitlines() if line.startswith("dcgan.py:")]
    assert lines == [
        ["dcgan.py:22:26:", "KF102"],
        ["dcgan.py:25:21:", "KF104"],
        ["dcgan.py:50:26:", "KF102"],
        ["dcgan.py:55:11:", "KF103"],
        ["dcgan.py:58:22:", "KF201"],
        ["dcgan.py:60:11:", "KF103"],
    ]
    assert done.returncode == 1
    assert (dcgan / "dcgan.py").read_bytes() == (FIXTURES / "dcgan" / "dcgan.py").read_bytes()


def test_apply_writes_safe_fixes_and_repairs_and_shows_the_suggestion(dcgan: Path, kerasfix: Run) -> None:
    done = kerasfix("--apply", "dcgan.py")
    text = (dcgan / "dcgan.py").read_text()
    assert "training=True" not in text
    assert "x=self.bn(x,training=training)   # noise -> features" in text
    assert "x=self.dropout2( x,training=training )" in text
    assert "x=self.conv2(inputs)" in text
    assert "Fixed dcgan.py: KF102 (2), KF103 (2), KF104" in done.stdout
    assert "+        x=self.conv2(x)" in done.stdout
    assert done.returncode == 1


def test_apply_touches_only_the_lines_that_it_has_to(dcgan: Path, kerasfix: Run) -> None:
    before = (dcgan / "dcgan.py").read_text().splitlines()
    kerasfix("--apply", "dcgan.py")
    after = (dcgan / "dcgan.py").read_text().splitlines()
    assert len(before) == len(after)
    changed = [number for number, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b]
    assert changed == [22, 25, 50, 55, 60]


@pytest.mark.parametrize("options", [[], ["--suggestions"], ["--safe-only"], ["--select", "KF104"]])
def test_the_diff_is_what_apply_with_the_same_options_writes(
    dcgan: Path, kerasfix: Run, options: list[str]
) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    done = kerasfix("--diff", *options, "dcgan.py")
    assert done.returncode == 1
    kerasfix("--apply", *options, "dcgan.py")
    applied = (dcgan / "dcgan.py").read_bytes()
    shutil.copy(FIXTURES / "dcgan" / "dcgan.py", dcgan)
    subprocess.run(["git", "apply", "-"], input=done.stdout.encode(), cwd=dcgan, check=True)
    assert (dcgan / "dcgan.py").read_bytes() == applied


def test_a_second_run_changes_nothing(dcgan: Path, kerasfix: Run) -> None:
    kerasfix("--apply", "--suggestions", ".")
    once = (dcgan / "dcgan.py").read_bytes()
    done = kerasfix("--apply", "--suggestions", ".")
    assert (dcgan / "dcgan.py").read_bytes() == once
    assert (done.returncode, done.stdout) == (0, "No faults found\n")


def test_a_sound_file_is_worth_one_line_and_exit_code_0(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(CLEAN)
    done = kerasfix("net.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No faults found\n", "")
    done = kerasfix("--diff", "net.py")
    assert (done.returncode, done.stdout) == (0, "")


def test_without_a_path_the_current_folder_is_looked_at(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "net.py").write_text(FAULTY)
    assert kerasfix().stdout.startswith("pkg/net.py:10:16: KF103 ")


def test_bad_files_get_one_line_each_and_the_others_are_done(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "broken.py").write_text("import keras\n\nclass Net(:\n")
    (tmp_path / "binary.py").write_bytes(b"\0\1keras")
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9 keras class\n")
    (tmp_path / "net.py").write_text(FAULTY)
    done = kerasfix("--apply", "broken.py", "binary.py", "latin.py", "net.py", "gone.py")
    assert done.returncode == 2
    assert [line.partition(": error: ")[0] for line in done.stderr.splitlines()] == [
        "broken.py:3",
        "binary.py",
        "latin.py",
        "gone.py",
    ]
    assert "Traceback" not in done.stderr
    assert (tmp_path / "net.py").read_text() == MENDED


def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    os.mkfifo(tmp_path / "pipe.py")
    done = kerasfix("pipe.py", "net.py")
    assert done.returncode == 2
    assert "pipe.py: error: not a regular file" in done.stderr
    assert "net.py:10:16: KF103" in done.stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FAULTY.replace("\n", "\r\n").encode(), MENDED.replace("\n", "\r\n").encode()),
        (FAULTY.replace("    ", "\t").encode(), MENDED.replace("    ", "\t").encode()),
        (b"\xef\xbb\xbf" + FAULTY.encode(), b"\xef\xbb\xbf" + MENDED.encode()),
        (FAULTY.rstrip("\n").encode(), MENDED.rstrip("\n").encode()),
        (
            f"# coding: latin-1\n# caf\xe9\n{FAULTY}".encode("latin-1"),
            f"# coding: latin-1\n# caf\xe9\n{MENDED}".encode("latin-1"),
        ),
        (
            FAULTY.replace("self.drop(x)", "'é🙂', self.drop(x)").encode(),
            FAULTY.replace("self.drop(x)", "'é🙂', self.drop(x, training=training)").encode(),
        ),
    ],
    ids=["crlf", "tabs", "byte order mark", "no final newline", "latin-1", "wide characters"],
)
def test_bytes_outside_an_edit_stay_the_same_bytes(
    tmp_path: Path, kerasfix: Run, before: bytes, after: bytes
) -> None:
    (tmp_path / "net.py").write_bytes(before)
    diff = kerasfix("--diff", "net.py").stdout_bytes
    kerasfix("--apply", "net.py")
    assert (tmp_path / "net.py").read_bytes() == after
    if shutil.which("git"):
        (tmp_path / "net.py").write_bytes(before)
        subprocess.run(["git", "apply", "-"], input=diff, cwd=tmp_path, check=True)
        assert (tmp_path / "net.py").read_bytes() == after


def test_mode_is_kept_and_links_are_followed(tmp_path: Path, kerasfix: Run) -> None:
    real = tmp_path / "real.py"
    real.write_text(FAULTY)
    real.chmod(0o750)
    (tmp_path / "link.py").symlink_to("real.py")
    assert kerasfix("--apply", "link.py").returncode == 0
    assert (tmp_path / "link.py").is_symlink()
    assert real.read_text() == MENDED
    assert stat.S_IMODE(real.stat().st_mode) == 0o750
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.py", "real.py"]


def test_as_a_filter_it_gives_back_the_fixed_source(kerasfix: Run) -> None:
    done = kerasfix("-", "--apply", "--stdin-filename", "net.py", stdin=FAULTY)
    assert (done.returncode, done.stdout) == (0, MENDED)
    done = kerasfix("-", "--stdin-filename", "net.py", stdin=FAULTY)
    assert done.stdout.startswith("net.py:10:16: KF103")
    done = kerasfix("-", "--diff", "--stdin-filename", "net.py", stdin=FAULTY)
    assert done.stdout.startswith("--- a/net.py\n+++ b/net.py\n")


def test_as_a_filter_it_gives_back_what_it_cannot_parse(kerasfix: Run) -> None:
    done = kerasfix("-", "--apply", "--stdin-filename", "net.py", stdin="class (:\n")
    assert (done.returncode, done.stdout) == (2, "class (:\n")
    assert done.stderr.startswith("net.py:1: error: syntax error: ")


def test_rules_can_be_chosen(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    assert kerasfix("--ignore", "KF103", "net.py").returncode == 0
    assert kerasfix("--select", "kf2,KF104", "net.py").returncode == 0
    assert kerasfix("--select", "KF1", "net.py").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--diff", "--apply"], "--diff, --apply, --interactive and --undo exclude each other"),
        (["--safe-only", "--suggestions"], "exclude each other"),
        (["--report", "r.json"], "--report needs --verify"),
        (["--select", "KF9"], "no rule KF9"),
        (["--explain", "KF9"], "No rule KF9"),
        (["-", "net.py"], "goes with no other path"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_bad_options_exit_with_2_and_one_reason(kerasfix: Run, arguments: list[str], message: str) -> None:
    done = kerasfix(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_verify_without_tensorflow_says_in_one_line_what_to_install(dcgan: Path, kerasfix: Run) -> None:
    bare = dcgan / "bare"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(bare)],
        check=True,
    )
    done = kerasfix("--apply", "--verify", "--python", bare / "bin" / "python", "dcgan.py")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install" in done.stderr
    assert (dcgan / "dcgan.py").read_bytes() == (FIXTURES / "dcgan" / "dcgan.py").read_bytes()


def test_every_rule_explains_itself(kerasfix: Run) -> None:
    done = kerasfix("--explain", "kf201")
    assert done.returncode == 0
    assert done.stdout.startswith("# chain-break (KF201)\n")


def test_version_and_completion(kerasfix: Run) -> None:
    assert kerasfix("--version").stdout == f"kerasfix {__version__}\n"
    assert "_KERASFIX_COMPLETE" in kerasfix("--completion", "bash").stdout


def test_the_readme_lists_every_rule_and_every_option(kerasfix: Run) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    for rule in all_rules():
        assert f"[{rule.code}](docs/rules/{rule.code}.md)" in readme
    options = {word.strip(",:.") for word in kerasfix("--help").stdout.split() if word.startswith("--")}
    for option in options - {"--help", "--version"}:
        assert option in readme, option


def test_a_reader_that_goes_away_is_no_crash(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"net{number}.py").write_text(FAULTY)
    done = subprocess.run(
        f"{sys.executable} -m kerasfix . | head -n 1",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_the_diff_of_a_file_outside_of_the_folder_is_taken_at_the_root(
    tmp_path: Path,
) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "a folder").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "a folder" / "net.py").write_text(FAULTY)
    command = [sys.executable, "-m", "kerasfix", "--diff", "../a folder/net.py"]
    diff = subprocess.run(command, cwd=tmp_path / "sub", capture_output=True, check=False).stdout
    subprocess.run(["git", "apply", "-"], input=diff, cwd=tmp_path, check=True)
    assert (tmp_path / "a folder" / "net.py").read_text() == MENDED


def test_a_link_beside_its_file_is_one_change(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    (tmp_path / "also.py").symlink_to("net.py")
    done = kerasfix("--diff", ".")
    assert done.stdout.count("--- a/") == 1
    assert "--- a/net.py" in done.stdout


def test_an_empty_path_is_not_the_current_folder(tmp_path: Path, kerasfix: Run) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    done = kerasfix("--apply", "")
    assert (done.returncode, (tmp_path / "net.py").read_text()) == (2, FAULTY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kerasfix", "--diff", "net.py"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "error: cannot write: No space left on device\n"
