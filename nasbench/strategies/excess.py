"""Where the limits are: a regression of what trials exceed them by, from which a strategy knows which candidates would be refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasbench.strategies.base import options_of

MOST = 256  # the latest trials, from which the regression is made
LEAST = 6  # trials below which nothing is predicted
RIDGES = (0.1, 3.0)  # prior precisions of a weight that are compared; the noise has precision 1
LOWEST, HIGHEST = -0.99, 1e3  # excesses are shares of a limit, and clipped to these
HIGHEST_SUM = 3.0  # where excesses are added, a network far outside must not count for more than all others
ABSENT = -0.5  # the excess of a trial over a limit that its record does not name
NO_LIMIT = frozenset({"invalid", "skipped"})  # what stands among the constraints and says nothing of a limit

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class _Block(NamedTuple):
    """The columns of one parameter begin at `start`; for each option the values of these columns."""

    start: int
    vectors: Mapping[tuple[bool, Any], Vector]


class _Regression(NamedTuple):
    """The excess over one limit: `mean` + row * `weights`, or the exponential of that less one."""

    mean: float
    weights: Vector
    exponential: bool

    def excess(self, row: Vector) -> float:
        y = self.mean + float(row @ self.weights)
        return float(np.expm1(y)) if self.exponential else y


class Encoding:
    """The values of parameters as vectors: a column for each option, and one for the rank of the options if they are numbers.

    Parameters join when a trial has them; a vector has zeros for those that its network does not have.
    """

    def __init__(self) -> None:
        self._blocks: dict[str, _Block] = {}
        self._rows: dict[int, Vector] = {}
        self.width = 0

    def row(self, values: Mapping[str, Any]) -> Vector:
        """The vector of a network."""
        row = np.zeros(self.width)
        for name, value in values.items():
            block = self._blocks.get(name)
            vector = None if block is None else block.vectors.get(_key(value))
            if block is not None and vector is not None:
                row[block.start : block.start + len(vector)] = vector
        return row

    def rows(self, trials: Sequence[FrozenTrial]) -> Matrix:
        """The vectors of trials of one phase, which are computed once."""
        for trial in trials:
            if trial.number not in self._rows:
                self._add_parameters(trial)
                self._rows[trial.number] = self.row(trial.params)
        matrix = np.zeros((len(trials), self.width))
        for i, trial in enumerate(trials):
            row = self._rows[trial.number]
            matrix[i, : len(row)] = row
        return matrix

    def _add_parameters(self, trial: FrozenTrial) -> None:
        for name, distribution in trial.distributions.items():
            if name not in self._blocks and not distribution.single():
                options = options_of(distribution)
                vectors = np.eye(len(options))
                if all(isinstance(option, int | float) and not isinstance(option, bool) for option in options):
                    rank = np.argsort(np.argsort(np.asarray(options, float))) / (len(options) - 1)
                    vectors = np.column_stack([vectors, 2 * rank])
                self._blocks[name] = _Block(self.width, {_key(o): v for o, v in zip(options, vectors, strict=True)})
                self.width += vectors.shape[1]


_ENCODINGS: WeakKeyDictionary[Any, Encoding] = WeakKeyDictionary()  # of studies in memory


def excess_model(study: Study, trials: Sequence[FrozenTrial]) -> ExcessModel:
    """The model of the trials of a study in memory, whose vectors are kept for the next question."""
    return ExcessModel(trials, _ENCODINGS.setdefault(study._storage, Encoding()))


class ExcessModel:
    """A ridge regression on the values of parameters for each limit that a trial has broken.

    MACs, parameters and latency are sums over blocks, and where widths are open also products, so both the excess and its logarithm are
    tried as a sum over parameters. Which one predicts better, and with which ridge, leave-one-out predictions of the trials say.

    Args:
        trials: those of a phase, by number. Those that have not ended, or failed, teach nothing.
        encoding: has seen other trials of the same phase only.
    """

    def __init__(self, trials: Sequence[FrozenTrial], encoding: Encoding | None = None) -> None:
        records = list(islice(_taught(trials), MOST))[::-1]
        broken = sorted({name for _, constraints in records for name, excess in constraints.items() if excess > 0})
        self._encoding = encoding or Encoding()
        self._regressions: list[_Regression] = []
        if not broken or len(records) < LEAST:
            return
        x = self._encoding.rows([trial for trial, _ in records])
        self._center = x.mean(axis=0)
        excesses = np.array([[constraints.get(name, ABSENT) for name in broken] for _, constraints in records])
        self._regressions = _fit(x - self._center, np.clip(excesses, LOWEST, HIGHEST))

    @property
    def known(self) -> bool:
        """Whether a limit was broken, and enough trials say where it is."""
        return bool(self._regressions)

    def violation(self, values: Mapping[str, Any]) -> float:
        """The sum of the excesses over the limits that a network with these values is expected to have; 0 if it is expected inside."""
        if not self._regressions:
            return 0.0
        # Parameters that joined after the regression was made say nothing.
        row = self._encoding.row(values)[: len(self._center)] - self._center
        return sum(max(0.0, regression.excess(row)) for regression in self._regressions)


def _taught(trials: Sequence[FrozenTrial]) -> Iterator[tuple[FrozenTrial, Mapping[str, float]]]:
    """The trials that say by how much they exceed the limits, the latest first."""
    for trial in reversed(trials):
        if trial.params and trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and trial.user_attrs.get("status") != "duplicate":
            constraints = trial.constraints
            if not constraints.keys() & NO_LIMIT:
                yield trial, constraints


def _fit(rows: Matrix, excesses: Matrix) -> list[_Regression]:
    """The best regression for each column of `excesses`.

    Args:
        rows: features less their means.
    """
    # The dual form: one equation for each trial, of which there are fewer than columns in the spaces where it matters.
    eigenvalues, vectors = np.linalg.eigh(rows @ rows.T)
    regressions = []
    for excess in excesses.T:
        best, least = None, np.inf
        for exponential in (False, True):
            y = np.log1p(excess) if exponential else np.minimum(excess, HIGHEST_SUM)
            for ridge in RIDGES:
                scale = 1 / (np.clip(eigenvalues, 0.0, None) + ridge)
                dual = vectors @ (scale * (vectors.T @ (y - y.mean())))
                left_out = y - dual / (vectors**2 @ scale)  # what the others predict of each (Rasmussen & Williams 2006, eq. 5.12)
                wrong = np.mean((left_out > 0) != (excess > 0)) + 0.1 * np.mean(np.minimum(np.abs(left_out - y), 1.0))
                if wrong < least:
                    best, least = _Regression(float(y.mean()), rows.T @ dual, exponential), wrong
        regressions += [] if best is None else [best]
    return regressions


def _key(option: Any) -> tuple[bool, Any]:
    """True differs from 1, and False from 0; see `nasbench.spaces.options.same`."""
    return isinstance(option, bool), option
