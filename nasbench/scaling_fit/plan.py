"""The plan of a fit: which networks are trained, and how often, so that everything fits into the time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from nasbench.engines.base import Engine
from nasbench.engines.open import open_engine
from nasbench.errors import StudyError
from nasbench.files import MALFORMED, read_json
from nasbench.genotype import Genotype
from nasbench.scaling_fit.candidate_finder import Wanted, candidate_finder
from nasbench.scaling_fit.candidates import Candidate
from nasbench.scaling_fit.directions import AXES, compared_directions, lattice
from nasbench.scaling_fit.problem import FitProblem
from nasbench.search.plan import STARTING_S, seconds_per_evaluation
from nasbench.search.reporting import Listener
from nasbench.search.time_budget import Clock
from nasbench.study.measurements import Measurements

GROWTH = 2.0  # the factor of the cost in one step of the law
TWICE = f"{GROWTH:g}"  # its key in `FitPlan.seconds`
DIRECTIONS = len(compared_directions((1 / 3, 1 / 3, 1 / 3)))  # of the curves
FEWEST_SEEDS, MOST_SEEDS = 3, 12  # of each direction of the lattice
PLANNED_SHARE = 0.92  # of the time, since the durations of trials vary


class Level(NamedTuple):
    """An amount of work: parts of the lattice, doublings of the cost in the curves, seeds of the curves."""

    parts: int
    doublings: int
    curve_seeds: int

    @property
    def points(self) -> int:
        """Directions of the lattice."""
        return len(lattice(self.parts))

    @property
    def sizes(self) -> tuple[float, ...]:
        """Costs of the networks of the curves, as multiples of the base's cost."""
        return tuple(GROWTH**k for k in range(1, self.doublings + 1))


# From the most work to the least. A plan takes the first level that leaves time for `FEWEST_SEEDS` seeds of each direction.
LEVELS = (Level(4, 3, 4), Level(4, 3, 3), Level(4, 2, 3), Level(4, 2, 2), Level(3, 2, 2), Level(3, 1, 2))


@dataclass(frozen=True)
class FitPlan:
    """The plan of a fit, made before its first trial.

    Attributes:
        cost: the cost that doubles, `MACs` or `latency`.
        base_cost: the cost of the base in multiply-adds or milliseconds.
        parts: the lattice of directions has shares that are multiples of 1/parts.
        points: the number of directions in the lattice.
        seeds: trials of each of them at twice the cost.
        sizes: costs at which the curves compare directions, as multiples of the base's cost.
        curve_seeds: trials of each network of the curves, with fresh seeds.
        seconds: of one trial, by size as text.
        workers: trials at a time.
        expected_s: seconds that all trials take.
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
        """Trials of the lattice."""
        return self.points * self.seeds

    @property
    def curve_trials(self) -> int:
        """Trials of the curves, including those of the base."""
        return (DIRECTIONS * len(self.sizes) + 1) * self.curve_seeds

    @property
    def trial_s(self) -> float:
        """Seconds of a trial at twice the cost."""
        return self.seconds[TWICE]

    @property
    def needed_s(self) -> float:
        """The time that a fit should be given for this plan."""
        return self.expected_s / PLANNED_SHARE

    @property
    def curves_s(self) -> float:
        """Seconds that the curves take."""
        return _curves_s(self.sizes, self.curve_seeds, self.seconds) / self.workers

    def to_json(self) -> str:
        """The file `plan.json`."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> FitPlan:
        """The stored plan of a fit that is resumed.

        Raises:
            StudyError: the file is damaged.
        """
        try:
            data = read_json(path)
            values = {field.name: data[field.name] for field in fields(cls)}
            return cls(**{**values, "sizes": tuple(values["sizes"])})
        except (OSError, *MALFORMED) as error:
            raise StudyError(
                f"a fit stores its plan in {path}; it cannot be read ({error}); restore it, or choose another --name"
            ) from None


def plan_fit(problem: FitProblem, listener: Listener, elapsed_s: float = 0.0) -> tuple[FitPlan, list[Candidate]]:
    """The plan and the networks of the lattice, without a study. Where the cost is latency, it is predicted.

    Where the time is too short for any plan, this is the smallest one; `FitPlan.needed_s` says the time that it takes.

    Args:
        elapsed_s: what the caller has already used of the configuration's time.

    Raises:
        NasbenchError: as `make_plan`, or an engine that cannot run a trial.
    """
    with open_engine(problem.config.engine, problem.config.workers, problem.evaluator, listener.say) as engine:
        return make_plan(problem, engine, listener, None, Clock(elapsed_s), even_too_long=True)


def make_plan(
    problem: FitProblem,
    engine: Engine,
    listener: Listener,
    measurements: Measurements | None,
    clock: Callable[[], float],
    even_too_long: bool = False,
) -> tuple[FitPlan, list[Candidate]]:
    """Time the evaluator, decide how many trials fit into the time, and find the networks of the lattice.

    Args:
        measurements: where measured latencies are stored; None where nothing is measured.
        clock: says how many seconds of the configuration's time are used.
        even_too_long: give the smallest plan where there is too little time, instead of an error.

    Raises:
        NasbenchError: a network that cannot grow, or too little time.
    """
    listener.stage("finding networks of twice the cost")
    finder = candidate_finder(problem, measurements, listener.say)
    sizes = LEVELS[0].sizes
    networks = {size: [finder.growth.nearest(shares, size).network for shares in AXES.values()] for size in (GROWTH, max(sizes))}
    listener.stage("timing the trainer")
    time_left_s = problem.config.time_s - clock()
    timed = {size: _trial_s(problem, engine, of_size) for size, of_size in {1.0: [problem.base], **networks}.items()}
    seconds = {f"{size:g}": _interpolated(timed, size) for size in (1.0, *sizes)}
    workers = engine.workers  # a cluster may have room for fewer than the configuration asks for
    work = _level_and_seeds(seconds, workers, time_left_s)
    level, seeds = work or (LEVELS[-1], FEWEST_SEEDS)
    expected_s = (level.points * seeds * seconds[TWICE] + _curves_s(level.sizes, level.curve_seeds, seconds)) / workers
    if work is None and not even_too_long:
        raise StudyError(
            f"a fit of {problem.base.name} takes at least {math.ceil(expected_s / PLANNED_SHARE / 60)} min here, since a training of twice "
            f"its cost takes {seconds[TWICE]:.0f} s; {time_left_s / 60:.0f} min are left; {ways_to_less(problem)}"
        )
    listener.stage("finding networks of twice the cost")
    candidates = finder.find([Wanted(shares, GROWTH) for shares in lattice(level.parts)])
    plan = FitPlan(
        cost=problem.config.cost,
        base_cost=finder.base_cost,  # measured together with the candidates
        parts=level.parts,
        points=level.points,
        seeds=seeds,
        sizes=level.sizes,
        curve_seeds=level.curve_seeds,
        seconds=seconds,
        workers=workers,
        expected_s=expected_s,
    )
    return plan, candidates


def ways_to_less(problem: FitProblem) -> str:
    """What a user can do where a fit takes too long."""
    return (
        "allow more --time, or fit a smaller network, such as one from "
        f"`nasbench scale {problem.config.network} --width 0.5 --out small.yaml`, or give a quicker --recipe"
    )


def _level_and_seeds(seconds: Mapping[str, float], workers: int, time_left_s: float) -> tuple[Level, int] | None:
    """The level of work that fits into the time, and the seeds of each direction of its lattice; None if not even the last level fits."""
    for level in LEVELS:
        curves_s = _curves_s(level.sizes, level.curve_seeds, seconds)
        seeds = min(MOST_SEEDS, int((PLANNED_SHARE * time_left_s * workers - curves_s) / (level.points * seconds[TWICE])))
        if seeds >= FEWEST_SEEDS:
            return level, seeds
    return None


def _curves_s(sizes: tuple[float, ...], seeds: int, seconds: Mapping[str, float]) -> float:
    """Seconds of the curves with one worker."""
    return seeds * (seconds["1"] + DIRECTIONS * sum(seconds[f"{size:g}"] for size in sizes))


def _trial_s(problem: FitProblem, engine: Engine, networks: list[Genotype]) -> float:
    evaluation_s, _ = seconds_per_evaluation(problem.evaluator, networks, (), engine)
    return evaluation_s + STARTING_S


def _interpolated(timed: Mapping[float, float], size: float) -> float:
    """Seconds at a size, on the straight line between the two timed sizes around it."""
    below = max(s for s in timed if s <= size)
    above = min(s for s in timed if s >= size)
    if below == above:
        return timed[below]
    return timed[below] + (timed[above] - timed[below]) * (size - below) / (above - below)
