"""When a process started, how it ended, and locks that a dead one cannot hold."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nasbench.errors import GenotypeError, NasbenchError
from nasbench.processes import (
    LONGEST_SOCKET,
    TemporaryFolder,
    call_elsewhere,
    cause_of_death,
    describe_process,
    lock_holders,
    locked_directory,
    own_family,
    root_for_sockets,
    short_command,
    start_ticks,
    try_lock,
)
from nasbench.zoo import known


@pytest.mark.parametrize(
    ("exit_code", "cause"),
    [
        (0, "ended without a result (exit code 0)"),
        (7, "ended without a result (exit code 7)"),
        (None, "ended without a result (exit code None)"),
        (-signal.SIGKILL, "was killed by SIGKILL; often the system ran out of memory"),
        (-signal.SIGSEGV, "was killed by SIGSEGV"),
        (-(signal.SIGRTMIN + 3), f"was killed by signal {signal.SIGRTMIN + 3}"),  # it has no name
    ],
)
def test_an_exit_code_in_words(exit_code: int | None, cause: str) -> None:
    assert cause_of_death(exit_code) == cause


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="only Linux says when a process started")
def test_pid_and_start_name_one_process() -> None:
    own = start_ticks(os.getpid())
    assert own is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = start_ticks(child.pid)
        assert started is not None
        assert started >= own
        assert started == start_ticks(child.pid)
        child.communicate(b"\n")
    assert start_ticks(child.pid) is None


@pytest.mark.parametrize(
    ("first", "second", "both"), [(False, False, False), (False, True, False), (True, False, False), (True, True, True)]
)
def test_a_lock_is_held_alone_or_shared(tmp_path: Path, first: bool, second: bool, both: bool) -> None:
    path = tmp_path / "lock"
    with open(path, "w") as one:
        assert try_lock(one, shared=first)
        with open(path) as other:  # another open file counts as another process
            assert try_lock(other.fileno(), shared=second) == both
    with open(path) as later:
        assert try_lock(later)


def test_a_killed_process_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = f"from nasbench.processes import try_lock; f = open({str(path)!r}, 'w'); print(try_lock(f), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "True\n"
        with open(path) as file:
            assert not try_lock(file)
            child.kill()
            child.wait()
            assert try_lock(file)


def test_a_directory_is_held_until_its_process_ends(tmp_path: Path) -> None:
    """The second process writes only after the first was killed."""
    code = (
        "import sys, time; from pathlib import Path; from nasbench.processes import locked_directory\n"
        f"with locked_directory(Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(float(sys.argv[1]))"
    )
    first = subprocess.Popen([sys.executable, "-c", code, "60"], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"held\n"
    second = subprocess.Popen([sys.executable, "-c", code, "0"], stdout=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(2)
    first.kill()
    first.communicate()
    assert second.communicate(timeout=60)[0] == b"held\n"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(NasbenchError, match=r"cannot write to .*/none: No such file or directory; was it deleted"),
        locked_directory(tmp_path / "none"),
    ):
        pass


ABANDON = """
import os, sys
from nasbench.processes import TemporaryFolder
folder = TemporaryFolder("test", sys.argv[1])
(folder.path / "file").write_text("left")
print(folder.path, flush=True)
if sys.argv[2] == "dies":
    os._exit(0)
input()
folder.close()
"""


def test_a_new_folder_removes_those_of_dead_processes_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ABANDON, tmp_path]
    alive = subprocess.Popen([*command, "lives"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert alive.stdout is not None
    used = Path(alive.stdout.readline().strip())
    dead = Path(subprocess.run([*command, "dies"], capture_output=True, text=True, check=True).stdout.strip())
    others = [tmp_path / name for name in ("nasbench-test-notes", "nasbench-test-1x-y", "elsewhere")]
    for folder in others:
        folder.mkdir()
    (tmp_path / f"nasbench-test-{os.getpid()}-link").symlink_to(others[0])
    assert (dead / "file").exists()
    with TemporaryFolder("test", str(tmp_path)) as own:
        assert own.stat().st_mode & 0o077 == 0
        assert not dead.exists()
        assert (used / "file").exists()
        assert all(folder.exists() for folder in others)
    assert not own.exists()
    alive.communicate("end\n")
    assert not used.exists()


def test_a_number_that_another_process_has_now_keeps_no_folder(tmp_path: Path) -> None:
    """Process numbers are given again. The lock tells, and for a minute also the age, since a folder is locked after it is made."""
    old, new = (tmp_path / f"nasbench-test-{os.getpid()}-{word}" for word in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (time.time() - 3600,) * 2)
    TemporaryFolder("test", str(tmp_path)).close()
    assert (old.exists(), new.exists()) == (False, True)


def test_sockets_have_a_short_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket is bound in the folder with the longest name that it may have."""
    rest = len("/nasbench-server-4194304-abcdefgh/listener-abcdefgh")
    for usual in ("/tmp", "/var/tmp", "/" + "x" * 55, "/" + "x" * 56, "/" + "é" * 40):
        monkeypatch.setattr("tempfile.gettempdir", lambda usual=usual: usual)
        root = root_for_sockets(rest)
        assert len(os.fsencode(root)) + rest <= LONGEST_SOCKET
        assert root in (usual, "/tmp")
    assert root_for_sockets(10) == "/" + "é" * 40


def test_a_folder_is_removed_while_others_write_in_it(tmp_path: Path) -> None:
    folder = TemporaryFolder("test", str(tmp_path))
    (folder.path / "deep" / "er").mkdir(parents=True)
    folder.close()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_who_holds_a_lock_is_known(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with open(path, "w") as file:
        assert lock_holders(file.fileno()) == []
        assert try_lock(file)
        assert lock_holders(file.fileno()) == [os.getpid()]
        assert lock_holders(file.fileno(), tmp_path / "none") == [], "the kernel does not say"


def test_a_process_in_words() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()", "a\nb"], stdin=subprocess.PIPE)
    try:
        assert re.fullmatch(rf"process {child.pid} \(python\S* -c input\(\) a b, of \S+, since \d\d:\d\d\)", describe_process(child.pid))
        assert child.pid in own_family()
        assert os.getpid() in own_family()
    finally:
        child.communicate(b"\n")
    assert describe_process(child.pid) == f"process {child.pid}"
    assert child.pid not in own_family()


def test_a_long_command_is_cut() -> None:
    words = short_command(["/opt/bin/train", "--data", "/mnt/images", *map(str, range(100))])
    assert words.startswith("train --data images 0 1")
    assert len(words) == 48


def test_a_function_is_called_in_a_fresh_process() -> None:
    assert call_elsewhere(os.getpid) != os.getpid()
    assert call_elsewhere(divmod, 17, 5) == (3, 2)
    assert call_elsewhere(print, "this is not the result") is None


def test_an_error_of_ours_arrives_from_there_and_a_death_is_said() -> None:
    with pytest.raises(GenotypeError, match="there is no known network 'resnet5'"):
        call_elsewhere(known, "resnet5")
    with pytest.raises(NasbenchError, match=r"the process that should call _exit ended without a result \(exit code 7\)"):
        call_elsewhere(os._exit, 7)
