"""Timing two ways of doing one thing, in turns, and a report that names the machine."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from nasbench.latency.processor import cpu_name

# One or two networks of each family. Any other known network may be named on the command line.
NETWORKS = (
    "lenet5_modern", "alexnet", "vgg16", "googlenet", "densenet121", "squeezenet1_1", "resnet18", "resnet50", "resnext50_32x4d",
    "seresnet50",
    "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet1_0", "mnasnet_a1",
    "efficientnet_b0",
)  # fmt: skip


class Quiet:
    """A listener that prints a line for each stage and message, and nothing about progress."""

    def stage(self, name: str, total: int | None = None) -> None:
        print(f"# {name}", flush=True)

    def say(self, message: str) -> None:
        print(f"# {message}", flush=True)

    def rounds(self, done: int, total: int) -> None:
        pass

    def step(self, message: str | None = None) -> None:
        pass

    def expect(self, total: int, left_s: float) -> None:
        pass


def seconds(call: Callable[[], Any], repeat: int = 1) -> float:
    """The mean time of a call in seconds."""
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat


def in_turns(
    ours: Callable[[], Any], theirs: Callable[[], Any], max_seconds: float = 6.0, least: int = 9, most: int = 101, repeat_ours: int = 1
) -> dict[str, float]:
    """Time both in turns A B, B A, A B, ...

    Args:
        max_seconds: no further turn begins after this time.
        least, most: numbers of turns.
        repeat_ours: calls of `ours` in each turn, for one that is much quicker than `theirs`; the mean counts.

    Returns:
        Medians in milliseconds, and the median and quartiles of ours / theirs over the pairs.
    """
    ours(), theirs()
    pairs: list[tuple[float, float]] = []
    start = time.perf_counter()
    while len(pairs) < least or (len(pairs) < most and time.perf_counter() - start < max_seconds):
        if len(pairs) % 2:
            b, a = seconds(theirs), seconds(ours, repeat_ours)
        else:
            a, b = seconds(ours, repeat_ours), seconds(theirs)
        pairs.append((a, b))
    ratios = sorted(a / b for a, b in pairs)
    n = len(pairs)
    return {
        "ours_ms": 1e3 * median(a for a, _ in pairs),
        "theirs_ms": 1e3 * median(b for _, b in pairs),
        "ratio": median(ratios),
        "q1": ratios[n // 4],
        "q3": ratios[3 * n // 4],
        "n": n,
    }


def report(name: str, about: str, rows: Mapping[str, Mapping[str, Any]], path: Path | None) -> None:
    """Print a header and the rows, and write them to `path`."""
    header = {
        "benchmark": name,
        "about": about,
        "machine": f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores",
        "load": ", ".join(f"{x:.1f}" for x in os.getloadavg()),
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "torchvision", "fvcore")},
    }
    for key, value in header.items():
        print(f"{key:12s} {value}")
    for name_of_row, values in rows.items():
        print(f"{name_of_row:36s}", "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items()))
    if path is not None:
        path.write_text(json.dumps({**header, "rows": rows}, indent=1) + "\n")
