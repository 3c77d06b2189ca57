"""Rungs: the epochs after which successive halving looks at a trial, and what they save."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from nasbench.errors import StudyError

ETA = 3


@dataclass(frozen=True)
class Rungs:
    """The rungs of a search; without `epochs` every trial is trained at once.

    Attributes:
        epochs: ascending; the last is the whole training.
        eta: the reduction factor: one in so many goes on.

    Raises:
        StudyError: epochs that do not ascend from 1, a single one, or a factor below 2.
    """

    epochs: tuple[int, ...] = ()
    eta: int = ETA

    def __post_init__(self) -> None:
        steps = [0, *self.epochs]
        if len(steps) == 2 or any(isinstance(b, bool) or not isinstance(b, int) or a >= b for a, b in itertools.pairwise(steps)):
            raise StudyError(
                f"rungs are two or more numbers of epochs, each above the one before; got {', '.join(map(str, self.epochs))}; "
                "give for example --rungs 1,3,9"
            )
        if isinstance(self.eta, bool) or not isinstance(self.eta, int) or not 2 <= self.eta <= 100:
            raise StudyError(f"the reduction factor --eta is a whole number from 2 to 100, one trial in so many goes on; got {self.eta!r}")

    def __bool__(self) -> bool:
        return bool(self.epochs)

    @classmethod
    def geometric(cls, epochs: int, eta: int = ETA) -> Rungs:
        """Each rung an eta-th of the next, rounded down, from `epochs` down to 1.

        >>> Rungs.geometric(9).epochs, Rungs.geometric(20).epochs, Rungs.geometric(8, eta=2).epochs
        ((1, 3, 9), (2, 6, 20), (1, 2, 4, 8))

        Raises:
            StudyError: fewer epochs than `eta`, which leave no rung below the last.
        """
        cls((1, 2), eta)  # refuses an impossible factor
        if epochs < eta:
            raise StudyError(
                f"--eta {eta} needs a training of {eta} or more epochs, so that there is a rung before its end; the recipe has {epochs}; "
                f"give --epochs, such as --epochs {eta**2}"
            )
        found = [epochs]
        while found[0] >= eta:
            found.insert(0, found[0] // eta)
        return cls(tuple(found), eta)

    @property
    def share(self) -> float:
        """Of a whole training's epochs, what a trial costs on average when one in eta goes on from each rung."""
        return sum(self.steps[i] / self.eta**i for i in range(len(self.epochs))) / self.epochs[-1] if self else 1.0

    @property
    def calls(self) -> float:
        """Trainings, of a rung each, that a trial has on average."""
        return sum(self.eta**-i for i in range(len(self.epochs))) if self else 1.0

    @property
    def steps(self) -> tuple[int, ...]:
        """Epochs from each rung's predecessor to it."""
        return tuple(b - a for a, b in itertools.pairwise((0, *self.epochs)))

    def after(self, passed: int) -> int:
        """The next rung of a trial that has passed so many epochs."""
        return next(epoch for epoch in self.epochs if epoch > passed)

    def places(self, trials: int) -> int:
        """How many of so many at a rung go on: one in eta, rounded up."""
        return math.ceil(trials / self.eta)

    def kept(self, trials: int) -> int:
        """Checkpoints of waiting trials that lie on the disk at most, with so many trials in all."""
        kept = 0
        for _ in self.epochs[1:]:
            trials = self.places(trials)
            kept += trials
        return kept


ALL_AT_ONCE = Rungs()
