"""The trial of `engine.py`, in a module of its own: a worker imports it, and nothing else of the benchmark."""

from __future__ import annotations

import time


def sleeping_trial(task: tuple[float, str]) -> float:
    """A trial that only sleeps: its result for `(seconds, text of the sampled network)`."""
    time.sleep(task[0])
    return len(task[1]) / 1000
