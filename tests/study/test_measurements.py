"""Measurements of a study: kept whatever happens, at one speed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paper_search import REFERENCE_MS, Stopwatch, measurement

from nasbench.errors import DeviceError, StudyError
from nasbench.genotype import Block, Genotype
from nasbench.search.measuring import WAITS_S, repeating
from nasbench.study.measurements import Measured, Measurements

G = Genotype("toy", (3, 16, 16), stages=((Block("conv", {"width": 8, "kernel": 3}),),), head=(Block("gap"), Block("linear", {"width": 10})))


def rows(*names, where="search", ms=10.0, reference_ms=REFERENCE_MS, noisy=False):
    return [Measured(where, name, 8.0, measurement(ms, reference_ms=reference_ms, noisy=noisy)) for name in names]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "measurements.jsonl"


def test_they_are_read_back_at_the_profiles_speed_and_kept_raw(path):
    Measurements(path, REFERENCE_MS).add(rows("a", ms=20.0, reference_ms=2 * REFERENCE_MS))
    kept = Measurements(path, REFERENCE_MS)
    assert kept.find("a").median_ms == pytest.approx(10.0)
    assert kept.raw("a") == measurement(20.0, reference_ms=2 * REFERENCE_MS)
    assert kept.find("a", "random") is None
    assert kept.find("b") is None
    kept.add(rows("a", where="winner", ms=30.0))
    assert kept.find("a").median_ms == 30.0
    assert kept.find("a", "search").median_ms == pytest.approx(10.0)


@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_line_that_a_kill_cut_off_is_ignored_and_overwritten(path, left):
    Measurements(path, REFERENCE_MS).add(rows("a", "b"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    path.write_bytes(whole[: first + left] if left > 0 else whole[:left])
    kept = Measurements(path, REFERENCE_MS)
    assert kept.find("a") is not None
    assert kept.find("b") is None
    kept.add(rows("c"))
    again = Measurements(path, REFERENCE_MS)
    assert [again.find(name) is not None for name in "abc"] == [True, False, True]


@pytest.mark.parametrize(
    "damage", [b"{}\n", b"nonsense\n", b"[1]\n", b"\xff\n", b'{"where": "x", "digest": "a", "predicted_ms": 1, "measured": {}}\n']
)
def test_a_damaged_line_elsewhere_is_an_error(path, damage):
    Measurements(path, REFERENCE_MS).add(rows("a"))
    path.write_bytes(damage + path.read_bytes())
    with pytest.raises(StudyError, match=r"measurements.jsonl; it cannot be read .*; delete it to measure them again"):
        Measurements(path, REFERENCE_MS)


def test_a_leaning_predictor_is_corrected_step_by_step(path):
    kept = Measurements(path, REFERENCE_MS)
    assert kept.correction("search") == 1
    kept.add(rows("n", noisy=True, ms=1000.0))
    assert kept.correction("search") == 1, "a noisy measurement teaches nothing"
    factors = []
    for i in range(20):  # all took 10 ms where 8 were predicted
        kept.add(rows(f"{i}"))
        factors.append(kept.correction("search"))
    assert factors == sorted(factors)
    assert 1 < factors[0] < 1.1
    assert factors[-1] == pytest.approx(1.25, rel=0.03)
    assert kept.correction("random") == 1, "an arm learns from its own alone, or it would depend on how fast the other was"


def test_noisy_ones_are_measured_once_more_and_no_more():
    watch = Stopwatch(noisy=True)
    said = []
    found = repeating(watch, said.append)({"a": G, "b": G})
    assert watch.sessions == [["a", "b"], ["a", "b"]]
    assert found["a"].noisy
    assert "2 of 2 measurements are noisy (shaky)" in said[0]
    calm = Stopwatch()
    repeating(calm, said.append)({"a": G})
    assert len(calm.sessions) == 1


def test_what_other_work_disturbed_is_measured_again_later_and_never_returned():
    watch = Stopwatch()

    def session(networks):
        """b is disturbed three times."""
        found = dict(watch(networks))
        if len(watch.sessions) <= 3:
            found["b"] = replace(found["b"], waited=0.4, noisy=True, why="other work kept the cores 40% of the time")
        return found

    said, waits = [], []
    found = repeating(session, said.append, waits.append)({"a": G, "b": G})
    assert watch.sessions == [["a", "b"], ["b"], ["b"], ["b"]]
    assert waits == [10.0, 30.0]
    assert not any(m.disturbed for m in found.values())
    assert "other work kept the cores 40% of the time: measuring 1 networks again in 10 s" in said


def test_other_work_that_does_not_end_is_an_error():
    def session(networks):
        return {name: replace(m, waited=0.4, noisy=True, why="other work") for name, m in Stopwatch()(networks).items()}

    waits = []
    with pytest.raises(DeviceError, match="measuring needs a quiet machine; other work; stop other work, then give the same command"):
        repeating(session, lambda _: None, waits.append)({"a": G})
    assert waits == list(WAITS_S)
