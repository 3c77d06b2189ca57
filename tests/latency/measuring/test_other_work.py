"""Which processes keep the cores: a real one is found and named, and ours are not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from nasbench.latency.measuring import other_work as module
from nasbench.latency.measuring.other_work import BusyProcess, busiest, busy_processes, other_work

LOOP = "import os; print(os.getpid(), flush=True)\nwhile True: pass"


@pytest.fixture
def stranger() -> Iterator[int]:
    """A busy process that is not ours: its parent has ended."""
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {LOOP!r}], start_new_session=True)"
    done = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    pid = int(done.stdout.readline())
    done.wait()
    yield pid
    os.kill(pid, 9)
    done.stdout.close()


def test_a_busy_process_is_named(stranger: int) -> None:
    busy = {p.pid: p.cores for p in busy_processes(1.0)}
    assert stranger in busy
    message = other_work([BusyProcess(stranger, 0.96)])
    assert f"process {stranger} (python" in message
    assert ", of " in message
    assert message.endswith("keeps 1.0 core")


def test_what_we_started_ourselves_is_not_other_work() -> None:
    own = subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE, text=True)
    try:
        own.stdout.readline()
        assert own.pid not in {p.pid for p in busy_processes(0.3)}
    finally:
        own.kill()
        own.communicate()


def test_only_three_are_named_and_the_others_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "describe_process", lambda pid: f"process {pid}")
    text = other_work([BusyProcess(i, 1.5) for i in range(5)])
    assert text == "process 0 keeps 1.5 cores, process 1 keeps 1.5 cores, process 2 keeps 1.5 cores, and 2 more keep 3.0"
    assert "cannot be seen from here" in other_work([])


def test_a_process_that_hardly_works_or_has_ended_is_left_out() -> None:
    assert busiest({1: 5.0, 2: 0.0, 3: 1.0}, {1: 5.01, 2: 0.4}, 1.0) == [BusyProcess(2, 0.4)]
