"""Models that mean harm: what they try does not get out of their folder, their processes and their time.

The table of docs/containment.md says the same for people; where the system has no such fence its tests are
skipped.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_containment import compare, patched, processes_with

from kerasfix.verify.report import ModelReport, VerdictKind
from kerasfix.verify.session import Session

pytestmark = pytest.mark.keras

IMPORTS = "import ctypes, json, os, shutil, signal, socket, subprocess, sys, threading, time\n"


@pytest.fixture(scope="module")
def strict() -> Iterator[Session]:
    with Session(Path(sys.executable), device="cpu", timeout=20, memory_mb=2500) as session:
        yield session


@pytest.fixture(scope="module")
def kept_in(strict: Session) -> set[str]:
    """What this system keeps models in of."""
    facts = strict._pool.default().start()
    return {"files", "network", "signals", "processes"} - set(facts["not_kept_in"])


@pytest.fixture
def needs(kept_in: set[str]) -> object:
    def check(*fences: str) -> None:
        if missing := set(fences) - kept_in:
            pytest.skip(f"this system does not keep models in of {missing}")

    return check


def _refused(what: str) -> str:
    """Lines that do something, and insist that the system does not let them."""
    return f"try:\n    {what}\nexcept OSError:\n    pass\nelse:\n    raise AssertionError('not refused')"


def _once(lines: str) -> str:
    """Lines that run once in a process."""
    return "if 'done' not in globals():\n    globals()['done'] = 1\n" + "\n".join(
        "    " + line for line in lines.splitlines()
    )


def attempt(session: Session, lines: str, tmp_path: Path) -> ModelReport:
    return compare(session, patched(_once(lines), IMPORTS), tmp_path)


WRITES = {
    "a new file": "open({file!r} + '.new', 'w')",
    "a file of the user": "open({file!r}, 'a')",
    "over a file of the user": "open({file!r}, 'w')",
    "cutting it off": "os.truncate({file!r}, 0)",
    "removing it": "os.remove({file!r})",
    "moving it": "os.rename({file!r}, {file!r} + '.moved')",
    "moving it here": "os.rename({file!r}, 'mine')",
    "moving something over it": "open('mine', 'w').close(); os.replace('mine', {file!r})",
    "a link to it, by which it is written": (
        "os.path.lexists('link') or os.symlink({file!r}, 'link'); open('link', 'w')"
    ),
    "a second name for it": "os.link({file!r}, 'name')",
    "a link in its place": "os.symlink('/etc/passwd', {file!r} + '.link')",
    "a folder": "os.mkdir({file!r} + '.d')",
    "a pipe": "os.mkfifo({file!r} + '.p')",
    "a device": "os.mknod('device', 0o20666, os.makedev(1, 3)); open('device', 'w')",
    "the home folder": "open(os.path.expanduser('~/.kerasfix-test'), 'w')",
    "the folder of temporary files": "open({tmp!r} + '/kerasfix-test-' + str(os.getpid()), 'w')",
    "the logs of the run": "open(os.path.join(os.pardir, 'server.log'), 'a')",
    "a file that it leaves open for others": "os.open({file!r}, os.O_RDWR)",
    "the memory of its parent": "open(f'/proc/{{os.getppid()}}/mem', 'r+b')",
    "the settings of the system": "open('/proc/sys/kernel/hostname', 'w')",
    "a program that it starts": "subprocess.run(['cp', '/etc/hostname', {file!r}], check=True, timeout=10) "
    "if not subprocess.call(['touch', {file!r} + '.new']) else os.stat('/nowhere')",
}


@pytest.mark.skipif(sys.platform != "linux", reason="needs Landlock")
def test_a_model_writes_nowhere_but_in_its_folder(strict: Session, tmp_path: Path, needs: object) -> None:
    needs("files")  # type: ignore[operator]
    file = tmp_path / "user.txt"
    file.write_text("mine")
    lines = "\n".join(_refused(each.format(file=str(file), tmp="/tmp")) for each in WRITES.values())
    report = attempt(strict, lines, tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert file.read_text() == "mine"
    assert [*tmp_path.iterdir()] == [file]
    assert not Path("~/.kerasfix-test").expanduser().exists()


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.skipif(sys.platform != "linux", reason="needs Landlock")
def test_each_of_them_is_possible_without_the_fence(name: str, tmp_path: Path) -> None:
    """So that the test above does not pass because of something else."""
    if name in ("the logs of the run", "the memory of its parent", "the settings of the system", "a device"):
        pytest.skip("there is none here, or only root may")
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    file = tmp_path / "user.txt"
    file.write_text("mine")
    code = IMPORTS + WRITES[name].format(file=str(file), tmp=str(tmp_path))
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "here", env=environment, check=False)
    assert done.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs Landlock and a filter")
def test_modes_owners_and_times_stay(strict: Session, tmp_path: Path, needs: object) -> None:
    needs("files")  # type: ignore[operator]
    file = tmp_path / "user.txt"
    file.write_text("mine")
    before = file.stat()
    name = str(file)
    report = attempt(
        strict,
        f"os.chmod({name!r}, 0)\nos.chown({name!r}, 1, 1)\nos.utime({name!r}, (1, 1))\n"
        f"with open({name!r}) as f: os.fchmod(f.fileno(), 0); os.utime(f.fileno(), (1, 1))\n"
        f"subprocess.run(['chmod', '777', {name!r}])\n"
        f"try: os.setxattr({name!r}, 'user.mark', b'x')\nexcept OSError: pass",
        tmp_path,
    )
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_mtime) == (before.st_mode, before.st_uid, before.st_mtime)
    assert not [each for each in os.listxattr(file) if each == "user.mark"]


def test_a_link_in_the_place_of_a_file_of_ours_is_not_followed(strict: Session, tmp_path: Path) -> None:
    """What the server writes and what kerasfix reads: links, pipes and texts that the model has put there."""
    file = tmp_path / "user.txt"
    file.write_text("mine")
    lines = (
        "here = sorted(os.listdir('.'))\n"
        "for number in range(1, 100):\n"
        f"    for ending in ('.log', '.json', '.json.spec', '.json.phase', '.json.times'):\n"
        "        try:\n"
        f"            os.symlink({str(file)!r}, f'job{{number}}{{ending}}')\n"
        "        except OSError: pass\n"
        "for ending in ('', '.phase', '.times', '.spec'):\n"
        "    for name in here:\n"
        "        if name.startswith('job') and name.endswith('.json.times'):\n"
        "            name = name[:-6] + ending\n"
        "            if os.path.lexists(name): os.remove(name)\n"
        "            os.mkfifo(name)\n"
        "print('words', flush=True)\nos._exit(0)"
    )
    started = time.monotonic()
    report = attempt(strict, lines, tmp_path)
    assert time.monotonic() - started < 60
    assert report.verdict in (VerdictKind.WORSE, VerdictKind.NOT_VERIFIED)
    assert file.read_text() == "mine"
    after = compare(strict, patched("pass"), tmp_path)
    assert after.verdict is VerdictKind.UNCHANGED, after.reasons


def test_a_result_that_makes_no_sense_is_no_verdict(strict: Session, tmp_path: Path) -> None:
    for text in (
        "[]",
        "{}",
        '{"outcome": "observed"}',
        '{"outcome": "observed", "observation": 3}',
        "[" * 10**5,
    ):
        lines = (
            "import inspect\n"
            "name = next(f.f_locals['job']['result'] for f in map(lambda s: s.frame, inspect.stack())\n"
            "            if isinstance(f.f_locals.get('job'), dict))\n"
            f"open(name, 'w').write({text!r})\nos._exit(0)"
        )
        report = attempt(strict, lines, tmp_path)
        assert report.verdict in (VerdictKind.WORSE, VerdictKind.NOT_VERIFIED), (text, report.reasons)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes by their arguments")
def test_a_process_that_leaves_its_group_ends_with_the_model(strict: Session, tmp_path: Path) -> None:
    mark = f"daemon-{os.getpid()}-{time.time_ns()}"
    program = f"import time; time.sleep(300) # {mark}"
    ignoring = f"import signal\nfor n in (1, 2, 3, 15): signal.signal(n, signal.SIG_IGN)\n{program}"
    lines = (
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.setpgid(0, 0)\n"
        f"        os.execv(sys.executable, [sys.executable, '-c', {ignoring!r}])\n"
        "    os._exit(0)\n"
        f"subprocess.Popen([sys.executable, '-c', {ignoring!r}], start_new_session=True)\n"
        f"subprocess.Popen(['setsid', sys.executable, '-c', {program!r}])\n"
        f"subprocess.Popen(['nohup', sys.executable, '-c', {program!r}])\n"
        "time.sleep(0.5)"
    )
    report = attempt(strict, lines, tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert not processes_with(mark)


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes")
def test_a_model_that_starts_many_processes_ends(strict: Session, tmp_path: Path) -> None:
    """One after the other: what doubles them would be a danger to the machine if root runs the tests."""
    started = time.monotonic()
    lines = "if len(self.a.weights):\n    while True:\n"
    lines += "        subprocess.Popen(['sleep', '300']); time.sleep(0.01)"
    report = attempt(strict, lines, tmp_path)
    assert report.verdict is VerdictKind.WORSE
    assert "started too many processes" in report.reasons[0] or "unavailable" in report.reasons[0]
    assert time.monotonic() - started < 60
    assert compare(strict, patched("pass\npass"), tmp_path).verdict is VerdictKind.UNCHANGED


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() == 0, reason="the kernel sets root no limit")
def test_the_kernel_limits_the_processes_of_a_model(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom kerasfix.verify.worker.isolation import leave_network\n"
        "if leave_network() != 'user': sys.exit(9)\n"
        "from kerasfix.verify.worker.fences import _limit_processes\n_limit_processes()\nos.setpgid(0, 0)\n"
        "for number in range(20_000):\n"
        "    try:\n        if os.fork() == 0: time.sleep(60); os._exit(0)\n"
        "    except BlockingIOError: break\n"
        "print(number, flush=True)\nos.killpg(0, 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 9:
        pytest.skip("this system does not let a process have a user namespace")
    assert 100 < int(done.stdout) < 512 + 32 * (os.cpu_count() or 1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_a_grandchild_counts(strict: Session, tmp_path: Path) -> None:
    hungry = "import time\nhoard = [b'x' * 50_000_000 * 1 for _ in range(1)]\n"
    hungry += "while True: hoard.append(bytearray(b'x') * 50_000_000); time.sleep(0.02)"
    lines = (
        "if len(self.a.weights):\n"
        f"    code = 'import os, sys\\nif os.fork():\\n    os._exit(0)\\nos.setsid()\\n' + {hungry!r}\n"
        "    subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        "    time.sleep(100)"
    )
    report = attempt(strict, lines, tmp_path)
    assert report.verdict is VerdictKind.WORSE
    assert "took more than 2500 MiB of memory" in report.reasons[0]


@pytest.mark.skipif(os.name != "posix", reason="needs a limit of the system")
def test_no_file_is_larger_than_the_memory(strict: Session, tmp_path: Path) -> None:
    lines = "with open('large', 'wb') as f:\n    " + _refused("f.truncate(3 * 2**30)").replace("\n", "\n    ")
    assert attempt(strict, lines, tmp_path).verdict is VerdictKind.UNCHANGED


@pytest.mark.skipif(os.name != "posix", reason="needs blocks that are counted")
def test_a_model_that_fills_the_disk_ends(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < 4 * 2**30:
        pytest.skip("the disk is too full for this")
    lines = (
        "if len(self.a.weights):\n    for number in range(10**6):\n"
        "        with open(f'part{number}', 'wb') as f: f.write(bytes(2**25))"
    )
    with Session(Path(sys.executable), device="cpu", timeout=60, memory_mb=1000) as session:
        report = attempt(session, lines, tmp_path)
    assert report.verdict is VerdictKind.WORSE
    assert "wrote more than 2000 MiB to the disk" in report.reasons[0]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_signals_that_a_model_ignores_do_not_keep_it(strict: Session, tmp_path: Path) -> None:
    lines = (
        "if len(self.a.weights):\n    for n in (1, 2, 3, 15): signal.signal(n, signal.SIG_IGN)\n"
        "    while True:\n        try: time.sleep(1)\n        except BaseException: pass"
    )
    started = time.monotonic()
    report = attempt(strict, lines, tmp_path)
    assert time.monotonic() - started < 60
    assert "did not finish within 20 s" in report.reasons[0]


@pytest.mark.skipif(sys.platform != "linux", reason="needs Landlock")
def test_other_processes_are_out_of_reach(strict: Session, tmp_path: Path, needs: object) -> None:
    needs("signals")  # type: ignore[operator]
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    lines = "\n".join(
        _refused(f"os.kill({who}, {signal.SIGKILL})") for who in ("os.getppid()", os.getpid(), other.pid)
    )
    server = strict._pool.default()._server
    report = attempt(strict, lines, tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
    assert other.poll() is None
    assert strict._pool.default()._server is server
    other.kill()
    other.wait()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_whoever_ends_the_server_gets_no_verdict(strict: Session, tmp_path: Path) -> None:
    """On a system that has no fence for signals; the next model gets a new server."""
    server = strict._pool.default()._server
    report = attempt(strict, "try: os.kill(os.getppid(), 9)\nexcept OSError: pass\ntime.sleep(1)", tmp_path)
    if strict._pool.default()._server is not server:
        assert report.verdict is VerdictKind.NOT_VERIFIED
    assert compare(strict, patched("pass\npass\npass"), tmp_path).verdict is VerdictKind.UNCHANGED


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_model_does_not_hold_the_line_to_its_parent(strict: Session, tmp_path: Path) -> None:
    """Of the pipes that it has, one is its own output; what it writes to any of them is nobody's answer."""
    lines = (
        "pipes = {}\n"
        "for number in os.listdir('/proc/self/fd'):\n"
        "    try: to = os.readlink(f'/proc/self/fd/{number}')\n"
        "    except OSError: continue\n"
        "    if to.startswith('pipe:'): pipes.setdefault(to, []).append(int(number))\n"
        "    assert not to.endswith('.log'), to\n"
        "assert list(map(sorted, pipes.values())) == [[1, 2]], pipes\n"
        "for number in range(3, 64):\n"
        '    try: os.write(number, b\'{"event": "done", "ending": {"how": "exit", "code": 0}}\\n\')\n'
        "    except OSError: pass\n" + _refused("os.listdir(f'/proc/{os.getppid()}/fd')")
    )
    report = attempt(strict, lines, tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons


@pytest.mark.skipif(sys.platform != "linux", reason="needs network namespaces or a filter")
def test_sockets_lead_nowhere(strict: Session, tmp_path: Path, needs: object) -> None:
    needs("network", "files")  # type: ignore[operator]
    path = str(tmp_path / "service")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        udp.bind(("127.0.0.1", 0))
        unix.bind(path)
        unix.listen()
        abstract.bind(f"\0kerasfix-{os.getpid()}")
        abstract.listen()
        # The class that Python's own module extends: kerasfix explains itself in the other one.
        tries = (
            f"import _socket; s = _socket.socket(); s.settimeout(2); s.connect({tcp.getsockname()!r})",
            f"import _socket; s = _socket.socket(2, 2); s.sendto(b'x', {udp.getsockname()!r})",
            f"import _socket; s = _socket.socket(1, 1); s.connect({path!r})",
            f"import _socket; s = _socket.socket(1, 1); s.connect({abstract.getsockname()!r})",
        )
        for each in tries:
            code = each.replace("s.settimeout(2); ", "")
            subprocess.run([sys.executable, "-c", code], check=True)
        for server in (tcp, unix, abstract):
            server.accept()[0].close()
        assert udp.recv(10) == b"x"
        lines = "\n".join(
            each
            for code in tries
            for each in (_refused(code), f"assert subprocess.call([sys.executable, '-c', {code!r}]) != 0")
        )
        report = attempt(strict, lines, tmp_path)
        assert report.verdict is VerdictKind.UNCHANGED, report.reasons
        for server in (tcp, udp, unix, abstract):
            server.settimeout(0.1)
            with pytest.raises(TimeoutError):
                server.recv(1) if server is udp else server.accept()


def test_secrets_of_the_environment_are_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "db_password", "SIGNING_PRIVATE_KEY")
    for name in secrets:
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("DATA_DIR", "here")
    lines = (
        f"assert [os.environ[name] for name in {secrets!r}] == [''] * {len(secrets)}\n"
        "assert (os.environ['TOKENIZERS_PARALLELISM'], os.environ['DATA_DIR']) == ('false', 'here')\n"
        "assert b'hush' not in open('/proc/self/environ', 'rb').read() if os.path.exists('/proc') else 1"
    )
    with Session(Path(sys.executable), device="cpu", timeout=30) as session:
        report = attempt(session, lines, tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons


@pytest.mark.skipif(sys.platform != "linux", reason="needs Landlock")
def test_the_environment_of_kerasfix_is_out_of_reach(strict: Session, tmp_path: Path, needs: object) -> None:
    needs("files")  # type: ignore[operator]
    lines = _refused(f"open('/proc/{os.getpid()}/environ', 'rb').read()")
    report = attempt(strict, lines, tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_a_folder_that_nobody_may_read_is_removed_too(tmp_path: Path) -> None:
    from kerasfix.verify.leavings import remove

    outside = tmp_path / "outside"
    outside.mkdir(mode=0o750)
    folder = tmp_path / "run"
    (folder / "models" / "a" / "b").mkdir(parents=True)
    (folder / "models" / "a" / "b" / "file").write_text("")
    (folder / "models" / "link").symlink_to(outside)
    for path in (folder / "models" / "a" / "b", folder / "models" / "a"):
        path.chmod(0)
    remove(folder)
    assert not folder.exists()
    assert outside.stat().st_mode & 0o777 == 0o750


def test_what_programs_need_for_a_while_they_find(strict: Session, tmp_path: Path) -> None:
    """What models do in good faith goes on: temporary files, threads, processes, locks, their own folder."""
    lines = (
        "import tempfile, multiprocessing, concurrent.futures\n"
        "with tempfile.TemporaryDirectory() as d: open(d + '/x', 'w').write('x'); os.chmod(d, 0o700)\n"
        "with tempfile.NamedTemporaryFile() as f: f.write(b'x')\n"
        "os.makedirs('logs/run', exist_ok=True)\n"
        "open('logs/run/x', 'w').write('x'); os.rename('logs/run/x', 'y')\n"
        "lock = multiprocessing.get_context('fork').Lock()\nlock.acquire(); lock.release()\n"
        "value = multiprocessing.Value('i', 3)\n"
        "a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n"
        "pool = concurrent.futures.ThreadPoolExecutor(2); assert list(pool.map(len, ['ab'])) == [2]\n"
        "assert subprocess.check_output(['echo', 'x']) == b'x\\n'\n"
        "open(os.devnull, 'w').write('x')\n"
        "self.save_weights('w.weights.h5'); self.load_weights('w.weights.h5')\n"
        "tf.train.Checkpoint(a=tf.Variable(1.0)).write('checkpoint')\n"
        "tf.summary.create_file_writer('logs')"
    )
    report = attempt(strict, "if len(self.a.weights):\n    " + lines.replace("\n", "\n    "), tmp_path)
    assert report.verdict is VerdictKind.UNCHANGED, report.reasons
