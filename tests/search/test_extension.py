"""A finished study is given more trials or more time: it goes on, holds another final round, and says what was changed when."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from formula import by_size_and_epochs
from paper_search import Silent, Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.errors import StudyError
from nasbench.search import run as run_module
from nasbench.search.extension import extends
from nasbench.search.limits import Limits
from nasbench.search.rungs import Rungs
from nasbench.study.directory import StudyDirectory
from nasbench.training.recipe import Recipe

LIMIT = Limits(latency_ms=1.0)


def searched(path, trials, **more):
    return run(path, problem(Stopwatch(), trials=trials, workers=1, limits=LIMIT, **more), Silent())


def trials_of(path, *phases):
    keep = ("phase", "number", "status", "digest", "params", "values", "seed")
    return [tuple(getattr(t, k) for k in keep) for t in open_study(path).records() if t.phase in phases]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("extension") / "six"
    searched(path, 6)
    return path


def test_more_trials_continue_as_one_longer_search(finished, tmp_path):
    """The control is a search that was asked for ten trials from the beginning."""
    path = shutil.copytree(finished, tmp_path / "study")
    before, first = trials_of(path, "search", "random"), json.loads((path / "summary.json").read_text())
    outcome = searched(path, 10)
    searched(tmp_path / "ten", 10)
    extended = trials_of(path, "search", "random")
    assert set(map(str, before)) < set(map(str, extended)), "what was stored stays"
    assert extended == trials_of(tmp_path / "ten", "search", "random")
    assert sum(t[2] == "ok" for t in extended if t[0] == "search") == 10
    summary = json.loads((path / "summary.json").read_text())
    assert {row["network"] for row in first} <= {row["network"] for row in summary}, "earlier finalists take part again"
    best_of_ten = json.loads((tmp_path / "ten/summary.json").read_text())
    assert {row["network"] for row in best_of_ten} <= {row["network"] for row in summary}
    assert outcome.winner.accuracy == max(row["accuracy"] for row in summary if not row["network"].startswith("known"))
    finals = [t[3] for t in trials_of(path, "final")]
    assert len(finals) == len(set(finals)), "nobody is trained twice with one seed"


def test_the_study_says_what_was_changed_when(finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "study")
    searched(path, 7)
    searched(path, 8)
    stored = yaml.safe_load((path / "study.yaml").read_text())
    assert stored["command"]["trials"] == 8
    assert [entry["changed"] for entry in stored["history"]] == [{"trials": [6, 7]}, {"trials": [7, 8]}]
    assert all(entry["at"] >= stored["created"] for entry in stored["history"])
    assert open_study(path).plan()["trials"] == 8
    kept = {p.name for p in path.glob("*-?.json")}
    assert kept == {f"{name}-{n}.json" for name in ("finalists", "summary", "verdict") for n in (1, 2)}
    assert "trials 6 to 7" in repr(open_study(path))


def test_the_same_command_again_changes_nothing(finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "study")
    searched(path, 8)
    before = {p: p.read_bytes() for p in path.rglob("*.json*")}
    searched(path, 8)
    assert {p: p.read_bytes() for p in path.rglob("*.json*")} == before


@pytest.mark.parametrize("where", ["before the command is stored", "in the phases", "in the final round"])
def test_an_extension_that_is_killed_continues(where, finished, tmp_path, monkeypatch):
    path = shutil.copytree(finished, tmp_path / "study")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        target = {
            "before the command is stored": ("nasbench.study.directory._write", killed),
            "in the phases": ("nasbench.search.run.run_phases", killed),
            "in the final round": ("nasbench.search.final.final_round.run_phases", killed),
        }[where]
        patch.setattr(*target)
        with pytest.raises(KeyboardInterrupt):
            searched(path, 9)
    searched(path, 9)
    assert sum(t[2] == "ok" for t in trials_of(path, "search")) == 9
    undisturbed = shutil.copytree(finished, tmp_path / "undisturbed")
    searched(undisturbed, 9)
    assert trials_of(path, "search", "random", "final") == trials_of(undisturbed, "search", "random", "final")
    assert json.loads((path / "summary.json").read_text()) == json.loads((undisturbed / "summary.json").read_text())


def test_with_successive_halving(tmp_path):
    options = {"rungs": Rungs((1, 3, 9), 3), "recipe": Recipe(epochs=9), "evaluate": by_size_and_epochs}
    path = tmp_path / "study"
    searched(path, 9, **options)
    before = [t for t in open_study(path).records("search") if t.status not in ("over_budget", "duplicate")]
    searched(path, 18, **options)
    after = open_study(path).records("search")
    assert [after[t.number] for t in before] == before
    assert sum(t.status in ("ok", "stopped") for t in after) == 18
    assert not [t for t in after if t.status in ("running", "paused")]


def test_more_time(tmp_path):
    """The evaluator says how long a trial took, so the test needs no clock."""
    path = tmp_path / "study"

    def search(time_s):
        made = problem(Stopwatch(), trials=None, workers=1, limits=LIMIT, time_s=time_s, evaluate=by_size_and_epochs)
        made.evaluator.simulates_time = True
        return run(path, made)

    search(76.0)
    few = len(trials_of(path, "search"))
    search(150.0)  # the first final round has trained its best again, which counts
    more = len(trials_of(path, "search"))
    assert more > few
    assert StudyDirectory.open(path).history[0]["changed"] == {"time_s": [76.0, 150.0]}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((30, 480.0), (50, 480.0), True),
        ((30, 480.0), (30, 960.0), False),  # the number of trials decides, not the time
        ((None, 480.0), (None, 960.0), True),
        ((None, 480.0), (None, 240.0), False),
        ((None, 480.0), (50, 480.0), True),
        ((30, 480.0), (None, 960.0), True),
        ((30, 480.0), (20, 480.0), "a study can be extended, not cut; it has --trials 30; give at least 30, or choose another --name"),
        ((30, 480.0), (None, 480.0), "it has --trials 30 and --time 8 min.*give --trials 30 to continue it as it is, or a longer --time"),
    ],
)
def test_what_extends_a_study(before, now, expected):
    stored, wanted = ({"trials": trials, "time_s": time_s} for trials, time_s in (before, now))
    if isinstance(expected, bool):
        assert extends(stored, wanted) == expected
    else:
        with pytest.raises(StudyError, match=expected):
            extends(stored, wanted)


def test_a_refused_extension_leaves_everything_as_it_was(finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "study")
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != "driver.lock"}
    with pytest.raises(StudyError, match="not cut"):
        searched(path, 5)
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file() and p.name != "driver.lock"} == before


def test_without_the_extension_a_finished_study_stays_finished(finished, tmp_path, monkeypatch):
    """The control: more trials alone do not begin the phases again."""
    path = shutil.copytree(finished, tmp_path / "study")
    monkeypatch.setattr(run_module, "extend", lambda *_: None)
    searched(path, 9)
    assert sum(t[2] == "ok" for t in trials_of(path, "search")) == 6
