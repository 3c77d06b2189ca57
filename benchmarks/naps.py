"""The job of `engine.py`, in a module of its own: a worker imports it, and nothing else of the benchmark."""

from __future__ import annotations

import time


def nap(task: tuple[float, str]) -> float:
    """A trial that waits: a result from `(seconds, what was drawn)`."""
    time.sleep(task[0])
    return len(task[1]) / 1000
