from __future__ import annotations

import numpy as np
import pytest

from nasbench.latency.measurement import Round, Speed, judge, judge_together


def rounds(n: int = 12, ms: float = 20.0, noise: float = 0.02, seed: int = 0, **fields: object) -> list[Round]:
    draw = np.random.default_rng(seed)
    return [Round(ms * float(np.exp(noise * draw.normal())), 5.0, 0.0)._replace(**fields) for _ in range(n)]


def test_calm_rounds_make_a_measurement_one_may_trust() -> None:
    m = judge(rounds())
    assert not m.noisy
    assert m.why == ""
    assert m.low_ms <= m.median_ms <= m.high_ms
    assert m.median_ms == pytest.approx(20, rel=0.03)
    assert m.n == 12


@pytest.mark.parametrize(
    ("several", "reason"),
    [
        (rounds(noise=0.4), "the interval of the median is"),
        (rounds(5), "5 rounds, at least 6 are needed"),
        (rounds(waited=0.5), "other work kept the cores 50% of the time"),
        ([Round(20.0 * s, 5.0 * s, 0.0) for s in np.geomspace(1, 4, 12)], "the machine's speed varied by"),
    ],
)
def test_what_cannot_be_trusted_is_noisy_and_says_why(several: list[Round], reason: str) -> None:
    m = judge(several)
    assert m.noisy
    assert reason in m.why
    assert f"noisy: {m.why}" in str(m)


def test_disturbed_rounds_are_left_out_where_enough_others_remain() -> None:
    m = judge(rounds(8) + rounds(6, ms=60.0, waited=0.4))
    assert not m.noisy
    assert m.n == 8
    assert m.median_ms == pytest.approx(20, rel=0.03)


def test_disturbed_rounds_are_used_but_noisy_where_too_few_others_remain() -> None:
    m = judge(rounds(3) + rounds(9, waited=0.4))
    assert m.n == 12
    assert m.noisy


def test_a_kernel_that_says_nothing_is_no_reason_for_doubt() -> None:
    m = judge(rounds(waited=None))
    assert not m.noisy
    assert m.waited is None


def test_drift_of_the_machine_cancels() -> None:
    speed = [1.0, 1.3] * 6
    m = judge([Round(20.0 * s, 5.0 * s, 0.0) for s in speed])
    assert m.reference_ms == pytest.approx(5.0 * 1.15)
    at_five = m.at_speed(5.0)
    assert (at_five.low_ms, at_five.median_ms, at_five.high_ms) == pytest.approx((20, 20, 20))
    assert m.drift == pytest.approx(0.3 / 1.15)
    assert not m.noisy
    # Without the reference it would have been noisy: the correction is at work.
    assert judge([Round(20.0 * s, 5.0, 0.0) for s in speed]).noisy


def in_turns(
    ms: dict[str, float], speed: list[float], references: tuple[float, ...] = (5.0, 5.0, 5.0), group: int = 0
) -> dict[str, list[Round]]:
    """Networks in turns, a round at each speed of the machine; the references of each one's processes take so long at usual speed."""
    numbers = {name: 10 * group + len(references) * i for i, name in enumerate(ms)}
    return {
        name: [
            Round(one * s, references[r % len(references)] * s, 0.0, numbers[name] + r % len(references), group)
            for r, s in enumerate(speed)
        ]
        for name, one in ms.items()
    }


def medians(rounds: dict[str, list[Round]], reference_ms: float = 5.0) -> dict[str, float]:
    return {name: m.at_speed(reference_ms).median_ms for name, m in judge_together(rounds).items()}


def test_each_round_is_brought_to_the_usual_speed() -> None:
    speed = [1.0, 1.4, 0.9, 2.0, 1.1]
    rounds = in_turns({"a": 20.0}, speed, references=(5.0,))["a"]
    found = Speed(rounds)
    assert found.reference_ms == pytest.approx(5.5)
    assert [found.change(v) * 1.1 for v in rounds] == pytest.approx(speed)
    assert [found.steady(v) for v in rounds] == pytest.approx([22.0] * 5)


def test_a_machine_that_slows_by_half_in_the_middle_changes_nothing() -> None:
    ms = {"a": 20.0, "b": 35.0}
    slowed = in_turns(ms, [1.0] * 6 + [1.5] * 6)
    assert medians(slowed) == pytest.approx(ms)
    assert not any(m.noisy for m in judge_together(slowed).values())


def test_a_process_whose_reference_is_always_slow_changes_nothing() -> None:
    ms = {"a": 20.0, "b": 35.0, "c": 50.0}
    fair, odd = in_turns(ms, [1.0, 1.2] * 6), in_turns(ms, [1.0, 1.2] * 6)
    odd["b"] = [v._replace(reference_ms=v.reference_ms * 1.1) if v.process == odd["b"][0].process else v for v in odd["b"]]
    assert odd != fair
    assert medians(odd) == pytest.approx(medians(fair))


def test_groups_at_two_speeds_of_the_machine_compare() -> None:
    """The second group had a machine half as fast, from beginning to end."""
    first = in_turns({"a": 20.0, "b": 30.0}, [1.0, 1.1] * 6)
    second = in_turns({"twin": 20.0, "c": 50.0}, [2.0, 2.2] * 6, group=1)
    found = medians(first | second)
    assert found["twin"] == pytest.approx(found["a"])
    assert found["c"] / found["b"] == pytest.approx(50 / 30)
    assert Speed([v for several in (first | second).values() for v in several]).reference_ms == pytest.approx(1.5 * 5.25)


@pytest.mark.parametrize("references", [(5.0,), (5.0, 5.2, 5.4)])
def test_a_network_that_needs_more_rounds_in_a_slower_hour_does_not_look_slower(references: tuple[float, ...]) -> None:
    n = 12
    rounds = in_turns({"a": 20.0, "twin": 20.0}, [1.0] * n + [1.5] * 2 * n, references)
    rounds["a"] = rounds["a"][:n]
    found = medians(rounds)
    assert found["twin"] == pytest.approx(found["a"])


def test_disturbed_rounds_do_not_say_what_is_usual() -> None:
    rounds = in_turns({"a": 20.0}, [1.0] * 6 + [3.0] * 8, references=(5.0,))["a"]
    disturbed = [v._replace(waited=0.5) if v.reference_ms > 6 else v for v in rounds]
    assert Speed(disturbed).reference_ms == 5.0
    assert Speed(rounds).reference_ms == 15.0


def test_at_speed_scales_the_numbers_and_nothing_else() -> None:
    m = judge(rounds())
    slow = m.at_speed(10.0)
    assert (slow.low_ms, slow.median_ms, slow.high_ms) == pytest.approx((2 * m.low_ms, 2 * m.median_ms, 2 * m.high_ms))
    assert (slow.raw_ms, slow.n, slow.spread) == (m.raw_ms, m.n, m.spread)
