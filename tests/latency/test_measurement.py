from __future__ import annotations

import numpy as np
import pytest

from nasbench.latency.measurement import Speed, Visit, judge, judge_together


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
    m = judge([Visit(20.0 * s, 5.0 * s, 0.0) for s in speed])
    assert m.anchor_ms == pytest.approx(5.0 * 1.15)
    at_five = m.at_speed(5.0)
    assert (at_five.low_ms, at_five.median_ms, at_five.high_ms) == pytest.approx((20, 20, 20))
    assert m.drift == pytest.approx(0.3 / 1.15)
    assert not m.noisy
    # Without the anchor it would have been noisy: the correction is at work.
    assert judge([Visit(20.0 * s, 5.0, 0.0) for s in speed]).noisy


def in_turns(
    ms: dict[str, float], speed: list[float], anchors: tuple[float, ...] = (5.0, 5.0, 5.0), group: int = 0
) -> dict[str, list[Visit]]:
    """Networks in turns, a round at each speed of the machine; the anchors of each one's processes take so long at usual speed."""
    numbers = {name: 10 * group + len(anchors) * i for i, name in enumerate(ms)}
    return {
        name: [Visit(one * s, anchors[r % len(anchors)] * s, 0.0, numbers[name] + r % len(anchors), group) for r, s in enumerate(speed)]
        for name, one in ms.items()
    }


def medians(visits: dict[str, list[Visit]], anchor_ms: float = 5.0) -> dict[str, float]:
    return {name: m.at_speed(anchor_ms).median_ms for name, m in judge_together(visits).items()}


def test_each_visit_is_brought_to_the_usual_speed() -> None:
    speed = [1.0, 1.4, 0.9, 2.0, 1.1]
    visits = in_turns({"a": 20.0}, speed, anchors=(5.0,))["a"]
    found = Speed(visits)
    assert found.anchor_ms == pytest.approx(5.5)
    assert [found.change(v) * 1.1 for v in visits] == pytest.approx(speed)
    assert [found.steady(v) for v in visits] == pytest.approx([22.0] * 5)


def test_a_machine_that_slows_by_half_in_the_middle_changes_nothing() -> None:
    ms = {"a": 20.0, "b": 35.0}
    slowed = in_turns(ms, [1.0] * 6 + [1.5] * 6)
    assert medians(slowed) == pytest.approx(ms)
    assert not any(m.noisy for m in judge_together(slowed).values())


def test_a_process_whose_anchor_is_always_slow_changes_nothing() -> None:
    ms = {"a": 20.0, "b": 35.0, "c": 50.0}
    fair, odd = in_turns(ms, [1.0, 1.2] * 6), in_turns(ms, [1.0, 1.2] * 6)
    odd["b"] = [v._replace(anchor_ms=v.anchor_ms * 1.1) if v.seat == odd["b"][0].seat else v for v in odd["b"]]
    assert odd != fair
    assert medians(odd) == pytest.approx(medians(fair))


def test_groups_at_two_speeds_of_the_machine_compare() -> None:
    """The second group had a machine half as fast, from beginning to end."""
    first = in_turns({"a": 20.0, "b": 30.0}, [1.0, 1.1] * 6)
    second = in_turns({"twin": 20.0, "c": 50.0}, [2.0, 2.2] * 6, group=1)
    found = medians(first | second)
    assert found["twin"] == pytest.approx(found["a"])
    assert found["c"] / found["b"] == pytest.approx(50 / 30)
    assert Speed([v for several in (first | second).values() for v in several]).anchor_ms == pytest.approx(1.5 * 5.25)


@pytest.mark.parametrize("anchors", [(5.0,), (5.0, 5.2, 5.4)])
def test_a_network_that_needs_more_visits_in_a_slower_hour_does_not_look_slower(anchors: tuple[float, ...]) -> None:
    n = 12
    visits = in_turns({"a": 20.0, "twin": 20.0}, [1.0] * n + [1.5] * 2 * n, anchors)
    visits["a"] = visits["a"][:n]
    found = medians(visits)
    assert found["twin"] == pytest.approx(found["a"])


def test_disturbed_visits_do_not_say_what_is_usual() -> None:
    visits = in_turns({"a": 20.0}, [1.0] * 6 + [3.0] * 8, anchors=(5.0,))["a"]
    disturbed = [v._replace(waited=0.5) if v.anchor_ms > 6 else v for v in visits]
    assert Speed(disturbed).anchor_ms == 5.0
    assert Speed(visits).anchor_ms == 15.0


def test_at_speed_scales_the_numbers_and_nothing_else() -> None:
    m = judge(visits())
    slow = m.at_speed(10.0)
    assert (slow.low_ms, slow.median_ms, slow.high_ms) == pytest.approx((2 * m.low_ms, 2 * m.median_ms, 2 * m.high_ms))
    assert (slow.raw_ms, slow.n, slow.spread) == (m.raw_ms, m.n, m.spread)
