"""Front and hypervolume against the plainest way to find each, and against Optuna's."""

from __future__ import annotations

import math
import random
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume

from nasbench.errors import NasbenchError
from nasbench.pareto import dominates, front, hypervolume, signed

NAN, INF = math.nan, math.inf


def points(objectives: int, most: int = 12) -> st.SearchStrategy[list[tuple[float, ...]]]:
    """Few distinct values, so that ties and doubles are common; now and then something that is no number."""
    value = st.integers(0, 5).map(float) | st.floats(0, 5) | st.sampled_from([NAN, INF, -INF])
    return st.lists(st.tuples(*[value] * objectives), max_size=most)


def brute_front(found: list[tuple[float, ...]]) -> set[int]:
    finite = [i for i, p in enumerate(found) if all(map(math.isfinite, p))]
    better = {
        (i, j) for i, j in product(finite, finite) if all(a <= b for a, b in zip(found[i], found[j], strict=True)) and found[i] != found[j]
    }
    return {j for j in finite if not any((i, j) in better for i in finite)}


@given(st.integers(1, 4).flatmap(points))
def test_the_front_is_what_no_other_point_beats(found: list[tuple[float, ...]]) -> None:
    indices = front(found)
    assert set(indices) == brute_front(found)
    assert len(set(indices)) == len(indices)
    assert [found[i] for i in indices] == sorted(found[i] for i in indices)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], []),
        ([(1.0, 2.0)], [0]),
        ([(NAN, 2.0)], []),
        ([(INF, 2.0), (1.0, 2.0)], [1]),
        ([(1.0, NAN), (2.0, 2.0)], [1]),  # a point that is no number beats nobody
        ([(1, 2), (2, 1)], [0, 1]),
        ([(2, 1), (1, 2)], [1, 0]),  # by the first objective
        ([(1, 2), (1, 2)], [0, 1]),  # equal points stand together
        ([(1, 2), (1, 3)], [0]),
        ([(1, 2), (2, 2)], [0]),
        ([(2, 2), (2, 2), (1, 1)], [2]),  # and fall together
        ([(1,), (1,), (2,)], [0, 1]),
        ([(1, 1, 1), (1, 1, 2), (0, 2, 2)], [2, 0]),
    ],
)
def test_fronts_by_hand(found: list[tuple[float, ...]], expected: list[int]) -> None:
    assert front(found) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [((1, 2), (1, 3), True), ((1, 2), (1, 2), False), ((1, 3), (2, 2), False), ((NAN, 1), (2, 2), False), ((1, 1), (2, 2), True)],
)
def test_dominates(a: tuple[float, ...], b: tuple[float, ...], expected: bool) -> None:
    assert dominates(a, b) is expected


@given(st.integers(1, 4).flatmap(points))
def test_hypervolume_is_optunas(found: list[tuple[float, ...]]) -> None:
    finite = [p for p in found if all(map(math.isfinite, p))]
    reference = [5.5] * (len(found[0]) if found else 2)
    theirs = compute_hypervolume(np.array(finite), np.array(reference)) if finite else 0.0
    assert hypervolume(found, reference) == pytest.approx(theirs, abs=1e-9)


@given(st.integers(1, 3).flatmap(lambda n: points(n, most=6)), st.randoms(use_true_random=False))
def test_hypervolume_is_the_share_of_a_box_that_is_beaten(found: list[tuple[float, ...]], rng: random.Random) -> None:
    """On the grid of whole numbers it is a count of cells."""
    whole = [tuple(float(round(v)) for v in p) for p in found if all(map(math.isfinite, p))]
    n = len(whole[0]) if whole else 2
    cells = sum(any(all(v <= c for v, c in zip(p, cell, strict=True)) for p in whole) for cell in product(range(6), repeat=n))
    assert hypervolume(whole, [6.0] * n) == cells
    shuffled = rng.sample(whole, len(whole))
    assert hypervolume(shuffled, [6.0] * n) == cells


@pytest.mark.parametrize(
    ("found", "reference", "expected"),
    [
        ([], (1, 1), 0),
        ([(2, 2)], (1, 1), 0),  # beyond the reference
        ([(1, 0)], (1, 1), 0),  # on its edge
        ([(0, 0)], (1, 1), 1),
        ([(0, 0), (0, 0)], (1, 1), 1),
        ([(0, 1), (1, 0)], (2, 2), 3),
        ([(0, NAN), (1, 1)], (2, 2), 1),
        ([(-INF, 0), (1, 1)], (2, 2), 1),
        ([(3,), (1,)], (4,), 3),
        ([(0, 0, 1), (1, 1, 0)], (2, 2, 2), 5),
    ],
)
def test_hypervolumes_by_hand(found: list[tuple[float, ...]], reference: tuple[float, ...], expected: float) -> None:
    assert hypervolume(found, reference) == expected


@given(points(2))
def test_a_point_more_never_takes_volume_away(found: list[tuple[float, ...]]) -> None:
    volumes = [hypervolume(found[:n], (6, 6)) for n in range(len(found) + 1)]
    assert all(b >= a - 1e-9 for a, b in pairwise(volumes))
    assert hypervolume([found[i] for i in front(found)], (6, 6)) == pytest.approx(volumes[-1])


def test_signed_turns_round_what_is_to_be_maximised() -> None:
    assert signed([(0.9, 20), (0.8, 10)], [True, False]) == [(-0.9, 20), (-0.8, 10)]
    with pytest.raises(NasbenchError, match=r"every point needs 2 objectives; got \(1, 2, 3\)"):
        signed([(1, 2, 3)], [True, False])
