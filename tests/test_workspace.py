"""Which files are found, and how new bytes take the place of old ones."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import pytest

from kerasfix.engine import Engine, FileReport
from kerasfix.plan import Plan, make_plan
from kerasfix.workspace import InputFile, Patterns, WorkspaceError, discover, read, write
from kerasfix.writing import write_plan

_is_root = hasattr(os, "geteuid") and os.geteuid() == 0
_needs_permissions = pytest.mark.skipif(_is_root or os.name == "nt", reason="every file can be read")
_needs_posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


def _make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _names(folder: Path, paths: Iterable[Path] | None = None) -> list[str]:
    """What is found, as paths below `folder`."""
    found = list(discover([folder] if paths is None else paths))
    assert not any(each.problem for each in found)
    return [each.path.relative_to(folder).as_posix() for each in found]


def _write_error(file: InputFile, data: bytes) -> str:
    with pytest.raises(WorkspaceError) as error:
        write(file, data)
    return str(error.value)


# Finding.


def test_a_folder_is_walked_in_the_order_of_names(tmp_path: Path) -> None:
    _make(tmp_path, "c.py", "a.py", "b/z.py", "b/a.py", "B.py")
    assert _names(tmp_path) == ["B.py", "a.py", "b/a.py", "b/z.py", "c.py"]


def test_only_python_files_are_found_in_a_folder(tmp_path: Path) -> None:
    _make(tmp_path, "a.py", "gui.pyw", "a.pyc", "notes.txt", "py", "stub.pyi")
    assert _names(tmp_path) == ["a.py", "gui.pyw"]


def test_files_come_in_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    _make(tmp_path, "a.py", "b.py")
    assert _names(tmp_path, [tmp_path / "b.py", tmp_path / "a.py"]) == ["b.py", "a.py"]


def test_a_given_file_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    _make(tmp_path, "script")
    [found] = discover([tmp_path / "script"])
    assert found.given
    assert not found.problem


def test_a_found_file_was_not_given(tmp_path: Path) -> None:
    _make(tmp_path, "a.py")
    [found] = discover([tmp_path])
    assert not found.given


def test_a_path_that_leads_nowhere_is_a_problem(tmp_path: Path) -> None:
    [found] = discover([tmp_path / "missing.py"])
    assert found.problem == "no such file or folder"


def test_no_file_comes_twice(tmp_path: Path) -> None:
    _make(tmp_path, "a.py", "b/c.py")
    paths = [tmp_path / "b/c.py", tmp_path, tmp_path / "b" / ".." / "a.py"]
    assert _names(tmp_path, paths) == ["b/c.py", "a.py"]


def test_a_relative_path_stays_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "pkg/a.py")
    monkeypatch.chdir(tmp_path)
    assert [found.path for found in discover([Path("pkg"), Path()])] == [Path("pkg/a.py")]


@pytest.mark.parametrize("folder", [".git", ".venv", "__pycache__", "node_modules", "build", "site-packages"])
def test_folders_of_tools_are_passed_by(tmp_path: Path, folder: str) -> None:
    _make(tmp_path, f"{folder}/a.py", f"pkg/{folder}/b.py", "pkg/c.py")
    assert _names(tmp_path) == ["pkg/c.py"]


def test_a_file_called_like_such_a_folder_is_found(tmp_path: Path) -> None:
    _make(tmp_path, "build.py")
    assert _names(tmp_path) == ["build.py"]


def test_such_a_folder_is_walked_if_it_is_given(tmp_path: Path) -> None:
    _make(tmp_path, "build/a.py")
    assert _names(tmp_path, [tmp_path / "build"]) == ["build/a.py"]


# .gitignore.


def test_what_gitignore_names_is_left_out(tmp_path: Path) -> None:
    _make(tmp_path, "a.py", "a_pb2.py", "gen/b.py", "pkg/gen/c.py")
    (tmp_path / ".gitignore").write_text("*_pb2.py\n/gen/\n")
    assert _names(tmp_path) == ["a.py", "pkg/gen/c.py"]


def test_a_pattern_of_a_folder_counts_from_that_folder(tmp_path: Path) -> None:
    _make(tmp_path, "b.py", "pkg/b.py", "pkg/sub/b.py")
    (tmp_path / "pkg/.gitignore").write_text("/b.py\n")
    assert _names(tmp_path) == ["b.py", "pkg/sub/b.py"]


def test_a_pattern_can_be_taken_back_below(tmp_path: Path) -> None:
    _make(tmp_path, "a_gen.py", "pkg/a_gen.py", "pkg/b_gen.py")
    (tmp_path / ".gitignore").write_text("*_gen.py\n")
    (tmp_path / "pkg/.gitignore").write_text("!a_gen.py\n")
    assert _names(tmp_path) == ["pkg/a_gen.py"]


def test_nothing_can_be_taken_back_inside_of_an_ignored_folder(tmp_path: Path) -> None:
    _make(tmp_path, "gen/a.py")
    (tmp_path / ".gitignore").write_text("gen/\n!gen/a.py\n")
    assert _names(tmp_path) == []


def test_a_pattern_for_folders_leaves_files_alone(tmp_path: Path) -> None:
    _make(tmp_path, "gen.py", "pkg/gen.py/a.py")
    (tmp_path / ".gitignore").write_text("gen.py/\n")
    assert _names(tmp_path) == ["gen.py"]


def test_gitignore_above_the_given_folder_counts_up_to_the_repository(tmp_path: Path) -> None:
    _make(tmp_path, "repo/.git/HEAD", "repo/pkg/sub/a.py", "repo/pkg/sub/b.py", "repo/pkg/sub/c.py")
    (tmp_path / ".gitignore").write_text("c.py\n")
    (tmp_path / "repo/.gitignore").write_text("a.py\nb.py\n")
    (tmp_path / "repo/pkg/.gitignore").write_text("!b.py\n")
    sub = tmp_path / "repo/pkg/sub"
    assert _names(sub) == ["b.py", "c.py"]


def test_gitignore_above_a_repository_does_not_count(tmp_path: Path) -> None:
    _make(tmp_path, "repo/.git/HEAD", "repo/a.py")
    (tmp_path / ".gitignore").write_text("a.py\n")
    assert _names(tmp_path / "repo") == ["a.py"]


def test_gitignore_above_counts_only_in_a_repository(tmp_path: Path) -> None:
    _make(tmp_path, "pkg/a.py")
    (tmp_path / ".gitignore").write_text("a.py\n")
    assert _names(tmp_path / "pkg") == ["a.py"]


def test_a_given_file_is_taken_though_it_is_ignored(tmp_path: Path) -> None:
    _make(tmp_path, "a.py")
    (tmp_path / ".gitignore").write_text("a.py\n")
    assert _names(tmp_path, [tmp_path / "a.py"]) == ["a.py"]


# Links and other odd files.


@_needs_posix
def test_a_link_to_a_file_is_found(tmp_path: Path) -> None:
    _make(tmp_path, "outside/real.py")
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/link.py").symlink_to(tmp_path / "outside/real.py")
    assert _names(tmp_path / "pkg") == ["link.py"]


@_needs_posix
def test_links_to_folders_are_not_followed_so_that_circles_end(tmp_path: Path) -> None:
    _make(tmp_path, "pkg/a.py")
    (tmp_path / "pkg/round").symlink_to(tmp_path / "pkg")
    (tmp_path / "pkg/folder.py").symlink_to(tmp_path)
    assert _names(tmp_path) == ["pkg/a.py"]


@_needs_posix
def test_a_given_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    _make(tmp_path, "pkg/a.py")
    (tmp_path / "link").symlink_to(tmp_path / "pkg")
    assert _names(tmp_path, [tmp_path / "link"]) == ["link/a.py"]


@_needs_posix
def test_a_broken_link_is_passed_by_when_found_and_named_when_given(tmp_path: Path) -> None:
    link = tmp_path / "broken.py"
    link.symlink_to(tmp_path / "missing.py")
    assert _names(tmp_path) == []
    [given] = discover([link])
    with pytest.raises(WorkspaceError, match=r"^cannot be read: No such file"):
        read(given.path)


@_needs_posix
def test_a_file_and_a_link_to_it_are_one_file(tmp_path: Path) -> None:
    _make(tmp_path, "a.py")
    (tmp_path / "b.py").symlink_to("a.py")
    assert len(_names(tmp_path)) == 1


@_needs_posix
def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    assert _names(tmp_path) == []
    with pytest.raises(WorkspaceError, match=r"^not a regular file$"):
        read(pipe)


def test_a_folder_is_not_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"^cannot be read: "):
        read(tmp_path)


@_needs_permissions
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    _make(tmp_path, "a.py")
    (tmp_path / "a.py").chmod(0)
    with pytest.raises(WorkspaceError, match=r"^cannot be read: Permission denied$"):
        read(tmp_path / "a.py")


def test_a_folder_that_cannot_be_listed_is_a_problem_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make(tmp_path, "a.py", "locked/b.py", "z.py")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = [(each.path.name, each.problem) for each in discover([tmp_path])]
    assert found == [("a.py", ""), ("locked", "cannot be read: Permission denied"), ("z.py", "")]


# Writing.


def test_new_bytes_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old\r\n")
    write(read(path), b"\xef\xbb\xbfnew\r\n")
    assert path.read_bytes() == b"\xef\xbb\xbfnew\r\n"
    assert os.listdir(tmp_path) == ["a.py"]


@_needs_posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755, 0o640])
def test_the_mode_of_a_file_stays(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(read(path), b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not _is_root, reason="only root may give files away")
def test_the_owner_of_a_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    os.chown(path, 12345, 54321)
    write(read(path), b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


@_needs_posix
def test_an_owner_that_cannot_be_kept_does_not_keep_the_fix_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    if _is_root:
        os.chown(path, 12345, 54321)
    monkeypatch.setattr(os, "chown", refuse)
    write(read(path), b"new")
    assert path.read_bytes() == b"new"


@_needs_posix
def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    target, link = tmp_path / "sub/real.py", tmp_path / "link.py"
    target.write_bytes(b"old")
    link.symlink_to("sub/real.py")
    write(read(link), b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path / "sub") == ["real.py"]


def test_a_file_that_was_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    file = read(path)
    path.write_bytes(b"theirs")
    assert _write_error(file, b"ours").startswith("changed while kerasfix was at work")
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_file_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    file = read(path)
    path.unlink()
    assert _write_error(file, b"new").startswith("cannot be written: ")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    assert _write_error(read(path), b"new") == "cannot be written: No space left on device"
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.py"]


def test_an_interrupted_write_leaves_nothing_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(read(path), b"new")
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_line_of_gitignore_that_is_no_pattern_names_nothing(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("!\n\\\n[z-a]\nfoo\\\nout.py\n")
    for name in ("in.py", "out.py"):
        (tmp_path / name).write_text("")
    assert [found.path.name for found in discover([tmp_path])] == ["in.py"]


def test_patterns_name_nothing_on_another_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    patterns = Patterns.of(tmp_path, ["*.py"])
    assert patterns.names(str(tmp_path / "a.py"))
    monkeypatch.setattr(os.path, "relpath", fail)
    assert not patterns.names(str(tmp_path / "a.py"))


def test_what_the_encoding_of_a_file_cannot_say_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    data = "# coding: latin-1\nx = 'é'\n".encode("latin-1")
    path.write_bytes(data)
    report = Engine().take(read(path))
    assert isinstance(report, FileReport)
    problem = write_plan(report, make_plan(report.text, lambda _source: [], lambda _finding: True))
    assert problem is None
    plan = Plan(report.text, report.text.replace("é", "模"), (), (), ())
    problem = write_plan(report, plan)
    assert problem is not None
    assert problem.reason.startswith("a fix does not fit into iso-8859-1: ")
    assert path.read_bytes() == data
