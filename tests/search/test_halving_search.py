"""Whole searches with successive halving on a paper device: the two phases, the final round, and kill -9."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from statistics import mean

import pytest
from formula import by_size_and_epochs
from paper_search import Silent, Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.errors import StudyError
from nasbench.search.config import SearchConfig
from nasbench.search.limits import Limits
from nasbench.search.rungs import Rungs
from nasbench.study.database.optuna_tables import OptunaTables
from nasbench.study.phase import Phase
from nasbench.training.recipe import Recipe

TRIALS, RUNGS = 12, Rungs((1, 3, 9), 3)
FORK = multiprocessing.get_context("fork")  # starts at once, where a fresh interpreter takes seconds


def halving_problem(mode="hard", workers=1, trials=TRIALS, rungs=RUNGS, **more):
    options = {
        "trials": trials,
        "workers": workers,
        "mode": mode,
        "rungs": rungs,
        "recipe": Recipe(epochs=9),
        "evaluate": by_size_and_epochs,
    }
    return problem(Stopwatch(), limits=Limits(latency_ms=0.6), **options | more)


def stored(path, *phases):
    if not (path / "ledger.db").exists():
        return []
    return [t for t in open_study(path).records() if not phases or t.phase in phases]


def results(trials):
    """Everything that must be equal after a restart: all but the clock."""
    return [
        (t.phase, t.number, t.status, t.digest, t.params, t.values, t.accuracy, t.latency_ms, t.rungs, t.seed, t.reason) for t in trials
    ]


@pytest.fixture(scope="module", params=["hard", "pareto"])
def undisturbed(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "study"
    listener = Silent()
    listener.step = lambda message=None: listener.messages.append(message)
    outcome = run(path, halving_problem(request.param), listener)
    return request.param, path, outcome, listener.messages


def test_both_phases_have_the_same_trials_and_cost(undisturbed):
    _, path, outcome, _ = undisturbed
    spent = open_study(path).spent()
    for phase in ("search", "random"):
        statuses = Counter(t.status for t in stored(path, phase) if t.epochs and t.status != "duplicate")
        assert set(statuses) == {"ok", "stopped"}
        assert sum(statuses.values()) == TRIALS
        assert spent[phase].trained[1] == TRIALS
        assert spent[phase].trained[9] == statuses["ok"] >= 1
    # 12 for 1 epoch, 4 for 2 more, of 4 two at the end for 6 more
    assert spent["random"].epochs == spent["search"].epochs == 12 + 4 * 2 + 2 * 6
    assert spent["search"].epochs == sum(t.epochs for t in stored(path, "search") if t.status in ("ok", "stopped"))
    assert outcome.winner is not None
    assert not list(path.glob("trials/*/checkpoint.bin"))


def test_every_promotion_is_of_one_of_the_best(undisturbed):
    """By the final results, the promoted trials of each rung are better than those that stayed."""
    mode, path, *_ = undisturbed
    trials = [t for t in stored(path, "search") if t.status in ("ok", "stopped")]
    for rung in (0, 1):
        at_rung = [t for t in trials if len(t.rungs) > rung]
        promoted = [t for t in at_rung if len(t.rungs) > rung + 1 or t.status == "ok"]
        assert len(promoted) >= max(1, len(at_rung) // 3)
        if mode == "hard":
            stayed = [t for t in at_rung if t not in promoted]
            assert max(t.rungs[rung]["values"][0] for t in promoted) >= max((t.rungs[rung]["values"][0] for t in stayed), default=0)
            assert mean(t.rungs[rung]["values"][0] for t in promoted) > mean(t.rungs[rung]["values"][0] for t in stayed)


def test_front_and_finalists_were_trained_to_the_end(undisturbed):
    _, path, _, _ = undisturbed
    study = open_study(path)
    front = study.front()
    assert len(front) >= 1
    assert set(front["epochs"]) == {9}
    ok = {f"search {t.number}" for t in stored(path, "search") if t.status == "ok"}
    finalists = [r["network"] for r in study.summary() if r["network"].startswith("search")]
    assert len(set(finalists) & ok) == min(2, len(ok))


def test_progress_says_how_far_each_trial_was_trained(undisturbed):
    *_, messages = undisturbed
    assert any(line and line.startswith("search 0: ") and line.endswith(" after 1 of 9 epochs, paused") for line in messages)
    assert any(line and line.startswith("search ") and line.endswith(" after 9 of 9 epochs") for line in messages)
    assert any(line and line.startswith("search: stopped ") for line in messages)


def drive(path, mode, kill):
    """Search until a SIGKILL to this process. `kill` is (where, n): after the n-th call of a method of `Phase`, or the n-th `write`."""
    where, at = kill
    calls = Counter()

    def count(place):
        calls[place] += 1
        if place == where and calls[place] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(name, method):
        def call(self, *args):
            result = method(self, *args)
            count(name)
            return result

        return call

    for name in ("pause", "promote", "stop", "tell"):
        setattr(Phase, name, wrapped(name, getattr(Phase, name)))
    OptunaTables._write_result = wrapped("write", OptunaTables._write_result)
    run(path, halving_problem(mode))


def driver(path, mode, kill=("never", 0)):
    process = FORK.Process(target=drive, args=(path, mode, kill))
    process.start()
    return process


MOMENTS = [("promote", 2), ("write", 41)]
MORE = [pytest.param(kill, marks=pytest.mark.slow) for kill in (("pause", 5), ("stop", 3), ("tell", 1), ("write", 9), ("write", 20))]


@pytest.mark.parametrize("kill", [*MOMENTS, *MORE], ids=lambda kill: f"{kill[0]} {kill[1]}")
def test_kill_at(undisturbed, tmp_path, kill):
    mode, whole, *_ = undisturbed
    path = tmp_path / "study"
    process = driver(path, mode, kill)
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    passed = {(t.phase, t.number): list(t.rungs) for t in stored(path)}
    again = driver(path, mode)
    again.join(600)
    assert again.exitcode == 0
    after = {(t.phase, t.number): list(t.rungs) for t in stored(path)}
    assert all(after[key][: len(rungs)] == rungs for key, rungs in passed.items()), "a rung was lost or changed"
    assert results(stored(path)) == results(stored(whole))
    assert not list(path.glob("trials/*/checkpoint.bin"))


@pytest.mark.slow
def test_kill_at_random_moments(undisturbed, tmp_path):
    mode, whole, *_ = undisturbed
    rng, path, before = random.Random(7), tmp_path / "study", {}
    for _ in range(12):
        process = driver(path, mode)
        time.sleep(rng.uniform(0, 1.2))
        process.kill()
        process.join(600)
        now = {(t.phase, t.number): list(t.rungs) for t in stored(path)}
        assert all(now[key][: len(rungs)] == rungs for key, rungs in before.items())
        before = now
    last = driver(path, mode)
    last.join(600)
    assert last.exitcode == 0
    assert results(stored(path)) == results(stored(whole))


def test_a_training_continues_from_its_checkpoint(undisturbed):
    _, path, *_ = undisturbed
    for t in stored(path, "search", "random"):
        if t.status == "ok":
            trained = (path / "trials" / f"{t.phase}-{t.number:04d}" / "trained").read_text().split()
            assert trained[0] == "0>1"
            assert [step.split(">")[1] for step in trained] == ["1", "3", "9"]
            assert trained[1] == "1>3"


@pytest.mark.parametrize("strategy", ["tpe", "random"])
def test_other_strategies_and_workers(tmp_path, strategy):
    path = tmp_path / "study"
    outcome = run(path, halving_problem("pareto", workers=4, trials=7, strategy=strategy, rungs=Rungs((2, 9), 2)))
    assert outcome.winner is not None
    assert Counter(t.status in ("ok", "stopped") for t in stored(path, "search") if t.epochs and t.status != "duplicate")[True] == 7
    assert not [t for t in stored(path) if t.status in ("running", "paused")]


def test_rungs_are_part_of_the_command(tmp_path):
    path = tmp_path / "study"
    run(path, halving_problem(trials=4))
    with pytest.raises(StudyError, match=r"holds the study of another command \(.*eta: 3 there, 2 now"):
        run(path, halving_problem(trials=4, rungs=Rungs((1, 3, 9), 2)))
    command = open_study(path).command
    assert command["rungs"] == [1, 3, 9]
    assert SearchConfig.from_command(command).rungs == RUNGS
    old = {k: v for k, v in command.items() if k not in ("rungs", "eta")}
    assert not SearchConfig.from_command(old).rungs, "studies of older versions have none"


def test_the_last_rung_is_the_whole_training():
    with pytest.raises(StudyError, match="the rungs end after 4 epochs, the recipe has 9"):
        halving_problem(rungs=Rungs((1, 4)))


def test_without_rungs_nothing_is_paused(tmp_path):
    """The control."""
    path = tmp_path / "study"
    run(path, halving_problem(rungs=Rungs(), trials=4))
    assert {t.epochs for t in stored(path, "search") if t.status == "ok"} == {9}
    assert not [t for t in stored(path) if t.rungs or t.status == "stopped"]
    assert open_study(path).spent() == {}
