"""Whole fits without training: the law that is there is found, none is claimed where there is none, and a kill changes nothing."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections import Counter
from dataclasses import replace
from functools import cache
from unittest.mock import patch

import growth_formula
import pytest
from formula import evaluator_of
from growth_formula import BASE, BEST, truth
from paper_search import PAPER, Inline, Silent, Stopwatch, profile, true_ms

from nasbench.analysis.scaling import open_fit
from nasbench.engines.config import EngineConfig
from nasbench.engines.local.engine import Finished
from nasbench.errors import DeviceError, StudyError
from nasbench.genotype import cost
from nasbench.latency import DeviceConfig, Predictor
from nasbench.scaling_fit import plan as plans
from nasbench.scaling_fit import run as runs
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.directions import lattice
from nasbench.scaling_fit.plan import FitPlan
from nasbench.scaling_fit.problem import FitProblem
from nasbench.scaling_fit.run import run_fit

SECONDS = 2.0
FORK = multiprocessing.get_context("fork")


def request(**more):
    return FitConfig(network="base.yaml", genotype=BASE, **{"divisor": 4, "workers": 2, "time_s": 3000.0, **more})


def task(evaluate=growth_formula.grown, measure=None, lean=1.0, **more):
    found = FitProblem(request(**more), evaluator_of(evaluate), measure=measure)
    if not found.config.latency:
        return found
    return replace(found, device=PAPER, predictor=leaning(lean))


@cache
def leaning(lean):
    return Predictor(profile(lean=lean))


def fit(path, made, engine=Inline):
    """A fit whose trainer is not timed but known, and runs in this process."""
    with patch.object(plans, "seconds_per_evaluation", lambda *_: (SECONDS, 0.0)), patch.object(runs, "open_engine", engine):
        return run_fit(made, path, Silent(), lambda *_: None)


class Failing(Inline):
    """An engine whose workers all raise."""

    def wait(self, timeout=None):
        key, *_ = self._waiting.pop(0)
        return [Finished(key, "error", reason="RuntimeError: no luck", seconds=0.01)]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    path = tmp_path_factory.mktemp("done") / "study"
    return fit(path, task())


def test_the_law_is_found_within_its_interval(done):
    for name, value in zip(("depth", "width", "resolution"), BEST, strict=True):
        interval = getattr(done.fit, name)
        assert interval.low <= value <= interval.high, name
        assert interval.high - interval.low < 0.6, name
    assert done.fit.alpha.value * done.fit.beta.value**2 * done.fit.gamma.value**2 == pytest.approx(2)
    expected = [truth(shares, 1.0) - 0.6 for shares in lattice(4)]
    assert done.gain == pytest.approx(sum(expected) / len(expected), abs=0.005)


def test_the_constraint_is_honoured_and_said(done):
    assert done.off <= 0.1
    trials = open_fit(done.path).trials()
    grown = trials[trials["direction"] != "base"]
    assert ((grown["ratio"] / grown["size"] - 1).abs() <= done.off + 1e-9).all()
    assert (grown["macs"] == (grown["ratio"] * cost(BASE).macs).round()).all()


def test_curves_are_of_fresh_seeds_and_the_fitted_direction_wins(done):
    trials = open_fit(done.path).trials()
    assert set(trials["phase"]) == {"grid", "curves"}
    best = {d.against for d in done.differences if d.size == 8.0 and d.verdict == "better"}
    assert {"depth", "resolution"} <= best
    assert not [d for d in done.differences if d.verdict == "worse"]
    with_base = {(p.direction, p.size) for p in done.points}
    assert ("base", 1.0) in with_base
    assert {name for name, size in with_base if size == 8.0} == {
        "depth",
        "width",
        "resolution",
        "EfficientNet's",
        "fast (d1_w8_r1)",
        "fitted",
    }


def test_what_is_kept_reads_back(done):
    found = open_fit(done.path)
    assert found.fit == done.fit
    assert found.report["differences"][0]["verdict"]
    coefficients = found.coefficients().set_index("coefficient")
    assert coefficients.loc["beta", "value"] == done.fit.beta.value
    curves = found.curves()
    assert (curves["low"] <= curves["accuracy"]).all()
    assert json.loads((done.path / "plan.json").read_text())["parts"] == 4


def test_the_same_command_again_only_reads(done):
    def never(*_):
        raise AssertionError("a trial was run again")

    with patch.object(Inline, "submit", never):
        again = fit(done.path, task())
    assert again.fit == done.fit
    assert again.points == done.points


def test_another_command_is_refused(done):
    with pytest.raises(StudyError, match="another command"):
        fit(done.path, task(seed=7))


def test_where_no_direction_is_better_the_fit_says_so(tmp_path):
    found = fit(tmp_path / "study", task(growth_formula.flat, time_s=130.0))
    widths = [getattr(found.fit, name).high - getattr(found.fit, name).low for name in ("depth", "width", "resolution")]
    assert max(widths) > 0.6
    assert sum(d.verdict != "no difference beyond the spread of the seeds" for d in found.differences) <= 2


@pytest.mark.slow
def test_a_fit_that_is_killed_goes_on_and_ends_the_same(tmp_path):
    """kill -9 of the driver at three moments; then exactly the planned trials, none twice, none running."""
    path = tmp_path / "study"
    made = task(growth_formula.slow, time_s=130.0)
    for wait in (1.0, 1.5, 2.5):
        driver = FORK.Process(target=fit, args=(path, made))
        driver.start()
        time.sleep(wait)
        driver.kill()
        driver.join(30)
        assert driver.exitcode in (-signal.SIGKILL, 0)
    found = fit(path, made)
    trials = open_fit(path).study.records()
    planned = FitPlan.from_json(path / "plan.json")
    assert Counter(t.phase for t in trials) == {"grid": (planned.points + 1) * planned.seeds, "curves": planned.curve_trials}
    assert {t.status for t in trials} == {"ok"}
    fresh = fit(tmp_path / "undisturbed", task(time_s=130.0))
    assert [t.accuracy for t in open_fit(fresh.path).study.records()] == [t.accuracy for t in trials]
    assert (found.fit, found.points) == (fresh.fit, fresh.points)


def test_trials_that_all_fail_end_it_with_the_reason(tmp_path):
    with pytest.raises(StudyError, match="no luck"):
        fit(tmp_path / "study", task(time_s=130.0), Failing)


def test_too_little_time_is_refused_before_anything_is_kept(tmp_path):
    with pytest.raises(StudyError, match=r"takes at least \d+ min here"):
        fit(tmp_path / "study", task(time_s=20.0))
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("name", ["plan.json", "candidates.json"])
def test_damaged_files_are_one_line(done, tmp_path, name):
    import shutil

    path = tmp_path / "study"
    shutil.copytree(done.path, path)
    (path / name).write_text("{")
    with pytest.raises(StudyError, match=name):
        fit(path, task())


@pytest.mark.slow
def test_under_latency_each_network_was_measured_and_doubles(tmp_path):
    """The predictor leans by a third here; measurements, not predictions, honour the constraint."""
    watch = Stopwatch(width=0.02)
    found = fit(tmp_path / "study", task(measure=watch, latency=True, lean=1.3, time_s=130.0))
    assert found.off <= 0.1
    frame = open_fit(found.path).trials()
    base = true_ms(task().base)
    assert set(frame["latency_ms"].notna()) == {True}
    for row in frame[frame["direction"] != "base"].drop_duplicates("latency_ms").itertuples():
        assert row.latency_ms / base == pytest.approx(row.ratio, rel=0.02)
    assert found.fit.growth != pytest.approx(2, abs=0.02)  # multiply-adds that take twice the time are not twice as many
    assert len(watch.sessions) > 2
    before = len(watch.sessions)
    fit(found.path, task(measure=watch, latency=True, lean=1.3, time_s=130.0))
    assert len(watch.sessions) == before  # what was measured is kept


def test_a_machine_too_noisy_to_measure_ends_it(tmp_path):
    with pytest.raises(DeviceError, match="too noisy"):
        fit(tmp_path / "study", task(measure=Stopwatch(noisy=True), latency=True, time_s=130.0))


def test_the_command_is_data_and_comes_back():
    asked = request(latency=True, seed=3)
    command = asked.command("images", "key", {})
    assert FitConfig.from_command(json.loads(json.dumps(command))) == asked
    assert asked.name() == "fit-base-latency-seed3"
    assert request().name() == "fit-base"
    with pytest.raises(StudyError, match="--jobs"):
        request(workers=0)
    with pytest.raises(StudyError, match="--divisor"):
        request(divisor=1000)


def test_open_fit_takes_only_fits(tmp_path):
    with pytest.raises(StudyError):
        open_fit(tmp_path)


def test_another_node_measures_only_a_device_that_a_file_describes():
    with pytest.raises(StudyError, match=r"--measure-on is for a device elsewhere.*--device FILE"):
        request(engine=EngineConfig(name="ray", measure_on="phone"))


def test_another_node_measures_a_fit_too(tmp_path):
    (tmp_path / "phone.json").write_text("{}")
    there = request(
        latency=True, device=DeviceConfig(device=str(tmp_path / "phone.json")), engine=EngineConfig(name="ray", measure_on="phone")
    )
    made = replace(task(latency=True), config=there)
    assert made.measurer(lambda _: None) is not None
    assert replace(made, config=request(latency=True)).measurer(lambda _: None) is None, "the control: it is not here"
