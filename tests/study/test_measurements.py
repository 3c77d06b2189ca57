"""Measurements of a study: none is lost, and all are at one speed."""

from __future__ import annotations

import pytest
from paper_search import REFERENCE_MS, measurement

from nasbench.errors import StudyError
from nasbench.study.measurements import Measured, Measurements


def measured(*names, where="search", ms=10.0, reference_ms=REFERENCE_MS, noisy=False):
    return [Measured(where, name, 8.0, measurement(ms, reference_ms=reference_ms, noisy=noisy)) for name in names]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "measurements.jsonl"


def test_they_are_read_back_at_the_profiles_speed_and_stored_raw(path):
    Measurements(path, REFERENCE_MS).add(measured("a", ms=20.0, reference_ms=2 * REFERENCE_MS))
    measurements = Measurements(path, REFERENCE_MS)
    assert measurements.find("a").median_ms == pytest.approx(10.0)
    assert measurements.raw("a") == measurement(20.0, reference_ms=2 * REFERENCE_MS)
    assert measurements.find("a", "random") is None
    assert measurements.find("b") is None
    measurements.add(measured("a", where="winner", ms=30.0))
    assert measurements.find("a").median_ms == 30.0
    assert measurements.find("a", "search").median_ms == pytest.approx(10.0)


@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_line_that_a_kill_cut_off_is_ignored_and_overwritten(path, left):
    Measurements(path, REFERENCE_MS).add(measured("a", "b"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[: first + left] if left > 0 else whole[:left])
    measurements = Measurements(path, REFERENCE_MS)
    assert measurements.find("a") is not None
    assert measurements.find("b") is None
    measurements.add(measured("c"))
    reopened = Measurements(path, REFERENCE_MS)
    assert [reopened.find(name) is not None for name in "abc"] == [True, False, True]


@pytest.mark.parametrize(
    "damage", [b"{}\n", b"nonsense\n", b"[1]\n", b"\xff\n", b'{"where": "x", "digest": "a", "predicted_ms": 1, "measured": {}}\n']
)
def test_a_damaged_line_elsewhere_is_an_error(path, damage):
    Measurements(path, REFERENCE_MS).add(measured("a"))
    path.write_bytes(damage + path.read_bytes())
    with pytest.raises(StudyError, match=r"measurements.jsonl; it cannot be read .*; delete it to measure them again"):
        Measurements(path, REFERENCE_MS)


def test_a_biased_predictor_is_corrected_step_by_step(path):
    measurements = Measurements(path, REFERENCE_MS)
    assert measurements.correction("search") == 1
    measurements.add(measured("n", noisy=True, ms=1000.0))
    assert measurements.correction("search") == 1, "a noisy measurement teaches nothing"
    factors = []
    for i in range(20):  # all took 10 ms where 8 were predicted
        measurements.add(measured(f"{i}"))
        factors.append(measurements.correction("search"))
    assert factors == sorted(factors)
    assert 1 < factors[0] < 1.1
    assert factors[-1] == pytest.approx(1.25, rel=0.03)
    assert measurements.correction("random") == 1, "a phase learns from its own alone, or it would depend on how fast the other was"
