"""The plan of a fit: which networks are trained how often, from a trial run of the trainer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from nasbench.engines.base import Engine
from nasbench.errors import StudyError
from nasbench.genotype import Genotype
from nasbench.scaling_fit.directions import curves, lattice
from nasbench.scaling_fit.problem import FitProblem
from nasbench.search.plan import STARTING_S, seconds_per_evaluation

GROWTH = 2.0  # of the cost: what the coefficients are for
DIRECTIONS = len(curves((1 / 3, 1 / 3, 1 / 3)))
# What is tried, from the most to the least: parts of the lattice, doublings of the curves, seeds of the curves. The first that leaves
# the lattice as many seeds as `FEWEST_SEEDS` is taken.
LEVELS = ((4, 3, 4), (4, 3, 3), (4, 2, 3), (4, 2, 2), (3, 2, 2), (3, 1, 2))
FEWEST_SEEDS, MOST_SEEDS = 3, 12
SPARE = 0.92  # of the time; trials differ


@dataclass(frozen=True)
class FitPlan:
    """Before the first trial.

    Attributes:
        cost: what doubles, `MACs` or `latency`; base_cost: of the base, in multiply-adds or milliseconds.
        parts: of the lattice of directions at twice the cost; points: directions in it; seeds: of each.
        sizes: at which directions are compared; curve_seeds: of each, fresh.
        seconds: of one trial of a worker, by size; workers: at a time.
        expected_s: of everything that is left to do.
    """

    cost: str
    base_cost: float
    parts: int
    points: int
    seeds: int
    sizes: tuple[float, ...]
    curve_seeds: int
    seconds: Mapping[str, float]
    workers: int
    expected_s: float

    @property
    def grid_trials(self) -> int:
        """Of the lattice."""
        return self.points * self.seeds

    @property
    def curve_trials(self) -> int:
        """Of the curves, with those of the base."""
        return (DIRECTIONS * len(self.sizes) + 1) * self.curve_seeds

    @property
    def curves_s(self) -> float:
        """Seconds that the curves take."""
        return _curves_s(self.sizes, self.curve_seeds, self.seconds) / self.workers

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> FitPlan:
        """The stored plan of a fit that goes on.

        Raises:
            StudyError: the file is damaged.
        """
        try:
            stored = json.loads(path.read_text())
            found = {f.name: stored[f.name] for f in fields(cls)}
            return cls(**{**found, "sizes": tuple(found["sizes"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StudyError(f"a fit keeps its plan in {path}; it cannot be read ({error}); restore it, or choose another --name") from None


def make_plan(problem: FitProblem, engine: Engine, base_cost: float, time_left_s: float, networks: Mapping[str, list[Genotype]]) -> FitPlan:
    """Time the trainer on the networks, named by size (1, 2 and the largest), then see what fits into `time_left_s`.

    Raises:
        StudyError: not even the smallest plan does.
    """
    timed = {float(size): _seconds(problem, engine, several) for size, several in networks.items()}
    seconds = {f"{size:g}": _between(timed, size) for size in (1.0, *_sizes(3))}
    workers = engine.workers  # a cluster may have room for fewer than were asked for
    left = SPARE * time_left_s * workers
    needed = 0.0
    for parts, doublings, curve_seeds in LEVELS:
        points, sizes = len(lattice(parts)), _sizes(doublings)
        rest = left - _curves_s(sizes, curve_seeds, seconds)
        seeds = min(MOST_SEEDS, int(rest / (points * seconds["2"])))
        if seeds >= FEWEST_SEEDS:
            whole = (points * seeds * seconds["2"] + _curves_s(sizes, curve_seeds, seconds)) / workers
            kind = "latency" if problem.config.latency else "MACs"
            return FitPlan(kind, base_cost, parts, points, seeds, sizes, curve_seeds, seconds, workers, whole)
        needed = (points * FEWEST_SEEDS * seconds["2"] + _curves_s(sizes, curve_seeds, seconds)) / workers / SPARE
    raise StudyError(
        f"a fit of {problem.base.name} takes at least {math.ceil(needed / 60)} min here, since a training of twice its cost takes "
        f"{seconds['2']:.0f} s; {time_left_s / 60:.0f} min are left; allow more --time, or fit a smaller network, such as one from "
        f"`nasbench scale {problem.config.network} --width 0.5 --out small.yaml`, or a quicker --recipe"
    )


def _sizes(doublings: int) -> tuple[float, ...]:
    return tuple(GROWTH**k for k in range(1, doublings + 1))


def timed_sizes() -> tuple[float, float, float]:
    """At which the trainer is timed."""
    return 1.0, GROWTH, GROWTH ** LEVELS[0][1]


def _curves_s(sizes: tuple[float, ...], seeds: int, seconds: Mapping[str, float]) -> float:
    return seeds * (seconds["1"] + DIRECTIONS * sum(seconds[f"{size:g}"] for size in sizes))


def _seconds(problem: FitProblem, engine: Engine, networks: list[Genotype]) -> float:
    own, _ = seconds_per_evaluation(problem.evaluator, networks, (), engine)
    return own + STARTING_S


def _between(timed: Mapping[float, float], size: float) -> float:
    """Seconds at a size, on the straight line between the two that were timed around it."""
    below = max(s for s in timed if s <= size)
    above = min(s for s in timed if s >= size)
    if below == above:
        return timed[below]
    return timed[below] + (timed[above] - timed[below]) * (size - below) / (above - below)
