"""Whole fits without training: a law is found where there is one, none is claimed where there is none, and a kill changes nothing."""

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
from growth_formula import BASE, BEST, GROWTH, by_growth, truth
from paper_search import PAPER, Inline, Silent, Stopwatch, profile, true_ms

from nasbench.analysis.scaling import open_fit
from nasbench.engines.local.engine import Finished
from nasbench.errors import DeviceError, StudyError
from nasbench.genotype import cost
from nasbench.latency import Predictor
from nasbench.scaling_fit import plan, run
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.directions import AXES, lattice
from nasbench.scaling_fit.plan import FitPlan
from nasbench.scaling_fit.problem import FitProblem
from nasbench.scaling_fit.run import order_of_curves, run_fit

SECONDS = 2.0
FORK = multiprocessing.get_context("fork")


def fit_problem(evaluate=by_growth, measure=None, lean=1.0, **more):
    config = FitConfig(network="base.yaml", genotype=BASE, **{"divisor": 4, "workers": 2, "time_s": 3000.0, **more})
    problem = FitProblem(config, evaluator_of(evaluate), measure=measure)
    return replace(problem, device=PAPER, predictor=predictor(lean)) if config.latency else problem


@cache
def predictor(lean):
    return Predictor(profile(lean=lean))


def fit(path, problem, engine=Inline):
    """A fit that runs in this process; the time of a trial is given instead of measured."""
    with patch.object(plan, "seconds_per_evaluation", lambda *_: (SECONDS, 0.0)), patch.object(run, "open_engine", engine):
        return run_fit(problem, path, Silent(), lambda *_: None)


class Failing(Inline):
    """An engine whose workers all raise."""

    def wait(self, timeout=None):
        key, *_ = self._waiting.pop(0)
        return [Finished(key, "error", reason="RuntimeError: no luck", seconds=0.01)]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    path = tmp_path_factory.mktemp("done") / "study"
    return fit(path, fit_problem())


def test_the_law_is_found_within_its_interval(done):
    for name, value in zip(("depth", "width", "resolution"), BEST, strict=True):
        interval = getattr(done.fit, name)
        assert interval.low <= value <= interval.high, name
        assert interval.high - interval.low < 0.6, name
    assert done.fit.alpha.value * done.fit.beta.value**2 * done.fit.gamma.value**2 == pytest.approx(2)
    expected = [truth(shares, 1.0) - 0.6 for shares in lattice(4)]
    assert done.gain == pytest.approx(sum(expected) / len(expected), abs=0.005)


def test_every_network_has_about_the_wanted_cost(done):
    assert done.largest_deviation <= 0.1
    trials = open_fit(done.path).trials()
    grown = trials[trials["direction"] != "base"]
    assert ((grown["ratio"] / grown["size"] - 1).abs() <= done.largest_deviation + 1e-9).all()
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


def test_the_files_read_back(done):
    stored = open_fit(done.path)
    assert stored.fit == done.fit
    assert stored.report["differences"][0]["verdict"]
    coefficients = stored.coefficients().set_index("coefficient")
    assert coefficients.loc["beta", "value"] == done.fit.beta.value
    curves = stored.curves()
    assert (curves["low"] <= curves["accuracy"]).all()
    assert json.loads((done.path / "plan.json").read_text())["parts"] == 4


def test_the_same_command_again_only_reads(done):
    def never(*_):
        raise AssertionError("a trial was run again")

    with patch.object(Inline, "submit", never):
        again = fit(done.path, fit_problem())
    assert again.fit == done.fit
    assert again.points == done.points


def test_another_command_is_refused(done):
    with pytest.raises(StudyError, match="another command"):
        fit(done.path, fit_problem(seed=7))


def test_where_no_direction_is_better_none_is_claimed(tmp_path):
    outcome = fit(tmp_path / "study", fit_problem(growth_formula.flat, time_s=130.0))
    widths = [getattr(outcome.fit, name).high - getattr(outcome.fit, name).low for name in ("depth", "width", "resolution")]
    assert max(widths) > 0.6
    assert sum(d.verdict != "no difference beyond the spread of the seeds" for d in outcome.differences) <= 2


@pytest.mark.slow
def test_a_fit_that_is_killed_continues_and_ends_the_same(tmp_path):
    """kill -9 of the driver at three moments; then exactly the planned trials, none twice, none running."""
    path = tmp_path / "study"
    problem = fit_problem(growth_formula.slow, time_s=130.0)
    for wait in (1.0, 1.5, 2.5):
        driver = FORK.Process(target=fit, args=(path, problem))
        driver.start()
        time.sleep(wait)
        driver.kill()
        driver.join(30)
        assert driver.exitcode in (-signal.SIGKILL, 0)
    outcome = fit(path, problem)
    trials = open_fit(path).study.records()
    stored = FitPlan.from_json(path / "plan.json")
    assert Counter(t.phase for t in trials) == {"grid": (stored.points + 1) * stored.seeds, "curves": stored.curve_trials}
    assert {t.status for t in trials} == {"ok"}
    fresh = fit(tmp_path / "undisturbed", fit_problem(time_s=130.0))
    assert [t.accuracy for t in open_fit(fresh.path).study.records()] == [t.accuracy for t in trials]
    assert (outcome.fit, outcome.points) == (fresh.fit, fresh.points)


def test_trials_that_all_fail_end_it_with_the_reason(tmp_path):
    with pytest.raises(StudyError, match="no luck"):
        fit(tmp_path / "study", fit_problem(time_s=130.0), Failing)


@pytest.mark.parametrize("name", ["plan.json", "candidates.json"])
def test_damaged_files_are_one_line(done, tmp_path, name):
    import shutil

    path = tmp_path / "study"
    shutil.copytree(done.path, path)
    (path / name).write_text("{")
    with pytest.raises(StudyError, match=name):
        fit(path, fit_problem())


@pytest.mark.slow
def test_under_latency_each_network_was_measured_and_doubles(tmp_path):
    """Predictions are a third too high here; measured latencies double, not predicted ones."""
    watch = Stopwatch(width=0.02)
    problem = fit_problem(measure=watch, latency=True, lean=1.3, time_s=130.0)
    outcome = fit(tmp_path / "study", problem)
    assert outcome.largest_deviation <= 0.1
    frame = open_fit(outcome.path).trials()
    base = true_ms(problem.base)
    assert set(frame["latency_ms"].notna()) == {True}
    for row in frame[frame["direction"] != "base"].drop_duplicates("latency_ms").itertuples():
        assert row.latency_ms / base == pytest.approx(row.ratio, rel=0.02)
    assert outcome.fit.growth != pytest.approx(2, abs=0.02)  # multiply-adds that take twice the time are not twice as many
    assert len(watch.sessions) > 2
    before = len(watch.sessions)
    fit(outcome.path, problem)
    assert len(watch.sessions) == before  # nothing is measured twice


def test_a_machine_too_noisy_to_measure_ends_it(tmp_path):
    with pytest.raises(DeviceError, match="too noisy"):
        fit(tmp_path / "study", fit_problem(measure=Stopwatch(noisy=True), latency=True, time_s=130.0))


def test_open_fit_takes_only_fits(tmp_path):
    with pytest.raises(StudyError):
        open_fit(tmp_path)


def test_too_little_time_is_refused_before_anything_is_stored(tmp_path):
    with pytest.raises(StudyError, match=r"takes at least \d+ min here"):
        fit(tmp_path / "study", fit_problem(time_s=20.0))
    assert not (tmp_path / "study").exists()


def test_the_order_of_the_curves_leaves_the_largest_networks_to_the_end():
    base = GROWTH.candidate(BASE, (0.0, 0.0, 0.0), 1.0, "base")
    networks = [GROWTH.nearest(AXES[axis], size, axis) for axis in ("depth", "width") for size in (4.0, 2.0)]
    order = [(candidate.direction, candidate.size) for candidate in order_of_curves(base, networks, 2)]
    assert order == [*[("base", 1.0), ("depth", 2.0), ("width", 2.0)] * 2, *[("depth", 4.0), ("width", 4.0)] * 2]
