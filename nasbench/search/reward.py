"""The reward of MnasNet, ACC * (LAT / T)^w (Tan et al. 2018, section 3.1), and the Pareto mode."""

from __future__ import annotations

from typing import Literal, get_args

from nasbench.errors import LimitError, nearest

Mode = Literal["hard", "soft", "pareto"]

SOFT = (-0.07, -0.07)  # the exponents w inside and outside the limit
HARD = (0.0, -1.0)


def check_mode(mode: str) -> None:
    """Check the name of a reward.

    Raises:
        LimitError: the name is unknown.
    """
    if mode not in get_args(Mode):
        raise LimitError(f"a reward is one of {', '.join(get_args(Mode))}; got {mode!r}{nearest(mode, get_args(Mode))}")


def reward(accuracy: float, latency_ms: float, limit_ms: float, mode: Mode) -> float:
    """The reward of a network.

    The `hard` reward is the accuracy inside the limit. In the `soft` reward half of the latency is worth 5 % of the accuracy.

    Args:
        mode: `hard` or `soft`; in `pareto` mode there is no reward.

    Example:
        >>> reward(0.8, 10, 20, "hard"), reward(0.8, 40, 20, "hard")
        (0.8, 0.4)
    """
    inside, outside = SOFT if mode == "soft" else HARD
    exponent = inside if latency_ms <= limit_ms else outside
    return float(accuracy * (latency_ms / limit_ms) ** exponent)


def directions(mode: Mode) -> tuple[Literal["maximize", "minimize"], ...]:
    """The direction in which each of the values of `values` is optimised."""
    return ("maximize", "minimize") if mode == "pareto" else ("maximize",)


def values(accuracy: float, latency_ms: float, limit_ms: float | None, mode: Mode) -> list[float]:
    """The values that a strategy optimises: accuracy and latency in `pareto` mode, else the reward; without a limit, the accuracy."""
    if mode == "pareto":
        return [accuracy, latency_ms]
    return [accuracy if limit_ms is None else reward(accuracy, latency_ms, limit_ms, mode)]
