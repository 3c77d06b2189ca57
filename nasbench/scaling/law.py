"""Laws of compound scaling: how the growth of a network is divided among depth, width and resolution.

The multiply-adds of a convolutional network grow as depth * width^2 * resolution^2 (Tan & Le 2019, section 3.3). A law is
therefore described by three shares that sum to 1: if multiply-adds grow by s, depth grows by s^d, width by s^(w/2) and resolution
by s^(r/2). The alpha, beta and gamma of Tan & Le are the factors of one step of phi. The strategies of Dollar et al. ("Fast and
Accurate Model Scaling", 2021) are the shares.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

from nasbench.errors import GenotypeError, short

COEFFICIENTS = (1e-3, 1e3)
MAX_PHI = 20.0
_WEIGHT = re.compile(r"([dwgr])(\d{1,3}(?:\.\d{1,6})?)")


class Factors(NamedTuple):
    """The factors that multiply depth, width and resolution."""

    depth: float
    width: float
    resolution: float


@dataclass(frozen=True)
class Law:
    """A law in which depth grows by alpha^phi, width by beta^phi and resolution by gamma^phi (Tan & Le 2019, eq. 3).

    >>> Law(1.2, 1.1, 1.15).factors(1)
    Factors(depth=1.2, width=1.1, resolution=1.15)

    Raises:
        GenotypeError: a coefficient that is not a number from 0.001 to 1000.
    """

    alpha: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        low, high = COEFFICIENTS
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise GenotypeError(
                    f"{name} is by how much one step of phi multiplies, from {low:g} to {high:g}; got {short(value)}; try 1.2"
                )

    @property
    def growth(self) -> float:
        """The factor of the multiply-adds in one step, before any rounding: alpha * beta^2 * gamma^2."""
        return self.alpha * self.beta**2 * self.gamma**2

    @property
    def shares(self) -> tuple[float, float, float]:
        """The shares of depth, width and resolution in the growth; they sum to 1.

        Raises:
            GenotypeError: the multiply-adds do not grow.
        """
        total = math.log(self.growth)
        if abs(total) < 1e-9:
            raise GenotypeError(f"shares need a growth; alpha * beta^2 * gamma^2 is 1 here ({self}); give other coefficients")
        return math.log(self.alpha) / total, 2 * math.log(self.beta) / total, 2 * math.log(self.gamma) / total

    def factors(self, phi: float) -> Factors:
        """The factors after `phi` steps; with `phi` below 0 the network shrinks.

        Raises:
            GenotypeError: `phi` is not a number from -20 to 20.
        """
        if isinstance(phi, bool) or not isinstance(phi, int | float) or not -MAX_PHI <= phi <= MAX_PHI:
            raise GenotypeError(f"phi is a number of steps from {-MAX_PHI:g} to {MAX_PHI:g}; got {short(phi)}; 1 about doubles the MACs")
        return Factors(self.alpha**phi, self.beta**phi, self.gamma**phi)

    def steps(self, size: float) -> float:
        """The `phi` that multiplies the multiply-adds by `size`."""
        return math.log(size) / math.log(self.growth)

    def __str__(self) -> str:
        return f"alpha {self.alpha:.4g}, beta {self.beta:.4g}, gamma {self.gamma:.4g}"


PUBLISHED = Law(1.2, 1.1, 1.15)  # EfficientNet's, found on B0 (Tan & Le 2019, section 4); one step makes 1.92 times the multiply-adds


def of_shares(depth: float, width: float, resolution: float, growth: float = 2.0) -> Law:
    """The law with these shares in which one step multiplies the multiply-adds by `growth`; the weights need not sum to 1.

    >>> [round(share, 3) for share in of_shares(1, 8, 1).shares]
    [0.1, 0.8, 0.1]

    Raises:
        GenotypeError: a weight below 0, weights that are all 0, or a growth that is not above 1 and at most 1000.
    """
    weights = (depth, width, resolution)
    total = sum(weights)
    if not all(math.isfinite(w) and w >= 0 for w in weights) or total <= 0:
        raise GenotypeError(f"the weights of depth, width and resolution are from 0 and not all 0; got {weights}; try 1, 8, 1")
    if not 1 < growth <= 1000:
        raise GenotypeError(f"a step's growth is above 1, at most 1000; got {growth:g}; 2 doubles the multiply-adds")
    d, w, r = (each / total for each in weights)
    return Law(growth**d, growth ** (w / 2), growth ** (r / 2))


def fast(alpha: float = 0.8, growth: float = 2.0) -> Law:
    """Fast compound scaling (Dollar et al. 2021, section 5): width has the share `alpha`, depth and resolution have half of the rest each.

    Activations are depth * width * resolution^2, so they grow only as size^(1 - alpha/2): with alpha 0.8 as size^0.6. An alpha of
    1/3 is uniform scaling, and 1 is scaling of the width alone.

    Raises:
        GenotypeError: `alpha` is not a number from 0 to 1.
    """
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 <= alpha <= 1:
        raise GenotypeError(f"fast scaling's alpha is the share of width, from 0 to 1; got {short(alpha)}; 0.8 is the paper's")
    return of_shares((1 - alpha) / 2, alpha, (1 - alpha) / 2, growth)


def from_spec(spec: str, growth: float = 2.0) -> Law:
    """The law of a strategy as pycls writes it: `d1_w8_r1`, or `dw` for equal weights; an axis that is not named does not grow.

    In pycls, g is the width of groups. Here a widened network keeps its number of groups, so their width grows as the width does.
    A weight of g that differs from that of w is therefore refused.

    Raises:
        GenotypeError: the text is not a strategy, or has such a g.
    """
    rule = "a strategy names weights of d (depth), w (width) and r (resolution), such as d1_w8_r1, or letters alone, such as dwr"
    weights: dict[str, float] = {}
    plain = re.fullmatch("[dwgr]{1,4}", spec) is not None
    for part in spec if plain else spec.split("_"):
        match = _WEIGHT.fullmatch(f"{part}1" if plain else part)
        if not match or match[1] in weights:
            raise GenotypeError(f"{rule}; got {short(spec)}")
        weights[match[1]] = float(match[2])
    d, w, r = (weights.get(axis, 0.0) for axis in "dwr")
    if d + w + r == 0:
        raise GenotypeError(f"{rule}; got {short(spec)}, in which nothing grows")
    if weights.get("g", w) != w:
        raise GenotypeError(
            f"a widened network keeps its number of groups, so their width grows as w does; got g {weights['g']:g} beside w {w:g}; "
            "leave g out or give it w's weight"
        )
    return of_shares(d, w, r, growth)
