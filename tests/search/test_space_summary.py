"""What is said of a space before a search."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paper_search import true_ms

from nasbench.errors import LimitError
from nasbench.genotype import cost
from nasbench.latency import Prediction
from nasbench.search.limits import Limits, Metrics
from nasbench.search.space_summary import sample_space
from nasbench.spaces import load_space
from nasbench.study.sampling import every

TINY = load_space("tiny")

SAMPLES = 2  # of 256: the space is not counted through


def describe(g, extrapolated=()):
    c, ms = cost(g), true_ms(g)
    return Metrics(c.params, c.macs, c.peak_bytes, c.size_bytes(), Prediction(ms, ms * 0.9, ms * 1.1, extrapolated))


def look(limits, how=describe, measurable=True, samples=SAMPLES):
    return sample_space(TINY, TINY.decode, limits, how, samples=samples, measurable=measurable)


def test_the_fastest_is_looked_for_beyond_the_samples():
    found = look(Limits())
    assert found.summary.sampled == SAMPLES
    assert found.summary.fastest_ms < min(true_ms(g) for g in found.examples)
    assert found.summary.slowest_ms > max(true_ms(g) for g in found.examples)
    assert (found.summary.inside, found.summary.unsure, found.summary.outside) == (1, 0, 0)
    # a budget between the two: no sample is inside, but the space has such networks
    between = (found.summary.fastest_ms + 0.9 * min(true_ms(g) for g in found.examples)) / 2
    tight = look(Limits(latency_ms=between))
    assert (tight.summary.inside, tight.summary.unsure, tight.summary.outside) == (0, 0, 1)
    assert all(true_ms(g) * 0.9 <= between for g in tight.examples)


def test_a_latency_that_cannot_be_met():
    fastest = look(Limits()).summary.fastest_ms
    with pytest.raises(
        LimitError, match=f"^0.1 ms cannot be met in tiny: the fastest network is predicted to take {fastest:.1f} ms"
    ) as error:
        look(Limits(latency_ms=0.1))
    assert len(str(error.value).splitlines()) == 1
    # a prediction that is none refuses nothing: the network is measured
    assert look(Limits(latency_ms=0.1), lambda g: describe(g, ("far outside",))).summary.unsure == 1


@pytest.mark.parametrize("samples", [SAMPLES, 256])
def test_what_only_measuring_could_tell_is_refused_where_nothing_can_be_measured(samples):
    """Its nearest network is named: the one whose interval ends first."""
    fastest = min(true_ms(d.genotype) for d in every(TINY.decode))
    unsure = Limits(latency_ms=fastest * 1.05)  # the interval of the fastest network ends at 1.1 times its latency
    assert look(unsure, samples=samples).summary.inside == 0
    with pytest.raises(
        LimitError, match=r"cannot be met in tiny: the nearest network .* predicted, the limit is .* elsewhere, so that nothing"
    ) as error:
        look(unsure, measurable=False, samples=samples)
    assert f"{fastest:.1f} ms [{fastest * 0.9:.1f}, {fastest * 1.1:.1f}]" in str(error.value)
    with pytest.raises(LimitError, match="far outside"):
        look(Limits(latency_ms=9.0), lambda g: describe(g, ("far outside",)), measurable=False, samples=samples)


@pytest.mark.parametrize("samples", [SAMPLES, 256])
def test_a_limit_that_one_network_surely_keeps_is_not_refused(samples):
    """The control: the slowest limit at which the fastest network is sure."""
    fastest = min(true_ms(d.genotype) for d in every(TINY.decode))
    found = look(Limits(latency_ms=fastest * 1.1001), measurable=False, samples=samples)
    assert [true_ms(g) for g in found.examples] == [pytest.approx(fastest)]


def test_without_latencies_networks_are_ordered_by_their_multiply_adds():
    found = look(Limits(), lambda g: replace(describe(g), predicted=None), samples=256)
    assert [cost(g).macs for g in found.examples] == sorted(cost(d.genotype).macs for d in every(TINY.decode))
    assert (found.summary.fastest_ms, found.summary.median_ms, found.summary.slowest_ms) == (None, None, None)


@pytest.mark.parametrize("limits", [Limits(params=1000), Limits(macs=1000), Limits(size_bytes=1000), Limits(memory_bytes=1000)])
def test_others_that_cannot_be_met(limits):
    with pytest.raises(LimitError, match="cannot be met in tiny: the nearest network that was found has"):
        look(limits)


def test_a_limit_that_no_sample_meets_is_searched_for():
    few = min(cost(g).params for g in look(Limits()).examples)
    found = look(Limits(params=few - 1))
    assert found.summary.inside == 0
    assert cost(found.examples[0]).params < few
