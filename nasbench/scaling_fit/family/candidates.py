"""The candidates of a family: networks along a scaling law, with their predicted latencies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from nasbench.errors import GenotypeError, LimitError
from nasbench.genotype import Genotype, digest
from nasbench.latency import Prediction, Predictor
from nasbench.scaling import Law, scale
from nasbench.scaling.law import MAX_PHI, Factors
from nasbench.scaling.scale import SIDE_STEP, SMALL_SIDE, scaled_side

STEP = 1.03  # factor of the multiply-adds from one candidate to the next
MAX_REPEATS = 30  # steps in a row that bring no new network, after which the law leads no further
RESOLUTION_STEPS = (-1, 1, -2, 2)  # steps of the input side by which a candidate may leave the law, to come nearer to a limit
SLOWEST, FASTEST = 1.5, 0.6  # predicted latencies of the last candidates, as multiples of the highest and the lowest limit
LEAST_GROWTH = 1.01  # of the multiply-adds in one step of the law


@dataclass(frozen=True)
class FamilyCandidate:
    """A network along a law.

    Attributes:
        phi: steps of the law.
        factors: of depth, width and resolution, before rounding.
        resolution_offset_px: pixels by which the side of the input differs from the law's.
        predicted: its latency on the device.
    """

    phi: float
    factors: Factors
    resolution_offset_px: int
    genotype: Genotype
    digest: str
    predicted: Prediction


def family_candidates(base: Genotype, law: Law, predictor: Predictor, lowest_ms: float, highest_ms: float) -> list[FamilyCandidate]:
    """Networks along the law by phi, from well below the lowest limit to above the highest; also with slightly other input sides.

    Raises:
        LimitError: the multiply-adds do not grow along the law.
    """
    if law.growth <= LEAST_GROWTH:
        raise LimitError(
            f"a family needs a law along which networks grow; a step of this one multiplies the multiply-adds by {law.growth:.3g} "
            f"({law}); give other coefficients"
        )
    on_law = _on_law(base, law, predictor, lowest_ms, highest_ms)
    beside = _beside_law(base, law, predictor, on_law)
    return sorted([*on_law.values(), *beside], key=lambda candidate: (candidate.phi, candidate.resolution_offset_px))


def _on_law(base: Genotype, law: Law, predictor: Predictor, lowest_ms: float, highest_ms: float) -> dict[str, FamilyCandidate]:
    """The networks on the law by digest: upwards from phi 0 until one is slow enough, then downwards until one is fast enough."""
    step = math.log(STEP) / math.log(law.growth)
    count = math.floor(MAX_PHI / step)
    upwards, downwards = [i * step for i in range(count + 1)], [-i * step for i in range(1, count + 1)]
    candidates: dict[str, FamilyCandidate] = {}

    def walk(phis: list[float], is_last: Callable[[float], bool]) -> None:
        repeats = 0
        for phi in phis:
            try:
                g = _network(base, law, phi, 0)
                name = digest(g)
                repeats = repeats + 1 if name in candidates else 0
                if name not in candidates:
                    candidates[name] = FamilyCandidate(phi, law.factors(phi), 0, g, name, predictor.predict(g))
            except GenotypeError:
                return  # the law leads no further
            if repeats == MAX_REPEATS or is_last(candidates[name].predicted.ms):
                return

    walk(upwards, lambda ms: ms > SLOWEST * highest_ms)
    walk(downwards, lambda ms: ms < FASTEST * lowest_ms)
    return candidates


def _beside_law(base: Genotype, law: Law, predictor: Predictor, on_law: dict[str, FamilyCandidate]) -> list[FamilyCandidate]:
    """The networks on the law with slightly other input sides, where these are new networks."""
    networks: dict[str, tuple[FamilyCandidate, int, Genotype]] = {}
    for candidate in on_law.values():
        for steps in RESOLUTION_STEPS:
            try:
                g = _network(base, law, candidate.phi, steps)
                name = digest(g)
            except GenotypeError:
                continue
            if name not in on_law:
                networks.setdefault(name, (candidate, steps, g))
    predictions = predictor.predict_many([g for _, _, g in networks.values()])
    return [
        FamilyCandidate(candidate.phi, candidate.factors, steps * _side_step(base), g, name, predicted)
        for (name, (candidate, steps, g)), predicted in zip(networks.items(), predictions, strict=True)
    ]


def _network(base: Genotype, law: Law, phi: float, steps: int) -> Genotype:
    """The network at phi, whose input side differs by some steps from the law's."""
    factors = law.factors(phi)
    side = scaled_side(base.input[1], factors.resolution) + steps * _side_step(base)
    return scale(base, width=factors.width, depth=factors.depth, resolution=side, rounding="total", name=base.name)


def _side_step(base: Genotype) -> int:
    """The smallest change of the input side, in pixels."""
    return SIDE_STEP if base.input[1] > SMALL_SIDE else 1
