"""Growth of the base network in a direction until it has a wanted cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, cost, digest
from nasbench.scaling import Law, scale
from nasbench.scaling.law import Factors, of_shares
from nasbench.scaling_fit.candidates import Candidate
from nasbench.scaling_fit.directions import LATTICE, Shares, show_shares

SIZES = 97  # sizes around the wanted one at which networks are looked for
NEIGHBOURS = 4  # of them that are examined on either side of the nearest
MACS_REACH, LATENCY_REACH = 1.8, 8.0  # factors; latency may not change before the multiply-adds have grown a lot
SMALLEST_SIZE = 1.02  # the smallest size that is growth


@dataclass(frozen=True)
class Growth:
    """How networks grow in a fit.

    Attributes:
        base: the network that grows.
        divisor: widths are multiples of it.
        cost: the cost that doubles, in multiply-adds or milliseconds.
        side: returns the input side in pixels that trains best in place of a wanted one.
        reach: the factor by which the multiply-adds may differ from the wanted size while a network is looked for.
    """

    base: Genotype
    divisor: int
    cost: Callable[[Genotype], float]
    side: Callable[[float], int] = round
    reach: float = MACS_REACH

    def grow(self, factors: Factors) -> Genotype:
        """The base scaled by the factors, rounded to the nearest; the blocks of all stages are counted together.

        With this rounding no direction has an advantage, and the steps between networks are small.

        Raises:
            GenotypeError: the scaled network is not possible.
        """
        side = None if factors.resolution == 1 else self.side(max(self.base.input[1:]) * factors.resolution)
        return scale(self.base, width=factors.width, depth=factors.depth, resolution=side, divisor=self.divisor, rounding="total")

    def nearest(self, shares: Shares, size: float, direction: str = LATTICE) -> Candidate:
        """The network in a direction whose cost is nearest to `size` times the base's cost.

        Raises:
            GenotypeError: no network in the direction is possible.
        """
        wanted_cost = size * self.cost(self.base)
        sizes = [max(SMALLEST_SIZE, size * self.reach ** (2 * i / (SIZES - 1) - 1)) for i in range(SIZES)]
        networks = _Networks(self, of_shares(*shares), sizes)
        # The cost grows with the size except for steps of rounding: bisect, then examine the neighbours.
        low, high = 0, SIZES - 1
        while low < high:
            middle = (low + high) // 2
            network = networks.at(middle)
            if network is not None and network.cost < wanted_cost:
                low = middle + 1
            else:
                high = middle
        neighbours = [networks.at(i) for i in range(max(0, low - NEIGHBOURS), min(SIZES, low + NEIGHBOURS + 1))]
        possible = [network for network in neighbours if network is not None]
        if not possible:
            raise GenotypeError(
                f"{self.base.name} cannot grow by shares {show_shares(shares)} of depth, width, resolution: {networks.problem}"
            )
        best = min(possible, key=lambda n: (abs(math.log(n.cost / wanted_cost)), abs(math.log(n.size / size)), n.size))
        return self.candidate(best.genotype, shares, size, direction)

    def candidate(self, g: Genotype, wanted_shares: Shares, size: float, direction: str) -> Candidate:
        """A network that grew from the base, with its costs and the shares that it really has."""
        logs = self.log_growth(g)
        total = sum(logs)
        counts = cost(g)
        return Candidate(
            direction=direction,
            wanted_shares=wanted_shares,
            size=size,
            genotype=g.to_yaml(),
            digest=digest(g),
            macs=counts.macs,
            params=counts.params,
            side=g.input[1],
            ratio=self.cost(g) / self.cost(self.base),
            growth=math.exp(total),
            shares=(logs[0] / total, logs[1] / total, logs[2] / total) if abs(total) > 1e-9 else wanted_shares,
        )

    def log_growth(self, g: Genotype) -> Shares:
        """The logarithms of the factors by which depth, width and resolution multiplied the multiply-adds.

        The factors of depth and of resolution are those of a network that differs from the base in this axis alone. The rest
        belongs to the width.
        """
        base = self.base
        stages = tuple(
            tuple(block.but(repeat=grown.repeat) for block, grown in zip(blocks, grown_blocks, strict=True))
            for blocks, grown_blocks in zip(base.stages, g.stages, strict=True)
        )
        deeper = Genotype(base.name, base.input, base.stem, stages, base.head, base.style)
        larger = Genotype(base.name, g.input, base.stem, base.stages, base.head, base.style)
        start = math.log(cost(base).macs)
        depth, resolution = math.log(cost(deeper).macs) - start, math.log(cost(larger).macs) - start
        return depth, math.log(cost(g).macs) - start - depth - resolution, resolution


class _Network(NamedTuple):
    size: float
    cost: float
    genotype: Genotype


class _Networks:
    """The networks of one direction at a list of sizes; each is made once.

    Attributes:
        problem: why no network is possible at the last size that has none.
    """

    def __init__(self, growth: Growth, law: Law, sizes: list[float]) -> None:
        self.problem = ""
        self._growth, self._law, self._sizes = growth, law, sizes
        self._networks: dict[int, _Network | None] = {}

    def at(self, i: int) -> _Network | None:
        """The network at size i, or None if none is possible."""
        if i not in self._networks:
            size = self._sizes[i]
            try:
                g = self._growth.grow(self._law.factors(self._law.steps(size)))
                self._networks[i] = _Network(size, self._growth.cost(g), g)
            except GenotypeError as error:
                self.problem, self._networks[i] = str(error), None
        return self._networks[i]
