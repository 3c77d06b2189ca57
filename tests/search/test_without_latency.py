"""A search without a latency limit: nothing is profiled or measured unless that is asked for, and what was not measured is said."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest.mock import patch

import pytest
from paper_search import Silent, Stopwatch, problem, profile, run

import nasbench as nb
from nasbench.analysis.compare import compare_studies
from nasbench.analysis.plots.progress import progress_frame
from nasbench.analysis.plots.study import save_front
from nasbench.analysis.study import open_study
from nasbench.cli.text.front import show_front, show_fronts
from nasbench.cli.text.study import show_outcome, show_plan, show_summary
from nasbench.errors import BusyError
from nasbench.genotype import Genotype, cost
from nasbench.search import plan
from nasbench.search.config import SearchConfig
from nasbench.search.limits import Limits
from nasbench.search.options import search_config
from nasbench.spaces import load_space
from nasbench.study.sampling import every

COSTS = sorted(cost(d.genotype).macs for d in every(load_space("tiny").decode))
LIMITS = Limits(macs=COSTS[128])


def refuse(*_, **__):
    raise BusyError("this machine is busy")


@pytest.fixture
def no_profile(monkeypatch):
    """No profile is stored, and whoever measures one fails: the machine is busy."""
    monkeypatch.setattr(plan, "stored_profile", lambda device: None)
    monkeypatch.setattr(plan, "obtain_profile", refuse)


@pytest.mark.parametrize("trials", [6, None])
def test_a_busy_machine_does_not_matter(tmp_path, capsys, no_profile, trials):
    path, listener = tmp_path / "study", Silent()
    made = replace(problem(refuse, limits=LIMITS, trials=trials, time_s=0.5), predictor=None)
    outcome = run(path, made, listener)
    assert cost(Genotype.from_yaml(outcome.winner.finalist.genotype)).macs <= LIMITS.macs
    assert not [line for line in listener.messages if "measur" in line]
    assert not (path / "profile.json").exists()
    assert not (path / "measurements.jsonl").exists()
    study = open_study(path)
    assert study.plan()["fastest_ms"] is None
    assert study.trials()["latency_ms"].isna().all()
    front = study.front()
    assert list(front["macs"]) == sorted(front["macs"])
    assert list(front["accuracy"]) == sorted(front["accuracy"])
    assert study.best()["winner"]
    assert all(row["measured"] is False and row["latency_ms"] is None for row in study.summary())
    assert save_front(study).stat().st_size > 0
    study.write_front()
    show_plan(made, outcome_plan := plan.Plan.from_json(path / "plan.json"))
    assert outcome_plan.space.median_ms is None
    show_outcome(made.config, study, outcome, 1.0)
    show_front(study)
    shown = capsys.readouterr().out
    for words in (
        "not predicted or measured, since nothing asks for it; --latency or --measure do",
        "not measured, since no latency limit asks for it; --measure does",
        "was it worth it?",
        "multiply-adds and accuracy",
    ):
        assert words in shown, words
    run(tmp_path / "other", replace(made, config=replace(made.config, seed=1)))
    comparison = compare_studies([path, tmp_path / "other"])
    show_fronts(comparison)
    shown += capsys.readouterr().out
    assert "nan" not in repr(comparison)
    assert list(comparison.front()["macs"]), "the fronts of multiply-adds"
    assert progress_frame(study.trials(), study.reference())["best_accuracy"].notna().any()
    assert "nan" not in shown
    assert "None" not in shown
    assert "nan" not in repr(study) + study._repr_html_()
    assert run(path, made).winner == outcome.winner, "the same command again"


@pytest.mark.parametrize(
    ("limits", "mode", "measure", "wanted"),
    [
        (LIMITS, "hard", False, False),
        (LIMITS, "hard", True, True),
        (Limits(latency_ms=1.0), "hard", False, True),
        (Limits(latency_ms=1.0, macs=10), "soft", False, True),
        (Limits(), "pareto", False, True),  # its second objective is the latency
    ],
)
def test_what_asks_for_latencies(limits, mode, measure, wanted):
    config = SearchConfig(space="tiny", limits=limits, mode=mode, measure=measure)
    assert config.wants_latency is wanted
    made = replace(problem(Stopwatch()), config=config)
    assert (made.measurer(print) is not None) is wanted
    if not wanted:
        assert replace(made, predictor=None).estimate(load_space("tiny").sample(0)).predicted is None


def test_measure_measures_without_a_limit(tmp_path):
    """The control: the same search with --measure has a profile, and measures its finalists."""
    watch = Stopwatch()
    made = problem(watch, limits=LIMITS)
    made = replace(made, config=replace(made.config, measure=True), predictor=None)
    with patch.object(plan, "obtain_profile", lambda *_, **__: profile()):
        outcome = run(tmp_path / "study", made)
    assert watch.sessions
    assert outcome.winner.finalist.measured is not None
    assert json.loads((tmp_path / "study" / "profile.json").read_text())["networks"]
    assert all(row["measured"] for row in open_study(tmp_path / "study").summary())


def test_a_stored_profile_predicts_and_nothing_is_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plan, "stored_profile", lambda device: profile())
    monkeypatch.setattr(plan, "obtain_profile", refuse)
    made = replace(problem(refuse, limits=LIMITS), predictor=None)
    outcome = run(tmp_path / "study", made)
    study = open_study(tmp_path / "study")
    assert study.trials("search")["latency_ms"].notna().any()
    show_outcome(made.config, study, outcome, 1.0)
    show_summary(study)
    assert "ms predicted [" in (shown := capsys.readouterr().out)
    assert "no latency limit, so nothing was measured" in shown


def test_the_option_is_part_of_the_study():
    plain, measured = (search_config(space="tiny", macs="1M", measure=measure) for measure in (False, True))
    assert (plain.name(), measured.name()) == ("tiny-1Mmacs", "tiny-1Mmacs-measured")
    commands = [config.command(load_space("tiny"), "device", "images") for config in (plain, measured)]
    assert "measure" not in commands[0], "as studies of version 0.1 stored it"
    assert [SearchConfig.from_command(command).measure for command in commands] == [False, True]
    limited = search_config(space="tiny", latency="1ms", measure=True)
    assert limited.command(load_space("tiny"), "device", "images") == search_config(space="tiny", latency="1ms").command(
        load_space("tiny"), "device", "images"
    )
    assert nb.search is not None
