"""Laws of kernels from whole networks alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nasbench.genotype import Genotype, trace
from nasbench.latency.predicting.kernel_times import LayerTimes, unfused
from nasbench.latency.predicting.predict import fit, timings
from nasbench.latency.predicting.signature import Signature, group, signatures, work
from nasbench.latency.predicting.total_times import Totals
from nasbench.spaces import load_space


def drawn(count: int, seed: int, fused: bool = True) -> list[list[Signature]]:
    """Kernels of networks of the space."""
    space = load_space("mbconv")
    return [signatures(trace(space.sample(seed + i)), fused) for i in range(count)]


def told(networks: list[list[Signature]], law, noise: float = 0.0) -> list[tuple[list[Signature], float]]:
    """With the milliseconds of the whole."""
    draw = np.random.default_rng(0)
    return [(kernels, math.fsum(map(law, kernels)) * math.exp(noise * draw.normal())) for kernels in networks]


def errors(totals: Totals, networks: list[tuple[list[Signature], float]]) -> np.ndarray:
    return np.array([abs(totals(kernels).sum() / ms - 1) for kernels, ms in networks])


def rough(s: Signature) -> float:
    """No sum of work: channels that do not fill vector registers take twice the time, the more channels the less each."""
    _, macs, _, read, written, *_ = work(s)
    slow = 5.0 if s.kind == "conv" and s.attrs[2] > 1 else 1.0
    fills = 1.0 if s.shape[0] % 16 == 0 else 2.0
    return 0.005 + slow * fills * macs**0.8 / 5e5 + (read + written) / 4e6


@pytest.fixture(scope="module")
def other() -> LayerTimes:
    """A device that runs layer by layer, with a law of its own."""
    return LayerTimes((s, rough(s)) for kernels in drawn(20, 500, fused=False) for s in kernels)


def adapted(s: Signature) -> float:
    """The rough device's time with a faster core for depthwise convolutions, and free tails."""
    return rough(s) * (0.3 if group(s).startswith("depthwise") else 0.6)


def test_a_linear_law_is_found_from_totals(paper) -> None:
    totals = Totals(told(drawn(25, 0), paper().law, noise=0.01))
    others = told(drawn(20, 1000), paper().law)
    assert errors(totals, others).max() < 0.05
    assert errors(Totals(told(drawn(25, 0), lambda s: 1.0)), others).min() > 0.05  # the control


def test_prices_are_never_negative(paper) -> None:
    """Kernels of noise alone have times, if wrong ones."""
    networks = drawn(8, 0)
    draw = np.random.default_rng(1)
    totals = Totals([(kernels, float(draw.uniform(1, 50))) for kernels in networks])
    assert min(totals(kernels).min() for kernels in networks) > 0


@pytest.mark.parametrize("count", [8, 12, 20])
def test_another_device_helps_where_few_networks_were_timed(other: LayerTimes, count: int) -> None:
    few, others = told(drawn(count, 0), adapted, noise=0.01), told(drawn(20, 1000), adapted)
    alone, helped = errors(Totals(few), others), errors(Totals(few, other), others)
    assert np.median(helped) < 0.6 * np.median(alone)
    assert np.median(helped) < 0.06


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_a_device_that_differs_by_one_factor_is_found_exactly(other: LayerTimes, fused: bool, factor: float) -> None:
    networks = drawn(6, 0, fused)
    totals = Totals([(kernels, factor * float(unfused(other, kernels).sum())) for kernels in networks], other)
    for kernels in drawn(5, 1000, fused):
        assert totals(kernels).sum() == pytest.approx(factor * unfused(other, kernels).sum(), rel=1e-4)


def test_the_profiles_of_silent_devices_are_fitted_this_way(paper, some: dict[str, Genotype]) -> None:
    silent, speaking = paper(silent=True).profile(some), paper().profile(some)
    assert isinstance(fit(silent.networks), Totals)
    assert isinstance(fit(speaking.networks), LayerTimes)
    assert timings(silent.networks) == []
