"""Timing two ways of doing one thing, in turns, and what the machine was."""

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

from nasbench.latency.device import cpu_name


def seconds(call: Callable[[], Any], repeat: int = 1) -> float:
    """Mean seconds of a call."""
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat


def in_turns(ours: Callable[[], Any], theirs: Callable[[], Any], n: int, warm: int = 1) -> dict[str, float]:
    """Medians in milliseconds of `n` turns A B A B, and the median and quartiles of the ratio theirs / ours, pair by pair."""
    for _ in range(warm):
        ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(n)]
    ratios = sorted(b / a for a, b in pairs)
    return {
        "ours_ms": 1e3 * median(a for a, _ in pairs),
        "theirs_ms": 1e3 * median(b for _, b in pairs),
        "ratio": median(ratios),
        "ratio_q1": ratios[n // 4],
        "ratio_q3": ratios[3 * n // 4],
        "n": n,
    }


def report(name: str, rows: Mapping[str, Mapping[str, Any]], path: str | None) -> None:
    """Print the header and the rows, and write them to `path`."""
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    about = {
        "benchmark": name,
        "machine": f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores",
        "load": load,
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "torchvision", "fvcore")},
    }
    print("  ".join(f"{k} {v}" for k, v in about.items()))
    for row, figures in rows.items():
        print(f"{row:34s}", "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items()))
    if path:
        Path(path).write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
