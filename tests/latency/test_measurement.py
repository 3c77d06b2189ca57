from __future__ import annotations

import numpy as np
import pytest

from nasbench.latency.measurement import Visit, judge, judge_together


def visits(n: int = 12, ms: float = 20.0, noise: float = 0.02, seed: int = 0, **fields: object) -> list[Visit]:
    draw = np.random.default_rng(seed)
    return [Visit(ms * float(np.exp(noise * draw.normal())), 5.0, 0.0)._replace(**fields) for _ in range(n)]


def test_calm_visits_make_a_measurement_one_may_trust() -> None:
    m = judge(visits())
    assert not m.noisy
    assert m.why == ""
    assert m.low_ms <= m.median_ms <= m.high_ms
    assert m.median_ms == pytest.approx(20, rel=0.03)
    assert m.n == 12


@pytest.mark.parametrize(
    ("several", "reason"),
    [
        (visits(noise=0.4), "the interval of the median is"),
        (visits(5), "5 visits, at least 6 are needed"),
        (visits(waited=0.5), "other work kept the cores 50% of the time"),
        ([Visit(20.0 * s, 5.0 * s, 0.0) for s in np.geomspace(1, 4, 12)], "the machine's speed varied by"),
    ],
)
def test_what_cannot_be_trusted_is_noisy_and_says_why(several: list[Visit], reason: str) -> None:
    m = judge(several)
    assert m.noisy
    assert reason in m.why
    assert f"noisy: {m.why}" in str(m)


def test_disturbed_visits_are_left_out_where_enough_others_remain() -> None:
    m = judge(visits(8) + visits(6, ms=60.0, waited=0.4))
    assert not m.noisy
    assert m.n == 8
    assert m.median_ms == pytest.approx(20, rel=0.03)


def test_disturbed_visits_are_used_but_noisy_where_too_few_others_remain() -> None:
    m = judge(visits(3) + visits(9, waited=0.4))
    assert m.n == 12
    assert m.noisy


def test_a_kernel_that_says_nothing_is_no_reason_for_doubt() -> None:
    m = judge(visits(waited=None))
    assert not m.noisy
    assert m.waited is None


def test_drift_of_the_machine_cancels() -> None:
    speed = [1.0, 1.3] * 6
    m = judge([Visit(20.0 * s, 5.0 * s, 0.0) for s in speed], anchor_ms=5.0)
    assert (m.low_ms, m.median_ms, m.high_ms) == pytest.approx((20, 20, 20))
    assert m.drift == pytest.approx(0.3 / 1.15)
    assert not m.noisy
    # Without the anchor it would have been noisy: the correction is at work.
    assert judge([Visit(20.0 * s, 5.0, 0.0) for s in speed]).noisy


def test_networks_of_one_session_hold_for_one_speed() -> None:
    """A network that needs more visits, in a slower hour, must not look slower than its twin."""
    fast, slow = visits(12, anchor_ms=5.0), [Visit(v.ms * 1.5, 7.5, 0.0) for v in visits(12, seed=1)]
    both = judge_together({"a": fast, "b": slow + fast})
    assert both["a"].anchor_ms == both["b"].anchor_ms == 5.0
    assert both["b"].median_ms == pytest.approx(both["a"].median_ms, rel=0.02)


def test_at_speed_scales_the_numbers_and_nothing_else() -> None:
    m = judge(visits())
    slow = m.at_speed(10.0)
    assert (slow.low_ms, slow.median_ms, slow.high_ms) == pytest.approx((2 * m.low_ms, 2 * m.median_ms, 2 * m.high_ms))
    assert (slow.raw_ms, slow.n, slow.spread) == (m.raw_ms, m.n, m.spread)
