"""Networks of the asked cost; under latency, measured before any is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from nasbench.errors import DeviceError, StudyError
from nasbench.genotype import Genotype, digest
from nasbench.scaling_fit.directions import Candidate, Growth, Shares
from nasbench.scaling_fit.problem import FitProblem
from nasbench.search.measuring import Measure
from nasbench.study.measurements import Measured, Measurements

SESSION = 6  # networks of one measurement
TRIES = 3  # networks measured in a direction until one costs what was asked
WHERE = "fit"


@dataclass
class Sizing:
    """Finds candidates of a fit.

    Attributes:
        growth: with multiply-adds or predicted latency as the cost.
        run, kept: what measures, and what was; None where the cost is multiply-adds or the device is elsewhere.
    """

    growth: Growth
    run: Measure | None
    kept: Measurements | None
    say: Callable[[str], None]

    @property
    def base_cost(self) -> float:
        """Of the base: multiply-adds, or milliseconds, measured where that can be."""
        return self._cost(self.growth.base)

    def candidates(self, wanted: Sequence[tuple[Shares, float]]) -> list[Candidate]:
        """For each direction and size the network whose cost is nearest.

        Raises:
            GenotypeError: a direction in which nothing grows.
            DeviceError: the machine is too noisy to measure.
        """
        found = [self.growth.nearest(shares, size) for shares, size in wanted]
        if self.run is None:
            return found
        self._measure([self.growth.base, *(Genotype.from_yaml(c.genotype) for c in found)])
        best = [self._judged(c) for c in found]
        for _ in range(TRIES - 1):
            off = [i for i, c in enumerate(best) if not c.honoured]
            if not off:
                break
            again = {i: self.growth.nearest(best[i].asked, self._aim(found[i], best[i])) for i in off}
            self._measure([Genotype.from_yaml(c.genotype) for c in again.values()])
            for i, c in again.items():
                found[i] = c
                judged = self._judged(replace(c, size=best[i].size))
                if abs(judged.ratio / judged.size - 1) < abs(best[i].ratio / best[i].size - 1):
                    best[i] = judged
        return best

    def milliseconds(self, c: Candidate) -> float | None:
        """Latency of a candidate where that is the cost."""
        return None if self.kept is None else self._cost(Genotype.from_yaml(c.genotype))

    def _aim(self, tried: Candidate, best: Candidate) -> float:
        """The predicted size to look for, so that the measured one is what was asked."""
        measured = self._cost(Genotype.from_yaml(tried.genotype)) / self.base_cost
        return max(1.05, tried.ratio * best.size / measured)

    def _judged(self, c: Candidate) -> Candidate:
        return replace(c, ratio=self._cost(Genotype.from_yaml(c.genotype)) / self.base_cost)

    def _cost(self, g: Genotype) -> float:
        known = self.kept.find(digest(g)) if self.kept is not None else None
        return self.growth.cost(g) if known is None else known.median_ms

    def _measure(self, networks: Iterable[Genotype]) -> None:
        """Those that were not measured yet, some at a time."""
        if self.run is None or self.kept is None:
            return
        missing = {digest(g): g for g in networks}
        names = [name for name in missing if (m := self.kept.find(name)) is None or m.noisy]
        for start in range(0, len(names), SESSION):
            some = {name: missing[name] for name in names[start : start + SESSION]}
            self.say(f"measuring networks {start + 1} to {start + len(some)} of {len(names)}, alone on the machine")
            results = self.run(some)
            self.kept.add([Measured(WHERE, name, self.growth.cost(g), results[name]) for name, g in some.items()])
        if names and all(m.noisy for name in names if (m := self.kept.find(name)) is not None):
            raise DeviceError("a latency that doubles has to be measured; this machine is too noisy; stop other work, then go on")


def sizing(problem: FitProblem, kept: Measurements | None, say: Callable[[str], None]) -> Sizing:
    """For the problem's cost.

    Raises:
        StudyError: latency is the cost, and the device was not profiled.
    """
    if not problem.config.latency:
        return Sizing(problem.growth(), None, None, say)
    if problem.predictor is None:
        raise StudyError("a fit under latency needs a predictor; give the problem a profile with `predicting`")
    predict = problem.predictor.predict
    return Sizing(problem.growth(lambda g: predict(g).ms), problem.measurer(say), kept, say)
