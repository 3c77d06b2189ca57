"""When a process started, how it ended, and locks that a dead one cannot hold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.errors import GenotypeError, NasbenchError
from nasbench.processes import call_elsewhere, cause_of_death, locked_directory, start_ticks, temporary_prefix, try_lock
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


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="only Linux says when a process started")
def test_temporary_folders_of_killed_processes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may have been given the pid of a killed one: its start tells them apart. Folders with other names stay."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    script = "import tempfile; from nasbench.processes import *; import os; tempfile.mkdtemp(prefix=temporary_prefix('nb-')); os._exit(9)"
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    [killed] = tmp_path.iterdir()
    (killed / "large").write_text("x")
    own = tmp_path / f"nb-{os.getpid()}-{start_ticks(os.getpid())}-abc"
    earlier = tmp_path / f"nb-{os.getpid()}-{(start_ticks(os.getpid()) or 1) - 1}-abc"
    for folder in (own, earlier, tmp_path / "nb-abc", tmp_path / "nb-12-x", tmp_path / "other-1-1-x"):
        folder.mkdir()
    assert temporary_prefix("nb-") == f"nb-{os.getpid()}-{start_ticks(os.getpid())}-"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([own.name, "nb-abc", "nb-12-x", "other-1-1-x"])


def test_a_function_is_called_in_a_fresh_process() -> None:
    assert call_elsewhere(os.getpid) != os.getpid()
    assert call_elsewhere(divmod, 17, 5) == (3, 2)
    assert call_elsewhere(print, "this is not the result") is None


def test_an_error_of_ours_arrives_from_there_and_a_death_is_said() -> None:
    with pytest.raises(GenotypeError, match="there is no known network 'resnet5'"):
        call_elsewhere(known, "resnet5")
    with pytest.raises(NasbenchError, match=r"the process that should call _exit ended without a result \(exit code 7\)"):
        call_elsewhere(os._exit, 7)
