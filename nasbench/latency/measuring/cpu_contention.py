"""How long this process, or a thread that tries, is ready to run while other work has the core. Only Linux says so. No torch."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from nasbench.latency.processor import one_cpu_a_core

TASKS = Path("/proc/self/task")
PROBE_S = 0.15  # on each core: longer than the turns that processes take on it
MOST_PROBED = 8  # cores


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


def share_taken(threads: int, seconds: float = PROBE_S) -> float | None:
    """The share of the time for which other work now keeps a busy thread from the cores that a measurement with `threads` would use.

    It is the share that `Round.waited` states of a measurement, found in a moment: a thread computes on one core after the other. Where
    threads are not bound to cores, it is that of one free thread. It is None where the kernel does not say.
    """
    cpus = one_cpu_a_core()
    bound = threads <= len(cpus) and hasattr(os, "sched_setaffinity")
    places: list[int | None] = [*cpus[:threads][:MOST_PROBED]] if bound else [None]
    shares: list[float | None] = []
    thread = threading.Thread(target=lambda: shares.extend(_share_on(cpu, seconds) for cpu in places), daemon=True)
    thread.start()  # a thread of its own, because it is bound to cores
    thread.join()
    known = [share for share in shares if share is not None]
    return fmean(known) if known else None


def _share_on(cpu: int | None, seconds: float) -> float | None:
    """The share of `seconds` for which this thread, while it computes on one logical CPU, waits for it."""
    task = TASKS / str(threading.get_native_id())
    try:
        if cpu is not None:
            os.sched_setaffinity(threading.get_native_id(), {cpu})
        start, queued = time.perf_counter(), _queued(task)
        while time.perf_counter() - start < seconds:
            pass
        return (_queued(task) - queued) / 1e9 / (time.perf_counter() - start)
    except OSError:
        return None
