"""How long this process was ready to run while other work had the core. Only Linux says so. No torch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

TASKS = Path("/proc/self/task")


class Moment(NamedTuple):
    """A reading of two clocks.

    Attributes:
        clock: seconds.
        queued: seconds that this process's threads have waited in a run queue until then, together; None where the kernel does not say.
    """

    clock: float
    queued: float | None


def now(tasks: Path = TASKS) -> Moment:
    """This moment; `queued` is None where the kernel has no scheduler statistics."""
    try:
        return Moment(time.perf_counter(), sum(_queued(task) for task in tasks.iterdir()) / 1e9)
    except OSError:
        return Moment(time.perf_counter(), None)


def waited_share(start: Moment, end: Moment, threads: int) -> float | None:
    """Share of the time for which each of `threads` threads waited for a core, from 0 to about 1; None where the kernel does not say."""
    if start.queued is None or end.queued is None:
        return None
    return max(0.0, end.queued - start.queued) / (threads * (end.clock - start.clock))


def _queued(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[1])
    except FileNotFoundError:
        if task.exists():
            raise  # this kernel has no statistics
        return 0  # the thread has just ended
