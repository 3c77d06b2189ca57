"""Which trials are better, with any number of objectives, when some violate a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nasbench.pareto import dominates


def violation(trial: FrozenTrial) -> float:
    """The sum of a trial's excesses over its limits; 0 when it is feasible."""
    return sum(v for v in trial.constraints.values() if v > 0)


def reached(trial: FrozenTrial) -> tuple[float, list[float]] | None:
    """The epochs that a trial was trained (infinite: to the end) and its values there; None for a trial without values.

    A trial that stopped at a rung is pruned, and its attribute `rungs` holds the values that it had there.
    """
    if trial.state == TrialState.COMPLETE:
        return math.inf, list(trial.values)
    rungs = trial.user_attrs.get("rungs")
    return (float(rungs[-1]["epoch"]), list(rungs[-1]["values"])) if rungs and trial.state == TrialState.PRUNED else None


def ranked(losses: dict[int, list[float]]) -> list[int]:
    """The keys from best to worst: by nondominated rank, then crowding distance, then key. Losses are to be minimised."""
    order: list[int] = []
    for front in _fronts(losses):
        crowding = _crowding({i: losses[i] for i in front})
        order += sorted(front, key=lambda i: (-crowding[i], i))
    return order


def merits(trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[tuple[float, float, float]]:
    """A key for each trial, of which a smaller one is better: (violation, nondominated rank, minus crowding distance).

    Feasible trials come before all others, which are ordered by their violation alone (Deb et al. 2002, NSGA-II, section VI).
    With one objective the rank is the order of values. Values after different numbers of epochs cannot be compared: trials that
    were trained longer come first, because they were promoted.
    """
    signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions]
    losses: dict[float, dict[int, list[float]]] = {}
    for i, trial in enumerate(trials):
        if (result := reached(trial)) and violation(trial) == 0:
            epochs, values = result
            losses.setdefault(epochs, {})[i] = [sign * value for sign, value in zip(signs, values, strict=True)]
    keys = [(violation(t) or math.inf, 0.0, 0.0) for t in trials]
    fronts = [(front, losses[epochs]) for epochs in sorted(losses, reverse=True) for front in _fronts(losses[epochs])]
    for rank, (front, points) in enumerate(fronts):
        crowding = _crowding({i: points[i] for i in front})
        for i in front:
            keys[i] = (0.0, float(rank), -crowding[i])
    return keys


def _fronts(losses: dict[int, list[float]]) -> list[list[int]]:
    """Indices by nondominated rank, best first. Equal points are in the same front."""
    fronts = []
    remaining = sorted(losses, key=lambda i: losses[i])
    objectives = len(losses[remaining[0]]) if remaining else 0
    if objectives == 1:
        return [list(front) for _, front in groupby(remaining, key=lambda i: losses[i])]
    while remaining:
        # In lexicographic order only an earlier point can dominate a point, and then a point of the front so far does. With two
        # objectives the last point of the front has the smallest second one.
        front: list[int] = []
        dominated: list[int] = []
        for i in remaining:
            rivals = front[-1:] if objectives == 2 else front
            (dominated if any(dominates(losses[j], losses[i]) for j in rivals) else front).append(i)
        fronts.append(front)
        remaining = dominated
    return fronts


def _crowding(losses: dict[int, list[float]]) -> dict[int, float]:
    """The crowding distance of each point of a front (Deb et al. 2002): the distance between its two neighbours on each axis, as a
    share of the front's extent, summed over the axes. It is infinite for the ends of a front.
    """
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
