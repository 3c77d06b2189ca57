"""A family on paper: each member keeps its limit when it is measured again, and uses enough of it; else there is a reason."""

from __future__ import annotations

import pytest
from paper_search import REFERENCE_MS, Stopwatch, profile, true_ms

from nasbench.latency import Predictor
from nasbench.scaling import PUBLISHED
from nasbench.scaling_fit.family.candidates import family_candidates
from nasbench.scaling_fit.family.finder import FamilyFinder
from nasbench.scaling_fit.family.member import LEAST_USED
from nasbench.study.measurements import Measurements
from nasbench.zoo import known

BASE = known("mobilenet_v2")
LIMITS_MS = [5.0, 10.0, 20.0, 40.0]


@pytest.fixture(scope="module")
def candidates():
    """Candidates by a predictor with a bias and an error."""
    predictor = Predictor(profile("mbconv", lean=1.2, error=0.05))
    return family_candidates(BASE, PUBLISHED, predictor, LIMITS_MS[0], LIMITS_MS[-1])


def find(candidates, tmp_path, watch, limits_ms=LIMITS_MS):
    messages = []
    measurements = Measurements(tmp_path / "measurements.jsonl", REFERENCE_MS)
    return FamilyFinder(candidates, limits_ms, watch, measurements, messages.append).find(), messages


@pytest.mark.parametrize("speed", [1.0, 1.6])
def test_every_member_keeps_its_limit_and_uses_enough(candidates, tmp_path, speed):
    """Predictions are a fifth too high, and the machine may be slower today, which the reference network shows."""
    watch = Stopwatch(width=0.02, speed=speed)
    members, _ = find(candidates, tmp_path, watch)
    assert [m.limit_ms for m in members] == LIMITS_MS
    for m in members:
        ms = true_ms(m.candidate.genotype)
        assert m.kept, m.why
        assert LEAST_USED * m.limit_ms <= ms <= m.limit_ms
        assert m.again.high_ms <= m.limit_ms
        assert m.again.median_ms == pytest.approx(ms)
    phis = [m.candidate.phi for m in members]
    assert phis == sorted(phis)
    assert [session for session in watch.sessions if len(session) == 1][-1] == [members[-1].candidate.digest]  # each alone at last


def test_a_network_that_misses_when_measured_again_is_replaced(candidates, tmp_path):
    """The first session with a single network measures it a tenth slower."""
    alone = []

    def drift(sessions):
        if len(sessions[-1]) == 1:
            alone.append(1)
        return 1.1 if len(alone) == 1 and len(sessions[-1]) == 1 else 1.0

    members, messages = find(candidates, tmp_path, Stopwatch(width=0.02, drift=drift), [10.0, 20.0])
    assert all(m.kept for m in members)
    assert any("another takes its place" in message for message in messages)


def test_a_noisy_machine_finds_no_member(candidates, tmp_path):
    watch = Stopwatch(noisy=True)
    members, _ = find(candidates, tmp_path, watch, [10.0])
    assert members[0].candidate is None
    assert not members[0].kept
    assert "too noisy" in members[0].why
    assert len(watch.sessions) == 2  # and then it stops


def test_the_same_command_again_measures_nothing(candidates, tmp_path):
    first, _ = find(candidates, tmp_path, Stopwatch(width=0.02))
    watch = Stopwatch()
    again, _ = find(candidates, tmp_path, watch)
    assert [m.candidate.digest for m in again] == [m.candidate.digest for m in first]
    assert watch.sessions == []


def test_a_limit_below_the_smallest_network_has_a_reason(tmp_path):
    candidates = family_candidates(BASE, PUBLISHED, Predictor(profile("mbconv")), 0.05, 4.0)
    members, _ = find(candidates, tmp_path, Stopwatch(width=0.02), [0.05, 4.0])
    assert members[1].kept
    assert not members[0].kept
    assert "the smallest network along the law takes about" in members[0].why


def test_elsewhere_the_prediction_decides(candidates, tmp_path):
    (member,), _ = find(candidates, tmp_path, None, [20.0])
    assert member.again is None
    assert member.candidate.predicted.high_ms <= 20.0
