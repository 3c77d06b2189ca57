"""When a process started, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from nasbench.processes import cause_of_death, start_ticks


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
