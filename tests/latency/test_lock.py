from __future__ import annotations

import subprocess
import sys

import pytest

from nasbench.errors import DeviceError
from nasbench.latency.lock import lock_path, machine_lock

OTHER = """
import sys
from nasbench.latency.lock import machine_lock
with machine_lock(shared=sys.argv[1] == "shared", say=lambda text: print(text, flush=True)):
    print("got it", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))


def other(how: str = "alone") -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", OTHER, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def test_a_second_process_waits_and_says_for_whom() -> None:
    with machine_lock():
        second = other()
        assert "waiting for process" in second.stdout.readline()
    assert second.stdout.readline() == "got it\n"
    end(second)


def test_whoever_trains_shares_and_whoever_measures_waits() -> None:
    first = other("shared")
    assert first.stdout.readline() == "got it\n"
    with machine_lock(shared=True):
        pass
    measuring = other()
    assert "waiting for another process" in measuring.stdout.readline()
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


def test_a_folder_that_cannot_be_written_is_said(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(DeviceError, match="set NASBENCH_CACHE"), machine_lock():
        pass
    assert not lock_path().exists()
