"""Was the search worth it? The final round in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def verdicts(rows: Sequence[Mapping[str, Any]], limit_ms: float | None) -> list[str]:
    """Two lines: the best network of the search against random search at equal cost, and the winner against the best known network.

    Only networks within the latency limit are compared. The winner may come from random search. A difference is called clear when the
    seeds of the two networks do not overlap.
    """
    best = next((r for r in rows if r["winner"]), None)
    if best is None:
        return []
    inside = [r for r in rows if limit_ms is None or r["latency_ms"] <= limit_ms]
    searched, random, known = (
        max((r for r in inside if r["network"].startswith(phase)), key=_accuracy, default=None) for phase in ("search", "random", "known")
    )
    if best["network"].startswith("search"):
        first = _against(best, random, "random search at equal cost", "random search found no network within the limit")
    elif searched is None:
        first = f"was it worth it? the search found no network within the limit; random search at equal cost found {best['network']}"
    else:
        first = (
            f"{_against(searched, best, 'random search at equal cost', '')}: the winner comes from random search, not {searched['network']}"
        )
    return [
        first,
        _against(best, known, "the best known network within the limit", "no known network of the comparison is within the limit"),
    ]


def _accuracy(row: Mapping[str, Any]) -> float:
    return float(row["accuracy"])


def _against(best: Mapping[str, Any], other: Mapping[str, Any] | None, name: str, absent: str) -> str:
    if other is None:
        return f"was it worth it? {absent}"
    difference = 100 * (best["accuracy"] - other["accuracy"])
    clear = min(best["accuracy_seeds"]) > max(other["accuracy_seeds"]) or max(best["accuracy_seeds"]) < min(other["accuracy_seeds"])
    spread = "beyond the spread of the seeds" if clear else "within the spread of the seeds"
    return f"was it worth it? {difference:+.1f} points against {name} ({other['network']}, {other['latency_ms']:.1f} ms), {spread}"
