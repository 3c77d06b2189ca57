"""Directions of growth: their shares sum to 1, and the compared ones are those of the documentation."""

from __future__ import annotations

import pytest

from nasbench.scaling_fit.directions import compared_directions, lattice, show_shares


@pytest.mark.parametrize(("parts", "points"), [(1, 3), (2, 6), (3, 10), (4, 15)])
def test_the_lattice_is_all_multiples_of_one_part(parts, points):
    shares = lattice(parts)
    assert len(set(shares)) == points
    assert all(sum(s) == pytest.approx(1) for s in shares)
    assert all(x * parts == pytest.approx(round(x * parts)) for s in shares for x in s)


def test_the_curves_compare_the_axes_two_known_laws_and_the_fitted_one():
    directions = compared_directions((0.2, 0.5, 0.3))
    assert list(directions) == ["depth", "width", "resolution", "EfficientNet's", "fast (d1_w8_r1)", "fitted"]
    assert directions["fitted"] == (0.2, 0.5, 0.3)
    assert all(sum(shares) == pytest.approx(1) for shares in directions.values())


def test_shares_as_text():
    assert show_shares((0.25, 0.5, 0.25)) == "0.25, 0.50, 0.25"
