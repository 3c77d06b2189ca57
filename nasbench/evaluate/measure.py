"""What the `accuracy` of a trial is, and how it is written: a share as percent, a score as a plain number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

ACCURACY = "accuracy"
SUPERNET_ACCURACY = "supernet accuracy"  # with shared weights: it ranks networks, and is not what each of them reaches alone
SHARES = (ACCURACY, SUPERNET_ACCURACY)


def explained(measure: str) -> str:
    """How a value came about.

    >>> explained("naswot"), explained("supernet accuracy")
    ('a score without training', 'with shared weights, on validation images')
    """
    if measure == ACCURACY:
        return "on validation images"
    return "with shared weights, on validation images" if measure == SUPERNET_ACCURACY else "a score without training"


class _Trial(Protocol):
    @property
    def accuracy(self) -> float | None: ...
    @property
    def more(self) -> Mapping[str, Any]: ...


def measure_of(more: Mapping[str, Any]) -> str:
    """What a trial's `accuracy` is, from the further entries of its record: `accuracy`, or the name of a score."""
    return str(more.get("measure", ACCURACY))


def measured_by(trials: Iterable[_Trial]) -> str:
    """What the accuracies of several trials are, which were evaluated alike."""
    return next((measure_of(t.more) for t in trials if t.accuracy is not None), ACCURACY)


def show(value: float, measure: str = ACCURACY) -> str:
    """A value in words.

    >>> show(0.7961), show(214.97, "naswot")
    ('79.6%', 'naswot 215')
    """
    return show_number(value, measure) if measure == ACCURACY else f"{measure} {show_number(value, measure)}"


def show_number(value: float, measure: str = ACCURACY) -> str:
    """A value in the column of a table whose head names the measure: `79.6%`, or `215`."""
    return f"{value:.1%}" if measure in SHARES else f"{value:.4g}"


def show_difference(a: float, b: float, measure: str = ACCURACY) -> str:
    """How far `a` is from `b`: `+2.1 points`, or `+12.3 in naswot`."""
    return f"{100 * (a - b):+.1f} points" if measure in SHARES else f"{a - b:+.4g} in {measure}"
