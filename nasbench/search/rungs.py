"""Rungs: the epochs after which successive halving decides which trials continue, and what that saves."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from nasbench.errors import StudyError

ETA = 3


@dataclass(frozen=True)
class Rungs:
    """The rungs of a search.

    Attributes:
        epochs: the rungs in ascending order, of which the last is the whole training. By default there are none, and every trial is
            trained to the end at once.
        eta: the reduction factor: of `eta` trials at a rung one continues.

    Raises:
        StudyError: the epochs are fewer than two or do not ascend, or the factor is below 2.
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
            raise StudyError(
                f"the reduction factor --eta is a whole number from 2 to 100, of so many trials at a rung one continues; got {self.eta!r}"
            )

    def __bool__(self) -> bool:
        return bool(self.epochs)

    @classmethod
    def geometric(cls, epochs: int, eta: int = ETA) -> Rungs:
        """Rungs of which each is an eta-th of the next, rounded down.

        Args:
            epochs: the last rung, which is the whole training.

        Example:
            >>> Rungs.geometric(9).epochs, Rungs.geometric(20).epochs, Rungs.geometric(8, eta=2).epochs
            ((1, 3, 9), (2, 6, 20), (1, 2, 4, 8))

        Raises:
            StudyError: there are fewer epochs than `eta`, so that there is no rung before the last.
        """
        cls((1, 2), eta)  # refuses an impossible factor
        if epochs < eta:
            raise StudyError(
                f"--eta {eta} needs a training of {eta} or more epochs, so that there is a rung before its end; the recipe has {epochs}; "
                f"give --epochs, such as --epochs {eta**2}"
            )
        rungs = [epochs]
        while rungs[0] >= eta:
            rungs.insert(0, rungs[0] // eta)
        return cls(tuple(rungs), eta)

    @property
    def share(self) -> float:
        """The mean cost of a trial, as a share of the epochs of a whole training, when one in eta continues from each rung."""
        return sum(self.steps[i] / self.eta**i for i in range(len(self.epochs))) / self.epochs[-1] if self else 1.0

    @property
    def calls(self) -> float:
        """The mean number of trainings of a trial, where each training goes up to the next rung."""
        return sum(self.eta**-i for i in range(len(self.epochs))) if self else 1.0

    @property
    def steps(self) -> tuple[int, ...]:
        """The epochs of each training: from the rung before, or from the beginning, up to the rung."""
        return tuple(b - a for a, b in itertools.pairwise((0, *self.epochs)))

    def after(self, passed: int) -> int:
        """The next rung of a trial that was trained for `passed` epochs."""
        return next(epoch for epoch in self.epochs if epoch > passed)

    def places(self, trials: int) -> int:
        """How many of the trials at a rung continue: one in eta, rounded up."""
        return math.ceil(trials / self.eta)

    def checkpoints(self, trials: int) -> int:
        """The largest number of checkpoints of paused trials on disk, when there are `trials` in all."""
        count = 0
        for _ in self.epochs[1:]:
            trials = self.places(trials)
            count += trials
        return count


ALL_AT_ONCE = Rungs()
