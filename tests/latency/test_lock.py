from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.errors import DeviceError
from nasbench.latency import lock
from nasbench.latency.lock import FILE, is_shared, lock_path, machine_lock

OTHER = """
import os, sys
os.umask(0o077)
if len(sys.argv) > 2:
    import nasbench.latency.lock  # before the rights to read it are given up
    os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
from nasbench.latency.lock import machine_lock
with machine_lock(shared=sys.argv[1] == "shared", say=lambda text: print(text, flush=True)):
    print("got it", flush=True)
    sys.stdin.readline()
"""
NOBODY = "65534"


@pytest.fixture(autouse=True)
def shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for all users, as /run/lock is; each user has a cache of their own, which does not matter."""
    folder = tmp_path / "lock"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setenv("NASBENCH_LOCK", str(folder / FILE))
    return folder


def other(how: str = "alone", *user: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", OTHER, how, *user], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def test_a_second_process_waits_and_says_for_whom() -> None:
    with machine_lock():
        second = other()
        assert f"waiting for process {os.getpid()} (" in second.stdout.readline()
    assert second.stdout.readline() == "got it\n"
    end(second)


def test_users_with_caches_of_their_own_exclude_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with machine_lock():
        monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "another"))
        second = other()
        assert "waiting for process" in second.stdout.readline()
    end(second)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("first", [(), (NOBODY,)])
def test_another_user_can_lock_a_file_that_is_not_theirs(shared_folder: Path, tmp_path: Path, first: tuple[str, ...]) -> None:
    for folder in (shared_folder, *shared_folder.parents[:4]):  # where tests run side by side, the folders are one deeper
        folder.chmod(folder.stat().st_mode | 0o055)
    one = other("alone", *first)
    assert one.stdout.readline() == "got it\n"
    two = other("alone", *(() if first else (NOBODY,)))
    assert "waiting for" in two.stdout.readline()
    end(one)
    assert two.stdout.readline() == "got it\n"
    end(two)
    assert stat.S_IMODE((shared_folder / FILE).stat().st_mode) == 0o644, "whatever the umask is; and only its owner may write"


def test_whoever_trains_shares_and_whoever_measures_waits() -> None:
    first = other("shared")
    assert first.stdout.readline() == "got it\n"
    with machine_lock(shared=True):
        pass
    measuring = other()
    assert f"waiting for process {first.pid}" in measuring.stdout.readline()
    end(first)
    assert measuring.stdout.readline() == "got it\n"
    end(measuring)


def test_who_waits_to_measure_comes_before_trainings_that_begin_later() -> None:
    first = other("shared")
    assert first.stdout.readline() == "got it\n"
    measuring = other()
    assert "waiting" in measuring.stdout.readline()
    later = other("shared")
    assert "waiting" in later.stdout.readline()
    end(first)
    assert measuring.stdout.readline() == "got it\n"
    end(measuring)
    assert later.stdout.readline() == "got it\n"
    end(later)


def test_a_killed_process_holds_nothing() -> None:
    first = other()
    assert first.stdout.readline() == "got it\n"
    first.kill()
    first.communicate(timeout=60)
    said: list[str] = []
    with machine_lock(say=said.append):
        assert said == []


def test_an_error_lets_go() -> None:
    with pytest.raises(RuntimeError), machine_lock():
        raise RuntimeError
    said: list[str] = []
    with machine_lock(say=said.append):
        assert said == []


def test_a_wait_can_be_ended_and_knows_the_holder() -> None:
    first = other()
    assert first.stdout.readline() == "got it\n"
    seen: list[list[int]] = []

    def enough(holders: list[int]) -> None:
        seen.append(holders)
        if len(seen) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError), machine_lock(on_wait=enough):
        pass
    assert seen == [[first.pid], [first.pid]]
    end(first)
    with machine_lock(on_wait=enough):  # nothing was left locked
        pass


def test_a_file_that_is_deleted_while_it_is_waited_for_is_not_used(shared_folder: Path) -> None:
    """Else two processes could hold the locks of two files."""
    first = other()
    assert first.stdout.readline() == "got it\n"
    second = other()
    assert "waiting" in second.stdout.readline()
    (shared_folder / FILE).unlink()
    third = other()
    assert "waiting" in third.stdout.readline(), "the second waits inside the gate"
    end(first)
    assert second.stdout.readline() == "got it\n"
    end(second)
    assert third.stdout.readline() == "got it\n"
    end(third)


@pytest.mark.parametrize("name", [FILE, Path(FILE).with_suffix(".gate").name])
def test_what_an_attacker_puts_in_its_place_is_refused_and_not_touched(shared_folder: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    place = shared_folder / name
    for put, why in (
        (lambda: place.symlink_to(victim), "it is a symbolic link"),
        (lambda: place.symlink_to(tmp_path / "none"), "it is a symbolic link"),
        (lambda: os.mkfifo(place), "it is not a regular file"),
        (place.mkdir, "it is not a regular file"),
    ):
        put()
        with pytest.raises(DeviceError, match=f"{name} cannot be used: {why}; have it deleted, or set NASBENCH_LOCK"), machine_lock():
            pass
        place.rmdir() if place.is_dir() else place.unlink()
    os.link(victim, place)
    with machine_lock():
        pass
    assert victim.read_text() == "precious"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert not (tmp_path / "none").exists()


def test_the_lock_lies_where_all_users_can_reach_it(shared_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASBENCH_LOCK")
    own = tmp_path / "own"
    own.mkdir(mode=0o755)
    assert is_shared(shared_folder)
    assert not is_shared(own)
    assert not is_shared(tmp_path / "none")
    monkeypatch.setattr(lock, "FOLDERS", (own, shared_folder))
    assert lock_path() == shared_folder / FILE
    monkeypatch.setattr(lock, "FOLDERS", (own,))
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))
    assert lock_path() == tmp_path / "cache" / FILE


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NASBENCH_LOCK", str(tmp_path / "file" / "lock"))
    with pytest.raises(DeviceError, match="set NASBENCH_LOCK"), machine_lock():
        pass
