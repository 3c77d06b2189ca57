"""A study that begins with the trials of another: for another limit, nothing is evaluated twice, and nothing outside it wins."""

from __future__ import annotations

import json
import shutil

import pytest
from paper_search import Stopwatch, problem, run, true_ms

from nasbench.analysis.study import open_study
from nasbench.errors import StudyError
from nasbench.genotype import Genotype
from nasbench.search import run as run_module
from nasbench.search.config import SearchConfig
from nasbench.search.limits import Limits
from nasbench.search.rungs import Rungs
from nasbench.study.directory import StudyDirectory
from nasbench.study.phase import Phase
from nasbench.training.recipe import Recipe


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A finished study with a limit of 1 ms."""
    path = tmp_path_factory.mktemp("reuse") / "other"
    run(path, problem(Stopwatch(), trials=12, workers=1, limits=Limits(latency_ms=1.0)))
    return path


def evaluated(path):
    """The trials of the phases that were evaluated by the study itself."""
    return sorted(p.name for p in (path / "trials").iterdir() if not p.name.startswith("final"))


def begin(path, other, limit_ms, **more):
    options = {"trials": 0, "workers": 1, "limits": Limits(latency_ms=limit_ms), "reuse": str(other)}
    return run(path, problem(Stopwatch(), **options | more))


def test_another_limit_on_the_same_trials(other, tmp_path):
    path = tmp_path / "study"
    outcome = begin(path, other, 0.6)
    assert evaluated(path) == []
    assert true_ms(Genotype.from_yaml(outcome.winner.finalist.genotype)) <= 0.6
    theirs = {(t.phase, t.digest): t for t in open_study(other).records() if t.status == "ok" and t.phase != "final"}
    trials = [t for t in open_study(path).records() if t.phase != "final"]
    assert {(t.phase, t.digest) for t in trials if t.status != "duplicate"} == set(theirs)
    assert {"ok", "over_budget"} == {t.status for t in trials}
    for t in trials:
        source = theirs[t.phase, t.digest]
        if t.status == "ok":
            assert (t.accuracy, t.params, t.latency_ms <= 0.6) == (source.accuracy, source.params, True)
            assert t.more["reused"] == f"{t.phase} {source.number} of {other}"
        else:
            assert t.accuracy is None, "it was never evaluated under this limit"
    assert open_study(path).command["reuse"] == str(other)


def test_the_search_continues_after_them(other, tmp_path):
    path = tmp_path / "study"
    begin(path, other, 2.0, trials=16)
    trials = open_study(path).records("search")
    assert sum(t.status == "ok" for t in trials) == 16
    reused = [t for t in trials if "reused" in t.more and t.status == "ok"]
    assert len(reused) == sum(t.status == "ok" for t in open_study(other).records("search"))
    assert [t.number for t in reused] == list(range(len(reused))), "they come first"
    assert evaluated(path)


def test_what_was_evaluated_elsewhere_costs_none_of_the_time(other, tmp_path, monkeypatch):
    spent = []

    class Noted(run_module.TimeBudget):
        def __init__(self, plan, config, clock, spent_s, **more):
            spent.append(spent_s)
            super().__init__(plan, config, clock, spent_s, **more)

    monkeypatch.setattr(run_module, "TimeBudget", Noted)
    begin(tmp_path / "study", other, 2.0)
    assert spent == [0.0]
    assert sum(t.seconds for t in open_study(tmp_path / "study").records("search")) > 0, "the study says what they cost there"


def test_it_can_be_killed_and_does_not_need_the_other_study_any_more(other, tmp_path, monkeypatch):
    source = shutil.copytree(other, tmp_path / "source")
    path, undisturbed = tmp_path / "study", tmp_path / "undisturbed"
    begin(undisturbed, source, 0.8)

    class Killed(KeyboardInterrupt):
        pass

    told = []

    stored = Phase.tell

    def tell(self, number, record):
        told.append(number)
        if len(told) == 5:
            raise Killed
        return stored(self, number, record)

    with monkeypatch.context() as patch:
        patch.setattr(Phase, "tell", tell)
        with pytest.raises(Killed):
            begin(path, source, 0.8)
    shutil.rmtree(source)
    begin(path, source, 0.8)
    assert evaluated(path) == []
    records = [[(t.phase, t.number, t.status, t.digest, t.accuracy) for t in open_study(p).records()] for p in (path, undisturbed)]
    assert records[0] == records[1]
    assert json.loads((path / "summary.json").read_text()) == json.loads((undisturbed / "summary.json").read_text())
    config = SearchConfig.from_command(open_study(path).command)
    assert (config.reuse, config.trials) == (str(source), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed is 0 in .* and 1 here; give the same, or leave --from out"),
        ({"recipe": Recipe(epochs=2)}, "recipe is "),
        ({"space": "macro", "limits": Limits(macs=100_000_000)}, "space_digest is "),
    ],
)
def test_a_study_that_evaluates_otherwise_is_refused(change, message, other, tmp_path):
    with pytest.raises(StudyError, match=message):
        begin(tmp_path / "study", other, 1.0, **change)
    assert not (tmp_path / "study").exists()


def test_one_without_trials_is_refused(tmp_path, other):
    with StudyDirectory.create(tmp_path / "young", open_study(other).command):
        pass
    with pytest.raises(StudyError, match="young has none that was trained in full; leave --from out"):
        begin(tmp_path / "study", tmp_path / "young", 1.0)
    with pytest.raises(StudyError, match=r"a study is a directory with study\.yaml"):
        begin(tmp_path / "study", tmp_path / "nothing", 1.0)


def test_it_does_not_go_with_rungs(other):
    with pytest.raises(StudyError, match="leave --eta and --rungs out, or --from"):
        problem(rungs=Rungs((1, 3), 3), recipe=Recipe(epochs=3), reuse=str(other))
    with pytest.raises(StudyError, match="--trials is a whole number from 1"):
        problem(trials=0)
