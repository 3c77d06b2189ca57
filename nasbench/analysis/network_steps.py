"""Steps from one known network to the next: how the cost changed, and how the accuracy changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from nasbench.analysis.networks import known_frame
from nasbench.genotype.units import show_count, show_memory

_SHOWN: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("year", "year", str),
    ("parameters", "params_count", show_count),
    ("  as printed", "paper_params_count", show_count),
    ("multiply-adds", "macs", show_count),
    ("  as printed ", "paper_macs", show_count),
    ("activations", "activations_count", show_count),
    ("layers, longest way", "depth_layers", str),
    ("memory to run", "peak_bytes", show_memory),
    ("memory to train", "train_peak_bytes", show_memory),
    ("ImageNet top-1, %", "top1_percent", lambda v: f"{v:.2f}"),
    ("CIFAR-10 error, %", "cifar10_error_percent", lambda v: f"{v:.2f}"),
)


def step_frame(before: str, after: str) -> pd.DataFrame:
    """Two known networks side by side, as texts with units: exact counts, the numbers that the papers print, and the change."""
    frame = known_frame([before, after])
    rows: dict[str, list[str]] = {}
    for label, column, show in _SHOWN:
        a, b = _cell(frame, before, column), _cell(frame, after, column)
        if pd.isna(a) and pd.isna(b):
            continue
        rows[label] = [*("" if pd.isna(v) else show(v) for v in (a, b)), _change(column, a, b)]
    tests = ["" if pd.isna(t) else str(t) for t in (_cell(frame, name, "top1_test") for name in (before, after))]
    if any(t not in ("", "1 crop") for t in tests):
        rows["  tested with"] = [*tests, "" if tests[0] == tests[1] else "not alike"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=[before, after, "change"])


def steps_frame(steps: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """One row for each step (name of the change, network before, network after), with the numbers of `known_frame`.

    Columns: before, after; year, params_count, macs, top1_percent of the later network; params_times, macs_times (the ratio to the network
    before); top1_points (the difference in top-1); macs_per_point, the multiply-adds for each point of it, negative where they fell.
    The last two are missing where the two networks were tested in different ways, macs_per_point also where top-1 did not rise.
    """
    frame = known_frame({name for _, before, after in steps for name in (before, after)})
    rows = []
    for what, before, after in steps:
        a, b = _row(frame, before), _row(frame, after)
        same = pd.notna(a.top1_test) and (a.top1_test, a.top1_px) == (b.top1_test, b.top1_px)
        alike = same or (a.top1_like_for_like and b.top1_like_for_like)
        points = b.top1_percent - a.top1_percent if alike else math.nan
        rows.append(
            {
                "step": what,
                "before": before,
                "after": after,
                "year": b.year,
                "params_count": b.params_count,
                "macs": b.macs,
                "top1_percent": b.top1_percent,
                "params_times": b.params_count / a.params_count,
                "macs_times": b.macs / a.macs,
                "top1_points": points,
                "macs_per_point": (b.macs - a.macs) / points if points > 0 else math.nan,
            }
        )
    return pd.DataFrame(rows).set_index("step")


def _change(column: str, a: Any, b: Any) -> str:
    """`x 1.62` for a count, `+3.51` for a percentage; empty where one of the two is missing."""
    if column == "year" or pd.isna(a) or pd.isna(b):
        return ""
    return f"{b - a:+.2f}" if column.endswith("percent") else f"x {b / a:.3g}"


def _row(frame: pd.DataFrame, name: str) -> Any:
    return frame.loc[name]


def _cell(frame: pd.DataFrame, name: str, column: str) -> Any:
    return frame.loc[name, column]
