"""Curves: differences between directions, with intervals from the spread over seeds."""

from __future__ import annotations

import math

import pytest

from nasbench.scaling_fit.curves import CurvePoint, differences, seed_spread


def point(direction, *accuracies, size=2.0):
    return CurvePoint(direction, size, size, 1, 1, 64, None, accuracies)


def test_differences_are_against_each_axis_at_each_size():
    own, other = (0.80, 0.82, 0.81), (0.70, 0.75, 0.71)
    points = [
        point("base", 0.6, size=1.0),
        point("width", *other),
        point("depth", *own),
        point("fitted", *own),
        point("EfficientNet's", 0.9),
    ]
    by_axis = {d.against: d for d in differences(points)}
    assert set(by_axis) == {"width", "depth"}
    assert by_axis["width"].value == pytest.approx(sum(own) / 3 - sum(other) / 3)
    # variances 1e-4 (twice) and 7e-4, pooled 3e-4 with 6 degrees of freedom, for which t is 2.4469
    half = 2.4469 * math.sqrt(3e-4) * math.sqrt(2 / 3)
    assert (by_axis["width"].low, by_axis["width"].high) == pytest.approx(
        (by_axis["width"].value - half, by_axis["width"].value + half), rel=1e-3
    )
    assert by_axis["width"].verdict == "better"
    assert by_axis["depth"].verdict.startswith("no difference")


def test_two_seeds_that_happen_to_agree_are_not_trusted():
    """The spread is pooled over all networks."""
    points = [point("width", 0.80, 0.80), point("fitted", 0.81, 0.81), point("depth", 0.70, 0.76), point("resolution", 0.71, 0.77)]
    assert {d.verdict for d in differences(points) if d.against == "width"} == {"no difference beyond the spread of the seeds"}
    assert seed_spread(points).freedom == 4


def test_one_seed_says_nothing():
    (d,) = differences([point("width", 0.5), point("fitted", 0.9)])
    assert (d.low, d.high) == (-math.inf, math.inf)
    assert d.verdict.startswith("no difference")
    assert seed_spread([point("width", 0.5)]).half(1.0) == math.inf
