"""Which other processes keep the cores of this machine busy. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

import psutil

from nasbench.processes import describe_process, own_family

LOOK_S = 0.5  # how long processes are watched
LEAST = 0.1  # cores that a process must use to be named
NAMED = 3  # processes in a message


class BusyProcess(NamedTuple):
    """A process that is not ours, and how many cores it used while it was watched."""

    pid: int
    cores: float


def busy_processes(seconds: float = LOOK_S, sleep: Callable[[float], None] = time.sleep) -> list[BusyProcess]:
    """The processes that used at least a tenth of a core in the next `seconds`, busiest first, without those that this one started.

    Processes of another container or of a virtual machine's host cannot be seen.
    """
    before, start = _cpu_seconds(), time.monotonic()
    sleep(seconds)
    after, elapsed = _cpu_seconds(), time.monotonic() - start
    family = own_family()
    return busiest({pid: s for pid, s in before.items() if pid not in family}, after, elapsed)


def busiest(before: Mapping[int, float], after: Mapping[int, float], elapsed_s: float) -> list[BusyProcess]:
    """The processes that used at least `LEAST` cores between two readings of their CPU time, busiest first.

    Example:
        >>> busiest({4: 1.0, 5: 2.0, 6: 0.0}, {4: 1.5, 5: 2.01, 7: 9.0}, 0.5)
        [BusyProcess(pid=4, cores=1.0)]
    """
    used = [BusyProcess(pid, (after[pid] - s) / elapsed_s) for pid, s in before.items() if pid in after]
    return sorted((p for p in used if p.cores >= LEAST), key=lambda p: -p.cores)


def other_work(processes: Iterable[BusyProcess] | None = None) -> str:
    """What keeps the cores, as the beginning of a sentence: `process 4242 (python train.py, of anna, since 14:03) keeps 1.9 cores`.

    Args:
        processes: by default they are watched now.
    """
    busy = busy_processes() if processes is None else list(processes)
    if not busy:
        return "other work that cannot be seen from here, such as that of another container, keeps the cores"
    words = [f"{describe_process(p.pid)} keeps {p.cores:.1f} core{'' if round(p.cores, 1) == 1 else 's'}" for p in busy[:NAMED]]
    more = len(busy) - NAMED
    return ", ".join(words) + (f", and {more} more keep {sum(p.cores for p in busy[NAMED:]):.1f}" if more > 0 else "")


def _cpu_seconds() -> dict[int, float]:
    """The CPU time of each process so far."""
    seconds = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            times = process.cpu_times()
            seconds[process.pid] = float(times.user + times.system)
    return seconds
