"""The cost of a phase with successive halving: how far its trials were trained, and in how many epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nasbench.study.trial import Trial


class Spent(NamedTuple):
    """The cost of one phase.

    Attributes:
        trained: The number of trials that were trained at least up to each rung, by the rung's epoch. The last rung is the whole training.
        epochs: The number of epochs of all trials.
        of: The number of epochs that the same trials would have taken without successive halving.
        seconds: The time of all trials in their processes.
    """

    trained: dict[int, int]
    epochs: int
    of: int
    seconds: float

    def __str__(self) -> str:
        """`27 networks for 1 epoch, 9 for 3, 3 for 9: 63 of 243 epochs (26%)`."""
        first, *rest = self.trained.items()
        rungs = [f"{first[1]} networks for {first[0]} epoch{'s' * (first[0] > 1)}", *(f"{n} for {epoch}" for epoch, n in rest)]
        share = f" ({self.epochs / self.of:.0%})" if self.of else ""
        return f"{', '.join(rungs)}: {self.epochs} of {self.of} epochs{share}"


def spent(trials: Iterable[Trial], rungs: Sequence[int]) -> Spent:
    """The cost of the trials of one phase. Duplicates, and trials that were never trained, cost nothing."""
    trained = [(t.epochs, t.seconds or 0.0) for t in trials if t.epochs and t.status != "duplicate"]
    reached = {rung: sum(epochs >= rung for epochs, _ in trained) for rung in rungs}
    return Spent(reached, sum(epochs for epochs, _ in trained), len(trained) * rungs[-1], sum(seconds for _, seconds in trained))
