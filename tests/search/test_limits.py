"""Limits: inside, unsure or outside; and rewards."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper_search import measurement, true_ms

from nasbench.errors import LimitError, UnitError
from nasbench.genotype import cost
from nasbench.latency import Prediction
from nasbench.search.limits import Limits, Metrics, check_mode, directions, reward, values
from nasbench.search.space_summary import sample_space
from nasbench.spaces import load_space
from nasbench.study.sampling import every

TINY = load_space("tiny")
ALL = [d.genotype for d in every(TINY.decode)]
COSTS = [cost(g) for g in ALL]


def metrics(low=9.0, ms=10.0, high=11.0, extrapolated=(), measured=None):
    return Metrics(1000, 2000, 3000, 4000, Prediction(ms, low, high, extrapolated), measured)


@cache
def exact(g):
    """The metrics from a predictor without error."""
    c, ms = cost(g), true_ms(g)
    return Metrics(c.params, c.macs, c.peak_bytes, c.size_bytes(), Prediction(ms, ms * 0.9, ms * 1.1))


@pytest.mark.parametrize(
    ("limit_ms", "side"),
    [(11.0, "inside"), (12.0, "inside"), (10.99, "unsure"), (10.0, "unsure"), (9.0, "unsure"), (8.99, "outside"), (1.0, "outside")],
)
def test_the_whole_interval_is_on_one_side(limit_ms, side):
    assert Limits(latency_ms=limit_ms).judge(metrics()) == side
    # the interval of a measurement is used instead of that of the prediction
    wrong = metrics(1.0, 1.0, 1.0, measured=measurement(10.0, 0.1))
    assert Limits(latency_ms=limit_ms).judge(wrong) == side


@pytest.mark.parametrize("limit_ms", [1.0, 10.0, 100.0])
def test_an_extrapolated_interval_says_nothing(limit_ms):
    far = metrics(extrapolated=("conv9 was never timed",))
    assert Limits(latency_ms=limit_ms).judge(far) == "unsure"
    assert "conv9 was never timed" in Limits(latency_ms=limit_ms).broken(far)
    assert Limits(latency_ms=limit_ms, macs=1).judge(far) == "outside", "it is outside whatever its latency"
    assert Limits(macs=10_000).judge(far) == "inside", "its latency is not limited"


@pytest.mark.parametrize(("name", "value"), [("params", 1000), ("macs", 2000), ("memory_bytes", 3000), ("size_bytes", 4000)])
def test_other_metrics_are_exact(name, value):
    assert Limits(**{name: value}).judge(metrics()) == "inside"
    over = Limits(**{name: value - 1})
    assert over.judge(metrics()) == "outside"
    assert "the limit is" in over.broken(metrics())
    with pytest.raises(LimitError, match=f"above zero; {name} is 0"):
        Limits(**{name: 0})


def test_size_is_of_parameters_and_buffers_at_a_precision():
    c = COSTS[0]
    assert c.buffers > 0
    assert c.size_bytes() == 4 * (c.params + c.buffers) == 2 * c.size_bytes("bf16") == 2 * c.size_bytes("fp16")
    with pytest.raises(UnitError, match="fp32, bf16, fp16; got 'fp61'; did you mean fp16"):
        c.size_bytes("fp61")


def between(values):
    return st.none() | st.integers(min(values), max(values) + 1)


@settings(max_examples=40)
@given(
    st.none() | st.floats(min(map(true_ms, ALL)), 1.3 * max(map(true_ms, ALL))),
    between([c.macs for c in COSTS]),
    between([c.params for c in COSTS]),
    between([c.peak_bytes for c in COSTS]),
    between([c.size_bytes() for c in COSTS]),
)
def test_shares_are_those_of_brute_force(ms, macs, params, memory, size):
    """Any combination of limits, in a space that can be enumerated. The rule is written a second time here."""
    limits = Limits(ms, macs, params, memory, size)
    all_metrics = [exact(g) for g in ALL]
    wanted = {"inside": 0, "unsure": 0, "outside": 0}
    for g, c in zip(ALL, COSTS, strict=True):
        fits = (
            (macs is None or c.macs <= macs)
            and (params is None or c.params <= params)
            and (memory is None or c.peak_bytes <= memory)
            and (size is None or 4 * (c.params + c.buffers) <= size)
        )
        t = exact(g).latency_ms
        side = "outside" if not fits or (ms is not None and t * 0.9 > ms) else "inside" if ms is None or t * 1.1 <= ms else "unsure"
        wanted[side] += 1
    if wanted["outside"] == len(ALL):
        with pytest.raises(LimitError, match="cannot be met in tiny: the"):
            sample_space(TINY, TINY.decode, limits, exact)
        return
    sample = sample_space(TINY, TINY.decode, limits, exact)
    space = sample.summary
    assert (space.inside, space.unsure, space.outside) == tuple(n / len(ALL) for n in wanted.values())
    assert len(sample.examples) == wanted["inside"] + wanted["unsure"]
    assert all(limits.judge(exact(g)) != "outside" for g in sample.examples)
    assert (space.fastest_ms, space.slowest_ms) == (min(m.latency_ms for m in all_metrics), max(m.latency_ms for m in all_metrics))


@pytest.mark.parametrize(
    ("mode", "latency_ms", "expected"),
    [
        ("hard", 10.0, 0.8),
        ("hard", 20.0, 0.8),  # the limit itself is inside
        ("hard", 40.0, 0.4),
        ("soft", 20.0, 0.8),
        ("soft", 10.0, 0.8 * 2**0.07),  # 5 % more for half of the latency
        ("soft", 40.0, 0.8 * 2**-0.07),
    ],
)
def test_rewards(mode, latency_ms, expected):
    assert reward(0.8, latency_ms, 20.0, mode) == pytest.approx(expected)
    assert values(0.8, latency_ms, 20.0, mode) == [reward(0.8, latency_ms, 20.0, mode)]
    assert directions(mode) == ("maximize",)


def test_values_without_a_reward():
    assert values(0.8, 10.0, None, "hard") == [0.8]
    assert values(0.8, 10.0, 20.0, "pareto") == [0.8, 10.0]
    assert directions("pareto") == ("maximize", "minimize")
    with pytest.raises(LimitError, match=r"a reward is one of hard, soft, pareto; got 'sofd'; did you mean soft\?"):
        check_mode("sofd")
