"""How far the trials of a study with successive halving were trained, and what each arm spent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nasbench.study.trial import Trial


class Spent(NamedTuple):
    """Of one arm.

    Attributes:
        trained: trials that were trained up to each rung at least, by its epoch; the last is the whole training.
        epochs: in all; of: what they would have been without halving; seconds: in the trials' processes.
    """

    trained: dict[int, int]
    epochs: int
    of: int
    seconds: float

    def __str__(self) -> str:
        """`27 networks for 1 epoch, 9 for 3, 3 for 9: 63 of 243 epochs (26%)`."""
        first, *rest = self.trained.items()
        steps = [f"{first[1]} networks for {first[0]} epoch{'s' * (first[0] > 1)}", *(f"{n} for {epoch}" for epoch, n in rest)]
        share = f" ({self.epochs / self.of:.0%})" if self.of else ""
        return f"{', '.join(steps)}: {self.epochs} of {self.of} epochs{share}"


def spent(trials: Iterable[Trial], rungs: Sequence[int]) -> Spent:
    """Of the trials of one phase; those that are a repetition, or were never trained, cost nothing."""
    trained = [(t.epochs, t.seconds or 0.0) for t in trials if t.epochs and t.status != "duplicate"]
    reached = {epoch: sum(had >= epoch for had, _ in trained) for epoch in rungs}
    return Spent(reached, sum(had for had, _ in trained), len(trained) * rungs[-1], sum(seconds for _, seconds in trained))
