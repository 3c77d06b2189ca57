"""Which trials are better, with any number of objectives, when some break a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState


def violation(trial: FrozenTrial) -> float:
    """By how much a trial breaks its limits, summed; 0 when it is feasible."""
    return sum(v for v in trial.constraints.values() if v > 0)


def merits(trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[tuple[float, float, float]]:
    """A key per trial, smaller is better: (violation, nondominated rank, minus crowding distance).

    Feasible trials come before all others, whose violation alone decides (Deb et al. 2002, NSGA-II, section VI).
    With one objective the rank is the order of values.
    """
    signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions]
    feasible = [i for i, t in enumerate(trials) if t.state == TrialState.COMPLETE and violation(t) == 0]
    losses = {i: [s * v for s, v in zip(signs, trials[i].values, strict=True)] for i in feasible}
    keys = [(violation(t) or math.inf, 0.0, 0.0) for t in trials]
    for rank, front in enumerate(_fronts(losses)):
        crowding = _crowding({i: losses[i] for i in front})
        for i in front:
            keys[i] = (0.0, float(rank), -crowding[i])
    return keys


def _fronts(losses: dict[int, list[float]]) -> list[list[int]]:
    """Indices by nondominated rank, best first; equal points share a front."""
    fronts = []
    left = sorted(losses, key=lambda i: losses[i])
    while left:
        # In lexicographic order a point can be dominated only by an earlier one, and then by one of the front so far.
        front: list[int] = []
        rest: list[int] = []
        for i in left:
            (rest if any(_dominates(losses[j], losses[i]) for j in front) else front).append(i)
        fronts.append(front)
        left = rest
    return fronts


def _dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def _crowding(losses: dict[int, list[float]]) -> dict[int, float]:
    """Side lengths of the box that a point has to itself within its front, in units of the front's extent; ends are infinite."""
    distance = dict.fromkeys(losses, 0.0)
    for axis in range(len(next(iter(losses.values())))):
        order = sorted(losses, key=lambda i: losses[i][axis])
        extent = losses[order[-1]][axis] - losses[order[0]][axis]
        if extent == 0:
            continue
        distance[order[0]] = distance[order[-1]] = math.inf
        for before, i, after in zip(order, order[1:], order[2:], strict=False):
            distance[i] += (losses[after][axis] - losses[before][axis]) / extent
    return distance
