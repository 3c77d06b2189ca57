"""Is a latency within the limit? Each predicate at and around its border."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nasbench.latency import Prediction
from nasbench.latency.contract import (
    ROOM,
    keeps_limit,
    leaves_room,
    meets_limit,
    predicted_inside,
    predicted_within,
    requirement,
    side,
    verdict,
    within_limit,
)
from nasbench.latency.measurement import MAX_WAITED, Measurement

LIMIT_MS = 20.0


def measured(median_ms: float, low_ms: float, high_ms: float, *, noisy: bool = False, waited: float | None = 0.0) -> Measurement:
    return Measurement(median_ms, low_ms, high_ms, 12, 0.02, median_ms, 0.02, 5.0, waited, noisy, "shaky" if noisy else "")


@pytest.mark.parametrize(
    ("low_ms", "high_ms", "expected"),
    [
        (18.0, 20.0, "inside"),  # it ends at the limit
        (18.0, 20.01, "unsure"),
        (20.0, 22.0, "unsure"),  # it begins at the limit
        (20.01, 22.0, "outside"),
        (20.0, 20.0, "inside"),  # a point
        (20.01, 20.01, "outside"),
    ],
)
def test_an_interval_lies_on_one_side_or_holds_the_limit(low_ms: float, high_ms: float, expected: str) -> None:
    assert side(low_ms, high_ms, LIMIT_MS) == expected
    assert side(low_ms, high_ms, LIMIT_MS, reliable=False) == "unsure"


TIMINGS = {
    # measurement: meets_limit, leaves_room, keeps_limit, verdict
    measured(18.0, 17.5, 18.5): (True, True, True, "kept"),
    measured(19.4, 19.0, 20.0): (True, True, True, "kept"),  # 19.4 * 1.03 is 19.98
    measured(19.45, 19.4, 19.5): (True, False, False, "kept"),  # 19.45 * 1.03 is 20.03
    measured(19.0, 18.0, 20.01): (True, False, False, "kept"),  # the interval ends above the limit
    measured(20.0, 19.9, 20.1): (True, False, False, "kept"),
    measured(20.01, 19.9, 20.1): (False, False, False, "missed"),
    measured(18.0, 16.0, 20.0, noisy=True): (True, True, False, "kept"),  # noisy, but its whole interval is inside
    measured(18.0, 16.0, 20.01, noisy=True): (False, False, False, "unsure"),
    measured(22.0, 20.0, 24.0, noisy=True): (False, False, False, "unsure"),
    measured(22.0, 20.01, 24.0, noisy=True): (False, False, False, "missed"),
    measured(10.0, 9.0, 11.0, noisy=True, waited=MAX_WAITED + 0.01): (True, True, False, "unsure"),  # other work ran
    measured(40.0, 39.0, 41.0, noisy=True, waited=MAX_WAITED + 0.01): (False, False, False, "unsure"),
    measured(10.0, 9.0, 11.0, waited=None): (True, True, True, "kept"),  # the kernel does not say
}


@pytest.mark.parametrize(("m", "expected"), TIMINGS.items())
def test_predicates_of_a_measurement(m: Measurement, expected: tuple[bool, bool, bool, str]) -> None:
    assert (meets_limit(m, LIMIT_MS), leaves_room(m, LIMIT_MS), keeps_limit(m, LIMIT_MS), verdict(m, LIMIT_MS)) == expected


@pytest.mark.parametrize("m", TIMINGS)
def test_each_predicate_implies_the_weaker_ones(m: Measurement) -> None:
    assert keeps_limit(m, LIMIT_MS) <= leaves_room(m, LIMIT_MS) <= meets_limit(m, LIMIT_MS)
    assert leaves_room(m, LIMIT_MS) <= (side(m.low_ms, m.high_ms, LIMIT_MS) == "inside")


@pytest.mark.parametrize("m", TIMINGS)
def test_any_limit_is_kept_once_it_is_large_enough(m: Measurement) -> None:
    calm = replace(m, noisy=False, waited=0.0)
    enough = max(m.high_ms, ROOM * m.median_ms)
    assert keeps_limit(calm, enough)
    assert not keeps_limit(calm, math.nextafter(enough, 0.0))


def test_the_requirement_names_the_limit_and_the_room() -> None:
    assert requirement(20.0) == "the limit is 20 ms, with 3% to spare for another session"


def test_one_latency_is_at_most_the_limit() -> None:
    assert [within_limit(ms, LIMIT_MS) for ms in (19.9, 20.0, 20.1)] == [True, True, False]


def test_a_prediction_is_inside_by_its_whole_interval_if_it_is_reliable() -> None:
    inside, over = Prediction(18.0, 16.0, 20.0), Prediction(18.0, 16.0, 20.1)
    assert (predicted_inside(inside, LIMIT_MS), predicted_inside(over, LIMIT_MS)) == (True, False)
    assert not predicted_inside(inside._replace(extrapolated=("far outside the profile",)), LIMIT_MS)


def test_a_prediction_without_its_interval_leaves_room_and_is_reliable() -> None:
    assert predicted_within(Prediction(9.7, 5.0, 30.0), 10.0)
    assert not predicted_inside(Prediction(9.7, 5.0, 30.0), 10.0)
    assert not predicted_within(Prediction(9.8, 9.7, 9.9), 10.0)
    assert predicted_inside(Prediction(9.8, 9.7, 9.9), 10.0), "the control: there the interval decides"
    assert not predicted_within(Prediction(5.0, 4.0, 6.0, ("far outside",)), 10.0)
