"""MnasNet's reward ACC * (LAT / T)^w (Tan et al. 2018, section 3.1), and the Pareto mode."""

from __future__ import annotations

from typing import Literal, get_args

from nasbench.errors import LimitError, nearest

Mode = Literal["hard", "soft", "pareto"]

SOFT = (-0.07, -0.07)  # exponents inside and outside the limit
HARD = (0.0, -1.0)


def check_mode(mode: str) -> None:
    """Raises LimitError for an unknown mode."""
    if mode not in get_args(Mode):
        raise LimitError(f"a reward is one of {', '.join(get_args(Mode))}; got {mode!r}{nearest(mode, get_args(Mode))}")


def reward(accuracy: float, latency_ms: float, limit_ms: float, mode: Mode) -> float:
    """`hard` leaves the accuracy alone inside the limit, `soft` trades 5 % of it for half of the latency; `pareto` has none."""
    inside, outside = SOFT if mode == "soft" else HARD
    exponent = inside if latency_ms <= limit_ms else outside
    return float(accuracy * (latency_ms / limit_ms) ** exponent)


def directions(mode: Mode) -> tuple[Literal["maximize", "minimize"], ...]:
    """The directions of the values that `values` gives."""
    return ("maximize", "minimize") if mode == "pareto" else ("maximize",)


def values(accuracy: float, latency_ms: float, limit_ms: float | None, mode: Mode) -> list[float]:
    """What a strategy optimises: accuracy and latency, or their reward; without a limit, the accuracy."""
    if mode == "pareto":
        return [accuracy, latency_ms]
    return [accuracy if limit_ms is None else reward(accuracy, latency_ms, limit_ms, mode)]
