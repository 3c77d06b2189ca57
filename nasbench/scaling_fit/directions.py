"""Which networks are tried: directions of growth, each grown until the cost is what was asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, cost, digest
from nasbench.scaling import Law, fast, scale
from nasbench.scaling.law import PUBLISHED, Factors, of_shares

Cost = Callable[[Genotype], float]
Shares = tuple[float, float, float]

AXES: Mapping[str, Shares] = {"depth": (1.0, 0.0, 0.0), "width": (0.0, 1.0, 0.0), "resolution": (0.0, 0.0, 1.0)}
TOLERANCE = 0.10  # of the cost that was asked, either way
TRIES, AROUND = 97, 4  # sizes around the one asked, and how many are looked at on either side of the nearest
REACH, FAR = 1.8, 8.0  # by a factor, for multiply-adds and for latency, which may not feel a growth for long
LEAST = 1.02  # the smallest size that is growth


def lattice(parts: int) -> list[Shares]:
    """Scheffe's simplex lattice: all shares that are multiples of 1/parts; 15 for 4, 10 for 3."""
    return [(i / parts, j / parts, (parts - i - j) / parts) for i in range(parts, -1, -1) for j in range(parts - i, -1, -1)]


@dataclass(frozen=True)
class Growth:
    """How networks grow in a fit.

    Attributes:
        base: what is grown; divisor: of widths.
        cost: what is doubled: multiply-adds, or milliseconds.
        side: the allowed input side nearest to one that is wanted.
        reach: how far from the size asked the multiply-adds may grow, by a factor.
    """

    base: Genotype
    divisor: int
    cost: Cost
    side: Callable[[float], int] = round
    reach: float = REACH

    def grown(self, factors: Factors) -> Genotype:
        """Rounded to the nearest, blocks over all stages together, so that no direction is favoured and steps are small."""
        g = self.base
        side = None if factors.resolution == 1 else self.side(max(g.input[1:]) * factors.resolution)
        return scale(g, width=factors.width, depth=factors.depth, resolution=side, divisor=self.divisor, rounding="total")

    def nearest(self, shares: Shares, size: float) -> Candidate:
        """The network in a direction whose cost is nearest to `size` times the base's.

        Raises:
            GenotypeError: none in the direction is a network.
        """
        law, wanted = of_shares(*shares), size * self.cost(self.base)
        sizes = [max(LEAST, size * self.reach ** (2 * i / (TRIES - 1) - 1)) for i in range(TRIES)]
        tried: dict[int, tuple[float, Genotype] | None] = {}
        why = ""

        def at(i: int) -> tuple[float, Genotype] | None:
            nonlocal why
            if i not in tried:
                try:
                    g = self.grown(law.factors(law.steps(sizes[i])))
                    tried[i] = (self.cost(g), g)
                except GenotypeError as error:
                    why, tried[i] = str(error), None
            return tried[i]

        # Cost grows with size but for steps of rounding: a search by halves, then a look around.
        low, high = 0, TRIES - 1
        while low < high:
            middle = (low + high) // 2
            found = at(middle)
            if found is not None and found[0] < wanted:
                low = middle + 1
            else:
                high = middle
        near = [(at(i), i) for i in range(max(0, low - AROUND), min(TRIES, low + AROUND + 1))]
        rows = [(abs(math.log(one[0] / wanted)), abs(math.log(sizes[i] / size)), i) for one, i in near if one is not None]
        best = tried[min(rows)[2]] if rows else None
        if best is None:
            raise GenotypeError(f"{self.base.name} cannot grow by shares {show(shares)} of depth, width, resolution: {why}")
        return self.candidate(shares, size, best[1])

    def candidate(self, shares: Shares, size: float, g: Genotype) -> Candidate:
        """What a grown network came to."""
        depth, width, resolution = self.parts(g)
        total = depth + width + resolution
        macs = cost(g).macs
        ratio = self.cost(g) / self.cost(self.base)
        got = (depth / total, width / total, resolution / total) if abs(total) > 1e-9 else shares
        return Candidate(shares, size, g.to_yaml(), digest(g), macs, cost(g).params, g.input[1], ratio, math.exp(total), got)

    def parts(self, g: Genotype) -> tuple[float, float, float]:
        """Log growth of multiply-adds that is depth's, width's and resolution's: of the first and last alone, the rest is width's."""
        base = self.base
        start = math.log(cost(base).macs)
        stages = tuple(
            tuple(row.but(repeat=more.repeat) for row, more in zip(rows, grown, strict=True))
            for rows, grown in zip(base.stages, g.stages, strict=True)
        )
        deeper = Genotype(base.name, base.input, base.stem, stages, base.head, base.style)
        larger = Genotype(base.name, g.input, base.stem, base.stages, base.head, base.style)
        depth, side = math.log(cost(deeper).macs) - start, math.log(cost(larger).macs) - start
        return depth, math.log(cost(g).macs) - start - depth - side, side


@dataclass(frozen=True)
class Candidate:
    """A network to train.

    Attributes:
        asked: shares of depth, width and resolution; got: those that rounding left. They sum to 1.
        size: cost asked, as a multiple of the base's; ratio: that it has; growth: of its multiply-adds.
        genotype: YAML; side: of its input, pixels.
    """

    asked: Shares
    size: float
    genotype: str
    digest: str
    macs: int
    params: int
    side: int
    ratio: float
    growth: float
    got: Shares

    @property
    def honoured(self) -> bool:
        """Whether its cost is within a tenth of the one asked."""
        return abs(self.ratio / self.size - 1) <= TOLERANCE

    @property
    def effective(self) -> Law:
        """Coefficients whose alpha * beta^2 * gamma^2 is the growth of the multiply-adds."""
        d, w, r = (x * math.log(self.growth) for x in self.got)
        return Law(math.exp(d), math.exp(w / 2), math.exp(r / 2))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Candidate:
        return cls(**{**data, "asked": tuple(data["asked"]), "got": tuple(data["got"])})


def curves(compound: Shares) -> dict[str, Shares]:
    """The directions that are compared: each axis alone, EfficientNet's, fast scaling, and the one that was found."""
    return {**AXES, "EfficientNet's": PUBLISHED.shares, "fast (d1_w8_r1)": fast().shares, "fitted": compound}


def show(shares: Shares) -> str:
    """`0.25, 0.50, 0.25`."""
    return ", ".join(f"{x:.2f}" for x in shares)
