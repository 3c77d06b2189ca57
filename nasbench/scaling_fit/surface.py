"""How good a network of twice the cost is, by where its growth went: a smooth surface fitted to trials, its best point, intervals.

Shares of depth, width and resolution are the parts of a mixture, so the surface is Scheffe's quadratic (1958, "Experiments with
mixtures", section 3): y = sum of b_i x_i + sum of b_ij x_i x_j, six coefficients and no constant. Intervals come from a bootstrap of
its residuals, scaled up for what the fit took from them (Davison & Hinkley 1997, section 6.2.3): where seeds differ more than
directions do, the best point wanders over the whole triangle, and the interval says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StudyError
from nasbench.scaling import Law
from nasbench.scaling.law import of_shares

Array = NDArray[np.float64]

TERMS = 6
FEWEST = 10  # trials: four more than coefficients
STEPS = 50  # of the triangle on which the best point is looked for: shares to 2 %
RESAMPLES, SHOWN = 2000, 300
COVERAGE = 0.95


def triangle(steps: int) -> Array:
    """All shares that are multiples of 1/steps, (n, 3)."""
    points = [(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]
    return np.array(points, dtype=np.float64) / steps


def _terms(shares: Array) -> Array:
    d, w, r = shares.T
    return np.stack([d, w, r, d * w, d * r, w * r], axis=1)


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Fit:
    """What the trials of one size say.

    Attributes:
        shares: of depth, width and resolution at the best point of the surface.
        depth, width, resolution: the same, each with its interval.
        alpha, beta, gamma: coefficients of that law, with intervals.
        growth: alpha * beta^2 * gamma^2 there.
        trials, points: how many trials, of how many directions; sigma: standard deviation of a trial around the surface.
        coefficients: of the surface: depth, width, resolution, depth*width, depth*resolution, width*resolution.
        spread: highest less lowest of the surface; lack: F test of the surface against the directions' own means, its p value, None
            without repetitions.
        resampled: best points of the first 300 resamples, for a picture.
    """

    shares: tuple[float, float, float]
    depth: Interval
    width: Interval
    resolution: Interval
    alpha: Interval
    beta: Interval
    gamma: Interval
    growth: float
    trials: int
    points: int
    sigma: float
    coefficients: tuple[float, ...]
    spread: float
    lack: float | None
    resampled: tuple[tuple[float, float, float], ...]

    @property
    def law(self) -> Law:
        return of_shares(*self.shares, growth=self.growth)

    def predict(self, shares: Sequence[Sequence[float]]) -> Array:
        """The surface at these shares."""
        found: Array = _terms(np.asarray(shares, dtype=np.float64)) @ np.array(self.coefficients)
        return found


def fit_surface(
    shares: Sequence[Sequence[float]],
    accuracy: Sequence[float],
    growth: Sequence[float] | float = 2.0,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Fit:
    """Fit the surface to trials: `shares` (n, 3), each summing to 1, and an accuracy each.

    Args:
        growth: by what the multiply-adds grew: for all, or of each trial where the constraint is on another cost. It is then itself
            a smooth function of the shares, and the coefficients at a point multiply to its value there.

    Raises:
        StudyError: fewer than 10 trials, or of fewer than 6 directions.
    """
    x, y = np.asarray(shares, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    points = np.unique(np.round(x, 6), axis=0)
    if len(x) < FEWEST or len(points) < TERMS:
        raise StudyError(
            f"a scaling law takes at least {FEWEST} trials of {TERMS} directions; there are {len(x)} of {len(points)}; allow more --time"
        )
    design, grid = _terms(x), triangle(STEPS)
    inverse = np.linalg.pinv(design)
    coefficients = inverse @ y
    fitted = design @ coefficients
    residuals = y - fitted
    freedom = len(y) - TERMS
    sigma = float(np.sqrt(residuals @ residuals / freedom))
    over = _terms(grid)
    surface = over @ coefficients
    place = int(np.argmax(surface))
    best = grid[place]

    leverage = np.einsum("ij,ji->i", design, inverse)
    scaled = residuals / np.sqrt(np.maximum(1 - leverage, 1e-3))
    scaled = scaled - scaled.mean()
    draw = np.random.default_rng(seed)
    picked = scaled[draw.integers(0, len(y), (resamples, len(y)))]
    again = over @ (inverse @ (fitted + picked).T)
    places = np.argmax(again, axis=0)
    winners = grid[places]

    if isinstance(growth, int | float):
        grown = np.full(len(grid), float(growth))
    else:
        grown = np.exp(over @ (inverse @ np.log(np.asarray(growth, dtype=np.float64))))

    def laws(at: NDArray[np.intp]) -> Array:
        """alpha, beta, gamma of points of the triangle."""
        found: Array = np.exp(np.log(grown[at])[:, None] * grid[at] / np.array([1.0, 2.0, 2.0]))
        return found

    own, theirs = laws(np.array([place]))[0], laws(places)
    return Fit(
        shares=(float(best[0]), float(best[1]), float(best[2])),
        depth=_interval(best[0], winners[:, 0]),
        width=_interval(best[1], winners[:, 1]),
        resolution=_interval(best[2], winners[:, 2]),
        alpha=_interval(own[0], theirs[:, 0]),
        beta=_interval(own[1], theirs[:, 1]),
        gamma=_interval(own[2], theirs[:, 2]),
        growth=float(grown[place]),
        trials=len(y),
        points=len(points),
        sigma=sigma,
        coefficients=tuple(map(float, coefficients)),
        spread=float(surface.max() - surface.min()),
        lack=_lack_of_fit(x, y, fitted, len(points)),
        resampled=tuple((float(d), float(w), float(r)) for d, w, r in winners[:SHOWN]),
    )


def _interval(value: float, resampled: Array) -> Interval:
    low, high = np.quantile(resampled, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Interval(float(value), min(float(low), float(value)), max(float(high), float(value)))


def _lack_of_fit(x: Array, y: Array, fitted: Array, points: int) -> float | None:
    """The p value of the F test: small where the directions' means depart from the surface by more than seeds explain."""
    from scipy.stats import f

    if points <= TERMS or len(y) <= points:
        return None
    _, group = np.unique(np.round(x, 6), axis=0, return_inverse=True)
    group = group.ravel()
    means = np.array([y[group == k].mean() for k in range(points)])
    pure = float(((y - means[group]) ** 2).sum()) / (len(y) - points)
    lack = float(((means[group] - fitted) ** 2).sum()) / (points - TERMS)
    return None if pure == 0 else float(f.sf(lack / pure, points - TERMS, len(y) - points))
