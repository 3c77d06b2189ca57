"""Which trials are better, with any number of objectives, when some break a limit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nasbench.pareto import dominates


def violation(trial: FrozenTrial) -> float:
    """By how much a trial breaks its limits, summed; 0 when it is feasible."""
    return sum(v for v in trial.constraints.values() if v > 0)


def reached(trial: FrozenTrial) -> tuple[float, list[float]] | None:
    """How far a trial was trained, in epochs (infinite: to the end), and its values there; None without any.

    A trial that stopped at a rung stands in the ledger as pruned, with what it came to there.
    """
    if trial.state == TrialState.COMPLETE:
        return math.inf, list(trial.values)
    rungs = trial.user_attrs.get("rungs")
    return (float(rungs[-1]["epoch"]), list(rungs[-1]["values"])) if rungs and trial.state == TrialState.PRUNED else None


def ranked(losses: dict[int, list[float]]) -> list[int]:
    """Keys from the best to the worst: by nondominated rank, then crowding, then key; values are to be minimised."""
    order: list[int] = []
    for front in _fronts(losses):
        crowding = _crowding({i: losses[i] for i in front})
        order += sorted(front, key=lambda i: (-crowding[i], i))
    return order


def merits(trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[tuple[float, float, float]]:
    """A key per trial, smaller is better: (violation, nondominated rank, minus crowding distance).

    Feasible trials come before all others, whose violation alone decides (Deb et al. 2002, NSGA-II, section VI).
    With one objective the rank is the order of values. Values after different numbers of epochs do not compare: those that
    were trained further come first, since they were chosen to go on.
    """
    signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions]
    losses: dict[float, dict[int, list[float]]] = {}
    for i, trial in enumerate(trials):
        if (found := reached(trial)) and violation(trial) == 0:
            losses.setdefault(found[0], {})[i] = [s * v for s, v in zip(signs, found[1], strict=True)]
    keys = [(violation(t) or math.inf, 0.0, 0.0) for t in trials]
    fronts = [(front, losses[epochs]) for epochs in sorted(losses, reverse=True) for front in _fronts(losses[epochs])]
    for rank, (front, points) in enumerate(fronts):
        crowding = _crowding({i: points[i] for i in front})
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
            (rest if any(dominates(losses[j], losses[i]) for j in front) else front).append(i)
        fronts.append(front)
        left = rest
    return fronts


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
