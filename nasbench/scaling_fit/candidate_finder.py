"""Search for networks of a wanted cost. Where the cost is latency, they are measured before any is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from nasbench.errors import DeviceError, StudyError
from nasbench.genotype import Genotype, digest
from nasbench.scaling_fit.candidates import Candidate
from nasbench.scaling_fit.directions import LATTICE, Shares
from nasbench.scaling_fit.growth import Growth
from nasbench.scaling_fit.problem import FitProblem
from nasbench.search.measuring import Measure
from nasbench.study.measurements import Measured, Measurements

SESSION = 6  # networks that are measured in one session
ROUNDS = 3  # networks that are measured in a direction until one has the wanted cost
SMALLEST_AIM = 1.05  # the smallest predicted size that is looked for
WHERE = "fit"  # in measurements.jsonl


class Wanted(NamedTuple):
    """A network to find: its shares of depth, width and resolution, its cost as a multiple of the base's, its direction's name."""

    shares: Shares
    size: float
    direction: str = LATTICE


@dataclass
class CandidateFinder:
    """Finds the candidates of a fit.

    Attributes:
        growth: how networks grow; its cost is multiply-adds or predicted latency.
        measure: measures networks; None where the cost is multiply-adds or the device is elsewhere.
        measurements: the measurements of the study; None where the cost is multiply-adds, and for a plan without a study.
        say: receives lines about the progress.
    """

    growth: Growth
    measure: Measure | None
    measurements: Measurements | None
    say: Callable[[str], None]

    @property
    def base_cost(self) -> float:
        """The cost of the base in multiply-adds or milliseconds, measured where it was measured."""
        return self._cost(self.growth.base)

    def find(self, wanted: Sequence[Wanted]) -> list[Candidate]:
        """The network whose cost is nearest to the wanted one, for each direction and size.

        Raises:
            GenotypeError: no network in a direction is possible.
            DeviceError: the machine is too noisy to measure.
        """
        last = [self.growth.nearest(*each) for each in wanted]
        if self.measure is None:
            return last
        self._measure([self.growth.base, *(candidate.network for candidate in last)])
        best = [self._with_measured_ratio(candidate) for candidate in last]
        for _ in range(ROUNDS - 1):
            outside = [i for i, candidate in enumerate(best) if not candidate.within_tolerance]
            if not outside:
                break
            for i in outside:
                last[i] = self.growth.nearest(wanted[i].shares, self._aim(last[i], wanted[i].size), wanted[i].direction)
            self._measure([last[i].network for i in outside])
            for i in outside:
                candidate = self._with_measured_ratio(replace(last[i], size=wanted[i].size))
                if candidate.deviation < best[i].deviation:
                    best[i] = candidate
        return best

    def latency_ms(self, candidate: Candidate) -> float | None:
        """The latency of a candidate where latency is the cost."""
        return None if self.measurements is None else self._cost(candidate.network)

    def _aim(self, last: Candidate, size: float) -> float:
        """The predicted size to look for next: the last one, corrected by the error of its prediction."""
        return max(SMALLEST_AIM, last.ratio * size / self._with_measured_ratio(last).ratio)

    def _with_measured_ratio(self, candidate: Candidate) -> Candidate:
        return replace(candidate, ratio=self._cost(candidate.network) / self.base_cost)

    def _cost(self, g: Genotype) -> float:
        measurement = None if self.measurements is None else self.measurements.find(digest(g))
        return self.growth.cost(g) if measurement is None else measurement.median_ms

    def _measure(self, networks: Iterable[Genotype]) -> None:
        """Measure the networks that have no measurement yet, or only a noisy one, some in each session.

        Raises:
            DeviceError: all these measurements are noisy.
        """
        if self.measure is None or self.measurements is None:
            return
        genotypes = {digest(g): g for g in networks}
        missing = [name for name in genotypes if (m := self.measurements.find(name)) is None or m.noisy]
        for start in range(0, len(missing), SESSION):
            session = {name: genotypes[name] for name in missing[start : start + SESSION]}
            self.say(f"measuring networks {start + 1} to {start + len(session)} of {len(missing)}, alone on the machine")
            results = self.measure(session)
            self.measurements.add([Measured(WHERE, name, self.growth.cost(g), results[name]) for name, g in session.items()])
        if missing and all(m.noisy for name in missing if (m := self.measurements.find(name)) is not None):
            raise DeviceError(
                "networks of twice the latency are found by measuring; this machine is too noisy for that; stop other work, then give "
                "the same command again"
            )


def candidate_finder(problem: FitProblem, measurements: Measurements | None, say: Callable[[str], None]) -> CandidateFinder:
    """The finder for the problem's cost.

    Raises:
        StudyError: latency is the cost, and the problem has no predictor.
    """
    if not problem.config.latency:
        return CandidateFinder(problem.growth(), None, None, say)
    if problem.predictor is None:
        raise StudyError("a fit under latency needs a predictor; give the problem a profile with `predicting`")
    predict = problem.predictor.predict
    return CandidateFinder(problem.growth(lambda g: predict(g).ms), problem.measurer(say), measurements, say)
