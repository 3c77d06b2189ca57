"""Submits a call to an engine and waits for what it does; shared by the tests of engines."""

from __future__ import annotations

import time
from pathlib import Path

HELPERS = Path(__file__).parent


def call(engine, function, argument, timeout=120, **options):
    """Run one call and return how it finished."""
    engine.submit("key", function, argument, **options)
    (finished,) = engine.wait(timeout)
    return finished


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.01)


def pids(file):
    """The process ids that a job has written."""
    until(file.exists, seconds=60)
    return [int(pid) for pid in file.read_text().split()]


def has_ended(pid):
    """Whether a process is dead, or dead and not yet reaped by the init process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def is_reaped(pid):
    """Whether a process has left the process table."""
    return not Path(f"/proc/{pid}").exists()
