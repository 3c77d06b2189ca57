"""The accuracy of networks of twice the cost over the directions of growth: a smooth surface, its highest point, and intervals.

Shares of depth, width and resolution are the parts of a mixture, so the surface is Scheffe's quadratic (1958, "Experiments with
mixtures", section 3): y = sum of b_i x_i + sum of b_ij x_i x_j, with six coefficients and no constant. The intervals come from a
bootstrap of its residuals, which are scaled up for the degrees of freedom that the fit took from them (Davison & Hinkley 1997,
section 6.2.3). Where the accuracy differs more between seeds than between directions, the highest points of the resamples lie all
over the triangle, and the intervals are wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import StudyError
from nasbench.scaling import Law
from nasbench.scaling.law import of_shares
from nasbench.scaling_fit.directions import Shares

Array = NDArray[np.float64]

TERMS = 6  # coefficients of the surface
FEWEST_TRIALS = 10  # four more than coefficients
STEPS = 50  # the highest point is looked for among shares that are multiples of 2 %
RESAMPLES, STORED_RESAMPLES = 2000, 300
COVERAGE = 0.95
EXPONENTS = np.array([1.0, 2.0, 2.0])  # of alpha, beta and gamma in the growth of the multiply-adds


def triangle(steps: int) -> Array:
    """All shares that are multiples of 1/steps, as an array of shape (n, 3)."""
    points = [(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]
    return np.array(points, dtype=np.float64) / steps


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Fit:
    """The surface that was fitted to trials of one size, and the law of its highest point.

    Attributes:
        shares: the shares of depth, width and resolution at the highest point.
        depth, width, resolution: the same shares, each with its interval.
        alpha, beta, gamma: the coefficients of the law with these shares, with intervals.
        growth: alpha * beta^2 * gamma^2 at the highest point.
        trials: the number of trials.
        points: the number of different directions among them.
        sigma: the standard deviation of a trial's accuracy around the surface.
        coefficients: of depth, width, resolution, depth*width, depth*resolution and width*resolution.
        spread: the highest minus the lowest accuracy of the surface.
        lack: the p value of the F test for lack of fit, which compares the surface with the mean of each direction. None without
            repeated directions.
        resampled: the highest points of the first 300 resamples.
    """

    shares: Shares
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
    resampled: tuple[Shares, ...]

    @property
    def law(self) -> Law:
        """The law of the highest point."""
        return of_shares(*self.shares, growth=self.growth)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fit:
        """The fit from `fit` in `fit.json`, where tuples are lists and intervals are mappings."""
        intervals = {name: Interval(**value) for name, value in data.items() if isinstance(value, Mapping)}
        tuples = {name: tuple(data[name]) for name in ("shares", "coefficients")}
        return cls(**{**data, **intervals, **tuples, "resampled": tuple(map(tuple, data["resampled"]))})

    def predict(self, shares: Sequence[Sequence[float]]) -> Array:
        """The accuracy of the surface at shares of shape (n, 3)."""
        accuracy: Array = _terms(np.asarray(shares, dtype=np.float64)) @ np.array(self.coefficients)
        return accuracy


def fit_surface(
    shares: Sequence[Sequence[float]],
    accuracy: Sequence[float],
    growth: Sequence[float] | float = 2.0,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Fit:
    """Fit the surface to trials.

    Args:
        shares: of depth, width and resolution, of shape (n, 3); each row sums to 1.
        accuracy: of each trial, of shape (n,).
        growth: the factor of the multiply-adds: one for all trials, or one for each where another cost doubles. In the second case
            the growth is fitted by a surface too, and the coefficients at a point multiply to its value there.
        seed: of the bootstrap.

    Raises:
        StudyError: there are fewer than 10 trials, or fewer than 6 different directions.
    """
    x, y = np.asarray(shares, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    points = np.unique(np.round(x, 6), axis=0)
    if len(x) < FEWEST_TRIALS or len(points) < TERMS:
        raise StudyError(
            f"a scaling law takes at least {FEWEST_TRIALS} trials of {TERMS} directions; there are {len(x)} of {len(points)}; "
            "allow more --time"
        )
    design, grid = _terms(x), triangle(STEPS)
    inverse = np.asarray(np.linalg.pinv(design), dtype=np.float64)
    grid_terms = _terms(grid)
    coefficients = inverse @ y
    fitted = design @ coefficients
    residuals = y - fitted
    surface = grid_terms @ coefficients
    best = int(np.argmax(surface))
    resampled = _resampled_best(residuals, fitted, design, inverse, grid_terms, seed, resamples)

    if isinstance(growth, int | float):
        grid_growth = np.full(len(grid), float(growth))
    else:
        grid_growth = np.exp(grid_terms @ (inverse @ np.log(np.asarray(growth, dtype=np.float64))))
    grid_laws = np.exp(np.log(grid_growth)[:, None] * grid / EXPONENTS)

    def intervals(values: Array) -> list[Interval]:
        """Each column of values over the grid: at the best point, with the interval over the resamples."""
        return [_interval(values[best, k], values[resampled, k]) for k in range(values.shape[1])]

    depth, width, resolution = intervals(grid)
    alpha, beta, gamma = intervals(grid_laws)
    return Fit(
        shares=(depth.value, width.value, resolution.value),
        depth=depth,
        width=width,
        resolution=resolution,
        alpha=alpha,
        beta=beta,
        gamma=gamma,
        growth=float(grid_growth[best]),
        trials=len(y),
        points=len(points),
        sigma=float(np.sqrt(residuals @ residuals / (len(y) - TERMS))),
        coefficients=tuple(map(float, coefficients)),
        spread=float(surface.max() - surface.min()),
        lack=_lack_of_fit(x, y, fitted, len(points)),
        resampled=tuple((float(d), float(w), float(r)) for d, w, r in grid[resampled[:STORED_RESAMPLES]]),
    )


def _terms(shares: Array) -> Array:
    """The terms of Scheffe's quadratic, of shape (n, 6)."""
    d, w, r = shares.T
    return np.stack([d, w, r, d * w, d * r, w * r], axis=1)


def _resampled_best(
    residuals: Array, fitted: Array, design: Array, inverse: Array, grid_terms: Array, seed: int, resamples: int
) -> NDArray[np.intp]:
    """The index in the grid of the highest point of each resample of the bootstrap."""
    leverage = np.einsum("ij,ji->i", design, inverse)
    scaled = residuals / np.sqrt(np.maximum(1 - leverage, 1e-3))
    scaled = scaled - scaled.mean()
    rng = np.random.default_rng(seed)
    noise = scaled[rng.integers(0, len(fitted), (resamples, len(fitted)))]
    best: NDArray[np.intp] = np.argmax(grid_terms @ (inverse @ (fitted + noise).T), axis=0)
    return best


def _interval(value: float, resampled: Array) -> Interval:
    """A value with the percentile interval of its resamples, widened so that it holds the value."""
    low, high = np.quantile(resampled, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Interval(float(value), min(float(low), float(value)), max(float(high), float(value)))


def _lack_of_fit(x: Array, y: Array, fitted: Array, points: int) -> float | None:
    """The p value of the F test: small where the means of the directions differ from the surface by more than seeds explain."""
    from scipy.stats import f

    if points <= TERMS or len(y) <= points:
        return None
    _, group = np.unique(np.round(x, 6), axis=0, return_inverse=True)
    group = group.ravel()
    means = np.array([y[group == k].mean() for k in range(points)])
    pure_error = float(((y - means[group]) ** 2).sum()) / (len(y) - points)
    lack = float(((means[group] - fitted) ** 2).sum()) / (points - TERMS)
    return None if pure_error == 0 else float(f.sf(lack / pure_error, points - TERMS, len(y) - points))
