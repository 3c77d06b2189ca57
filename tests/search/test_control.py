"""How much random search costs beside a search, and what repeated trainings of the best cost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from formula import by_size, by_size_and_epochs
from paper_search import Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.errors import StudyError
from nasbench.search.config import SearchConfig
from nasbench.search.final.repeats import searching
from nasbench.search.limits import Limits
from nasbench.search.running_phase import RunningPhase
from nasbench.spaces import load_space
from nasbench.study.seeds import derive


def noisy(genotype, fidelity, seed, directory):
    """A formula with noise, so that it takes several trainings to know the best."""
    exact = by_size(genotype, fidelity, seed, directory)
    return replace(exact, accuracy=exact.accuracy + 0.02 * (derive(seed, "noise") / 2**31 - 0.5), details={"fold": fidelity.fold})


def equal(genotype, fidelity, seed, directory):
    """All networks are as good as any other, with noise, and an evaluation takes no simulated second."""
    return replace(by_size(genotype, fidelity, seed, directory), accuracy=0.5 + derive(seed, "noise") / 2**34, seconds=0.0)


def counts(path):
    records = open_study(path).records()
    return {phase: sum(t.status == "ok" for t in records if t.phase == phase) for phase in ("search", "random", "final")}


@pytest.mark.parametrize(("control", "at_random"), [("equal", 10), ("small", 3), ("none", 0)])
def test_random_search_has_its_share(control, at_random, tmp_path):
    run(tmp_path / "study", problem(Stopwatch(), trials=10, control=control, strategy="predictor"))
    found = counts(tmp_path / "study")
    assert (found["search"], found["random"]) == (10, at_random)
    verdict = open_study(tmp_path / "study").verdict()
    assert verdict["random"]["evaluated"] == at_random
    assert verdict["random"]["networks"] == 10


@pytest.mark.parametrize(("control", "share"), [("equal", 1.0), ("small", 0.25), ("none", 0.0)])
def test_random_search_has_its_share_of_the_time_too(control, share, tmp_path):
    """With two workers, and trials until the time is over. An evaluation takes as long as it says."""
    made = problem(Stopwatch(), trials=None, time_s=200.0, control=control, strategy="random", evaluate=by_size_and_epochs, workers=2)
    made.evaluator.simulates_time = True
    run(tmp_path / "study", made)
    found = counts(tmp_path / "study")
    assert found["search"] > 8
    assert found["random"] == pytest.approx(share * found["search"], abs=2)


def test_an_unknown_control_is_refused():
    with pytest.raises(StudyError, match="--control is one of equal, small, none; got 'smal'; did you mean small"):
        SearchConfig(space="tiny", limits=Limits(macs=10**9), control="smal")


def test_studies_without_a_control_had_as_many():
    config = SearchConfig(space="tiny", limits=Limits(macs=10**9), control="small")
    command = config.command(load_space("tiny"), "here", "images")
    assert SearchConfig.from_command(command).control == "small"
    assert SearchConfig.from_command({k: v for k, v in command.items() if k != "control"}).control == "equal"


def test_a_long_search_trains_its_best_again(tmp_path):
    run(
        tmp_path / "study", problem(Stopwatch(), trials=60, control="small", strategy="predictor", evaluate=noisy, final_seeds=2, workers=1)
    )
    found = counts(tmp_path / "study")
    assert found["search"] == searching(60) == 47
    study = open_study(tmp_path / "study")
    finalists = json.loads((tmp_path / "study/finalists.json").read_text())
    known = sum(f["phase"] == "known" for f in finalists)
    assert found["final"] <= 60 - 47 + 2 + 2 * known
    own = [t for t in study.records("final") if t.digest in {f["digest"] for f in finalists if f["phase"] != "known"}]
    assert len(own) > 2 * 3, "more than the finalists' fresh seeds"
    draws = {f["digest"]: sum(t.digest == f["digest"] for t in own) for f in finalists if not f["contender"] and f["phase"] != "known"}
    assert min(draws.values()) >= 2
    for network in {t.digest for t in own}:
        several = [t for t in own if t.digest == network]
        assert [t.draw for t in several] == list(range(1, len(several) + 1))
        assert [t.more["fold"] for t in several] == [t.draw for t in several], "each has validation images of its own"
    seeds = {(t.draw, t.seed) for t in study.records("final")}
    assert len(seeds) == len(dict(seeds)) == len(set(dict(seeds).values())), "one seed for each draw, for all networks, and no other has it"
    assert not {t.seed for t in study.records("search")} & set(dict(seeds).values())
    assert {t.draw for t in study.records("search")} == {0}


def test_a_race_that_is_killed_goes_on_as_it_would_have(tmp_path, monkeypatch):
    settings = {"trials": 60, "control": "small", "strategy": "predictor", "evaluate": noisy, "final_seeds": 2, "workers": 1}
    run(tmp_path / "undisturbed", problem(Stopwatch(), **settings))
    told = []

    original = RunningPhase.record

    def record(self, trial, result):
        if trial.phase == "final":
            told.append(trial)
            if len(told) == 14:
                raise KeyboardInterrupt
        return original(self, trial, result)

    with monkeypatch.context() as patch:
        patch.setattr(RunningPhase, "record", record)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "study", problem(Stopwatch(), **settings))
    run(tmp_path / "study", problem(Stopwatch(), **settings))

    def seen(path):
        return [(t.phase, t.number, t.digest, t.accuracy) for t in open_study(path).records()]

    assert seen(tmp_path / "study") == seen(tmp_path / "undisturbed")
    for name in ("summary.json", "verdict.json"):
        assert (tmp_path / "study" / name).read_text() == (tmp_path / "undisturbed" / name).read_text()


def test_the_same_command_again_trains_nothing_more(tmp_path, monkeypatch):
    """Although there would be time: what a resumed study has spent is less than what has passed, because it leaves out the measuring."""
    settings = {"trials": None, "time_s": 150.0, "control": "small", "strategy": "random", "evaluate": equal}
    made = problem(Stopwatch(), **settings)
    monkeypatch.setattr("nasbench.search.final.final_round.MOST_REPEATS", 0.1)
    monkeypatch.setattr("nasbench.search.time_budget.TimeBudget.over", lambda self, phases: phases[0].done >= 100)
    monkeypatch.setattr("nasbench.search.time_budget.TimeBudget.fits_another", lambda self, left: False)
    run(tmp_path / "study", made)
    finished, result = counts(tmp_path / "study"), (tmp_path / "study/summary.json").read_text()
    monkeypatch.setattr("nasbench.search.time_budget.TimeBudget.fits_another", lambda self, left: True)
    run(tmp_path / "study", problem(Stopwatch(), **settings))
    assert counts(tmp_path / "study") == finished
    assert (tmp_path / "study/summary.json").read_text() == result
    (tmp_path / "study/summary.json").unlink()  # the control: without a result the race would go on
    run(tmp_path / "study", problem(Stopwatch(), **settings))
    assert counts(tmp_path / "study")["final"] > finished["final"]


def test_a_race_between_equals_that_takes_no_time_ends(tmp_path, monkeypatch):
    """Every network is as good as any other, and an evaluation takes no simulated second: neither doubt nor time would end it."""
    monkeypatch.setattr("nasbench.search.final.final_round.MOST_REPEATS", 0.1)  # so that the test is short

    made = problem(Stopwatch(), trials=None, time_s=200.0, control="small", strategy="random", evaluate=equal)
    made.evaluator.simulates_time = True
    run(tmp_path / "study", made)
    found = counts(tmp_path / "study")
    assert 8 < found["final"] <= max(16, 0.1 * found["search"] + 2)
