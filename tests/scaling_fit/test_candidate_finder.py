"""The search for networks of a wanted cost: where latency is measured, measurements decide and predictions are corrected."""

from __future__ import annotations

import pytest
from formula import evaluator_of
from growth_formula import BASE, by_growth
from paper_search import PAPER, REFERENCE_MS, Stopwatch, profile, true_ms

from nasbench.errors import DeviceError, StudyError
from nasbench.scaling_fit.candidate_finder import SESSION, Wanted, candidate_finder
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.directions import lattice
from nasbench.scaling_fit.problem import FitProblem
from nasbench.study.measurements import Measurements

WANTED = [Wanted(shares, 2.0) for shares in lattice(3)]


def finder(tmp_path, watch, lean=1.0, latency=True):
    config = FitConfig(network="base.yaml", genotype=BASE, divisor=4, latency=latency)
    problem = FitProblem(config, evaluator_of(by_growth), device=PAPER if latency else None, measure=watch).predicting(profile(lean=lean))
    measurements = Measurements(tmp_path / "measurements.jsonl", REFERENCE_MS)
    return candidate_finder(problem, measurements, lambda _: None)


def test_multiply_adds_are_counted_and_nothing_is_measured(tmp_path):
    watch = Stopwatch()
    macs = finder(tmp_path, watch, latency=False)
    candidates = macs.find(WANTED)
    assert watch.sessions == []
    assert [c.wanted_shares for c in candidates] == [w.shares for w in WANTED]
    assert all(c.within_tolerance and c.size == 2.0 for c in candidates)
    assert macs.latency_ms(candidates[0]) is None


@pytest.mark.parametrize("lean", [1.0, 1.3])
def test_measured_latencies_double(tmp_path, lean):
    watch = Stopwatch(width=0.02)
    latency = finder(tmp_path, watch, lean)
    candidates = latency.find(WANTED)
    base_ms = true_ms(latency.growth.base)
    assert latency.base_cost == pytest.approx(base_ms)
    for candidate in candidates:
        assert candidate.within_tolerance
        assert candidate.size == 2.0
        assert true_ms(candidate.network) == pytest.approx(candidate.ratio * base_ms)
        assert latency.latency_ms(candidate) == pytest.approx(true_ms(candidate.network))
    assert all(len(session) <= SESSION for session in watch.sessions)
    networks = [name for session in watch.sessions for name in session]
    assert len(networks) == len(set(networks)), "nothing is measured twice"


def test_a_noisy_machine_is_named(tmp_path):
    with pytest.raises(DeviceError, match="too noisy"):
        finder(tmp_path, Stopwatch(noisy=True)).find(WANTED)


def test_latency_needs_a_profile():
    problem = FitProblem(FitConfig(network="base.yaml", genotype=BASE, latency=True), evaluator_of(by_growth), device=PAPER)
    with pytest.raises(StudyError, match="needs a predictor"):
        candidate_finder(problem, None, lambda _: None)
