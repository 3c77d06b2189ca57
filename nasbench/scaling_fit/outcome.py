"""The result of a fit: the surface of the trials of the lattice, the curves, and the file `fit.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.scaling_fit.candidates import TOLERANCE
from nasbench.scaling_fit.curves import CurvePoint, Difference
from nasbench.scaling_fit.directions import BASE
from nasbench.scaling_fit.plan import GROWTH, FitPlan
from nasbench.scaling_fit.surface import Fit, fit_surface
from nasbench.study.directory import FIT_FILE
from nasbench.study.phase import Phase
from nasbench.study.trial import Trial, plain


@dataclass(frozen=True)
class FitOutcome:
    """The result of a fit.

    Attributes:
        path: of the study.
        fit: the law, from the trials of the lattice.
        gain: the mean gain of accuracy when the cost doubles, over all directions.
        points, differences: of the curves.
        complete: whether every planned trial was done.
        largest_deviation: the largest share by which the cost of a network differs from the wanted one.
    """

    path: Path
    fit: Fit
    gain: float
    points: list[CurvePoint]
    differences: list[Difference]
    complete: bool
    largest_deviation: float


def fit_phase(phase: Phase, latency: bool, seed: int, path: Path) -> tuple[Fit, float]:
    """The surface of the trials of the lattice, and the mean gain of accuracy when the cost doubles.

    Args:
        path: of the study, for the message of the error.

    Raises:
        StudyError: no trial of the base, or none of the lattice, has an accuracy.
    """
    evaluated = [t for t in phase.records() if t.status == "ok" and t.accuracy is not None]
    base = [t.accuracy for t in evaluated if t.more["direction"] == BASE and t.accuracy is not None]
    grown = [t for t in evaluated if t.more["direction"] != BASE]
    if not base or not grown:
        reasons = sorted({t.reason or t.status for t in phase.records() if t.status != "ok"})
        raise StudyError(
            f"a fit needs trials of the base and of grown networks that have an accuracy; the phase {phase.name} of {path} has "
            f"{len(base)} and {len(grown)} ({'; '.join(reasons)[:300]}); correct the cause, then give the same command"
        )
    return fit_trials(grown, mean(base), latency, seed)


def fit_trials(trials: Sequence[Trial], base_accuracy: float, latency: bool, seed: int) -> tuple[Fit, float]:
    """The surface of trials at about twice the cost, and the mean gain of accuracy when the cost doubles.

    The mean gain corrects the accuracy of each trial for the small deviation of its cost.
    """
    doublings = [math.log(float(t.more["ratio"])) / math.log(GROWTH) for t in trials]
    accuracy = [float(t.accuracy or 0) for t in trials]
    gain = (mean(accuracy) - base_accuracy) / mean(doublings)
    corrected = [a - gain * (d - 1) for a, d in zip(accuracy, doublings, strict=True)]
    growth = [float(t.more["growth"]) ** (1 / d) for t, d in zip(trials, doublings, strict=True)] if latency else GROWTH
    return fit_surface([t.more["shares"] for t in trials], corrected, growth, seed=seed), gain


def write_outcome(outcome: FitOutcome, network: str, plan: FitPlan, latencies: str | None) -> None:
    """Write `fit.json`.

    Args:
        network: the name of the base.
        latencies: says where the latencies of the trials come from; None where they have none.
    """
    report = {
        "network": network,
        "latencies": latencies,
        "cost": plan.cost,
        "base_cost": plan.base_cost,
        "asked": GROWTH,
        "tolerance": TOLERANCE,
        "largest_deviation": outcome.largest_deviation,
        "complete": outcome.complete,
        "gain_of_doubling": outcome.gain,
        "fit": asdict(outcome.fit),
        "points": [point.to_json() for point in outcome.points],
        "differences": [difference.to_json() for difference in outcome.differences],
    }
    write_atomic(outcome.path / FIT_FILE, json.dumps(plain(report), indent=1) + "\n")
