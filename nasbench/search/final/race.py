"""Which of the evaluated networks is trained again: the final round as a race between the leader and its challengers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from optuna.study import StudyDirection

from nasbench.search.final.draw_effects import draw_effects
from nasbench.search.final.posterior import Posterior, Variances, best_variances, posterior
from nasbench.strategies.predictor.features import Matrix, Rows, Vector
from nasbench.strategies.predictor.history import are_shares, score, share_of

DECIDED = 0.01  # probability that the challenger is the better one, below which nothing is trained again
REFIT = 5  # the variances are found again after so many draws


class Race:
    """What is known of networks from their draws. It is a function of the draws alone, so a resumed study goes on as it began.

    Args:
        x: the networks.
        draws: (network, accuracy) of each training so far, in a fixed order, or (network, accuracy, draw) where networks have draws in
            common, see `draw_effects`; each network has one at least.
        among: the networks of which one will win; by default all. The others only say something about these.
        noise: see `best_variances`.
    """

    def __init__(
        self,
        x: Rows,
        draws: Sequence[tuple[int, float] | tuple[int, float, int]],
        among: Sequence[int] | None = None,
        noise: float = 0.0,
    ) -> None:
        self._x = x
        self._draws = [(network, accuracy, in_common[0] if in_common else 0) for network, accuracy, *in_common in draws]
        self.among, self._noise = range(len(x)) if among is None else among, noise
        self._variances: Variances | None = None
        self._fitted = 0  # draws from which they were found
        self._posterior: Posterior | None = None

    @property
    def posterior(self) -> Posterior:
        """What all draws say."""
        if self._posterior is None:
            self._posterior = posterior(*self._by_network(len(self._draws)), self._found_variances())
        return self._posterior

    def add(self, network: int, accuracy: float) -> None:
        """Take note of another draw."""
        self._draws.append((network, accuracy, 0))
        self._posterior = None

    def ranked(self, trained: int = 1) -> list[int]:
        """The networks by what is expected of them, best first; those with at least so many draws."""
        mean = self.posterior.mean
        return sorted((i for i in self.among if self.draws(i) >= trained), key=lambda i: -mean[i])

    def draws(self, network: int) -> int:
        """How many a network has."""
        return sum(i == network for i, *_ in self._draws)

    def accuracies(self) -> Vector:
        """The accuracy that is expected of each network."""
        return self.as_accuracies(self.posterior.mean)

    def as_accuracies(self, scores: Matrix) -> Matrix:
        """Scores as accuracies."""
        return share_of(scores) if are_shares(self._accuracies) else scores

    def with_others(self, rows: Rows) -> Posterior:
        """The posterior of these networks and of others, which were not trained and follow after them."""
        x, draws = self._by_network(len(self._draws))
        return posterior(x.joined(rows), [*draws, *([] for _ in range(len(rows)))], self._found_variances())

    def next(self, running: Sequence[int] = ()) -> int | None:
        """The network that is to be trained next: the leader or its challenger, the one with fewer draws.

        Args:
            running: networks that are being trained now, once for each training.

        Returns:
            None where no other is likely to be better than the leader.
        """
        now = self.posterior
        lead, other = now.leader(self.among), now.challenger(self.among)
        if other is None or now.probability_better(other, lead) < DECIDED:
            return None
        return min((other, lead), key=lambda i: (self.draws(i) + list(running).count(i), -now.covariance[i, i]))

    @property
    def _accuracies(self) -> Vector:
        return np.array([accuracy for _, accuracy, _ in self._draws])

    def _found_variances(self) -> Variances:
        """The variances that the first draws show: so many that their number is a multiple of `REFIT`."""
        count = max(min(len(self._x), len(self._draws)), len(self._draws) - len(self._draws) % REFIT)
        if self._variances is None or count != self._fitted:
            self._variances, self._fitted = best_variances(*self._by_network(count), self._noise), count
        return self._variances

    def _by_network(self, count: int) -> tuple[Rows, list[list[float]]]:
        """The rows and the scores of all networks that are among the first draws."""
        several: dict[int, list[float]] = {}
        networks, _, draws = zip(*self._draws[:count], strict=True)
        values = score(self._accuracies, StudyDirection.MAXIMIZE)[:count]
        for network, value in zip(networks, values - draw_effects(networks, draws, values), strict=True):
            several.setdefault(network, []).append(float(value))
        order = sorted(several)
        return self._x[order], [several[i] for i in order]
