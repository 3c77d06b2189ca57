"""The surface: it finds the best direction where there is one, and its intervals are wide where there is none."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from growth_formula import BEST, truth

from nasbench.errors import StudyError
from nasbench.scaling_fit.directions import lattice
from nasbench.scaling_fit.surface import Fit, fit_surface, triangle


def trials(noise, seeds=4, seed=0, parts=4, formula=truth):
    rng = np.random.default_rng(seed)
    points = lattice(parts) * seeds
    return points, [formula(p, 1.0) + noise * rng.normal() for p in points]


def test_without_noise_the_best_direction_is_found_exactly():
    fit = fit_surface(*trials(0.0, seeds=1))
    assert fit.shares == pytest.approx(BEST, abs=0.0201)  # the triangle's step
    assert fit.law.growth == pytest.approx(2)
    assert fit.law.shares == pytest.approx(fit.shares)
    assert fit.alpha.value * fit.beta.value**2 * fit.gamma.value**2 == pytest.approx(2)
    assert fit.sigma == pytest.approx(0, abs=1e-9)
    assert max(fit.width.high - fit.width.low, fit.depth.high - fit.depth.low) <= 0.0201
    assert fit.predict([BEST])[0] == pytest.approx(truth(BEST, 1.0))
    assert (fit.trials, fit.points) == (15, 15)


def test_a_fit_comes_back_from_json():
    fit = fit_surface(*trials(0.004))
    assert Fit.from_json(json.loads(json.dumps(asdict(fit)))) == fit


def test_intervals_hold_the_truth_as_often_as_they_say():
    """95 % of them, of each of three coefficients, over 120 sets of trials; a normal count of misses is at most 15 of 120."""
    truths = {"depth": BEST[0], "width": BEST[1], "resolution": BEST[2]}
    missed = dict.fromkeys(truths, 0)
    for seed in range(120):
        fit = fit_surface(*trials(0.004, seed=seed), resamples=300)
        for name, value in truths.items():
            interval = getattr(fit, name)
            missed[name] += not interval.low - 0.01 <= value <= interval.high + 0.01
    assert all(count <= 15 for count in missed.values()), missed


def test_more_trials_narrow_the_interval():
    few, many = (fit_surface(*trials(0.008, seeds=n)) for n in (2, 12))
    assert many.width.high - many.width.low < few.width.high - few.width.low


def test_where_no_direction_is_better_the_interval_is_the_whole_triangle():
    """The control: accuracies differ only by their seeds. A highest point always exists, and the interval must not trust it."""
    wide = []
    for seed in range(20):
        fit = fit_surface(*trials(0.004, seed=seed, formula=lambda shares, doublings: 0.7), resamples=300)
        wide += [getattr(fit, name).high - getattr(fit, name).low for name in ("depth", "width", "resolution")]
    assert np.median(wide) > 0.7
    assert np.mean([w > 0.5 for w in wide]) > 0.8


def test_a_lack_of_fit_shows_in_the_p_value():
    bumpy = fit_surface(*trials(0.001, formula=lambda s, d: 0.7 + 0.05 * math.sin(9 * s[0] + 5 * s[1])))
    smooth = fit_surface(*trials(0.001))
    assert bumpy.lack is not None
    assert bumpy.lack < 0.01
    assert smooth.lack > 0.01
    assert fit_surface(*trials(0.001, seeds=1)).lack is None  # nothing to compare with


def test_where_latency_doubles_the_coefficients_multiply_to_the_macs_that_take_it():
    """Width is cheap on the device here: along it multiply-adds grow fourfold while latency doubles."""
    points, accuracy = trials(0.001)
    growth = [2.0 * 2 ** p[1] for p in points]
    fit = fit_surface(points, accuracy, growth)
    assert fit.growth == pytest.approx(2 * 2 ** fit.shares[1], rel=1e-6)
    assert fit.alpha.value * fit.beta.value**2 * fit.gamma.value**2 == pytest.approx(fit.growth)


@pytest.mark.parametrize("parts", [1, 2])
def test_too_few_trials_are_refused(parts):
    with pytest.raises(StudyError, match="at least 10 trials of 6 directions"):
        fit_surface(*trials(0.0, seeds=1, parts=parts))


def test_too_few_directions_are_refused():
    with pytest.raises(StudyError, match="of 3; allow more --time"):
        fit_surface(*trials(0.0, seeds=9, parts=1))


def test_the_triangle_is_whole():
    grid = triangle(4)
    assert len(grid) == 15
    assert grid.sum(axis=1) == pytest.approx(np.ones(15))
    assert {tuple(p) for p in grid} == set(lattice(4))
