"""Failures are results: what the loop records of them, what strategies learn from them, and when a search goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from failing import always, gated_ones_diverge, greedy, large_ones_diverge, mistaken, searched_ones_diverge, sleepy
from formula import evaluator_of
from paper_search import Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.bench.memory import MemoryStore
from nasbench.engines.base import Finished
from nasbench.engines.local.engine import LocalEngine
from nasbench.evaluate import Fidelity
from nasbench.genotype import digest
from nasbench.search.limits import Limits
from nasbench.search.loop import result_of, run_phases
from nasbench.search.reporting import SAME_FAILURES, Failures, TrialsFailed
from nasbench.search.running_phase import Queue, RunningPhase, ToTheEnd
from nasbench.spaces import load_space
from nasbench.strategies import make_strategy
from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.phase import Phase
from nasbench.study.seeds import derive
from nasbench.study.trial import judge

TINY = load_space("tiny")


def killed(key="a"):
    return Finished(key, "died", reason="the trial's process was killed by SIGKILL", exit_code=-signal.SIGKILL, seconds=2.0)


@pytest.mark.parametrize(
    ("finished", "attempt", "status", "reason"),
    [
        (Finished("a", "timeout", reason="a trial has 2 s"), 1, "infeasible", "a trial has 2 s"),
        (killed(), 2, "infeasible", "the trial's process was killed by SIGKILL (tried 2 times, the last time with half the batch)"),
        (Finished("a", "died", reason="was killed by SIGSEGV", exit_code=-11), 2, "failed", "was killed by SIGSEGV (tried 2 times)"),
        (Finished("a", "error", reason="no space left"), 1, "failed", "no space left"),
        (Finished("a", "result", result=3), 1, "failed", "the worker sent no record"),
    ],
)  # fmt: skip
def test_what_is_recorded_where_no_record_came(finished: Finished, attempt: int, status: str, reason: str) -> None:
    record = result_of(finished, attempt)
    assert (record["status"], record["reason"]) == (status, reason)


def searched(evaluate, engine, networks):
    """The trials of a list of networks, evaluated as a search does it."""
    phase = Phase(MemoryStore(), "search", ("maximize",), None, 0)
    folder = Path(os.environ["TRIALS"])

    def directory(trial):
        place = folder / str(trial.number)
        place.mkdir(exist_ok=True)
        return place

    def complete(trial, result):
        return result | ({"values": [result["accuracy"]]} if result.get("status") == "ok" else {})

    running = RunningPhase(phase, len(networks), Queue(phase, networks), complete, directory, 2, ToTheEnd(phase))
    failures = Failures()
    run_phases([running], evaluator_of(evaluate), engine, lambda _, trial: failures.note(trial), lambda: False)
    return phase.records()


@pytest.fixture(autouse=True)
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRIALS", str(tmp_path))
    return tmp_path


def different(count: int):
    """Networks that differ."""
    found = {}
    for seed in range(100):
        g = TINY.sample(seed)
        found.setdefault(digest(g), g)
    return list(found.values())[:count]


def test_networks_that_exceed_their_time_do_not_end_a_search() -> None:
    with LocalEngine(2, time_limit_s=1.5) as engine:
        records = searched(sleepy, engine, different(6))
    slow = [t for t in records if t.status == "infeasible"]
    assert {t.status for t in records} <= {"ok", "infeasible"}
    assert len(slow) >= SAME_FAILURES
    assert all(t.reason.startswith("a trial has 1.5 s; it was killed after") for t in slow)
    assert all(t.constraints == {"infeasible": 1.0} for t in slow), "strategies learn from them"


def test_a_killed_process_is_tried_again_with_half_the_batch(trials: Path) -> None:
    with LocalEngine(2) as engine:
        first, *others = searched(greedy, engine, different(3))
    assert (first.status, first.constraints) == ("infeasible", {"infeasible": 1.0})
    assert "out of memory (tried 2 times, the last time with half the batch)" in first.reason
    assert [t.status for t in others] == ["ok", "ok"]
    assert [(trials / str(i) / "attempts").read_text() for i in range(3)] == ["whole half "] * 3


def test_a_search_goes_on_where_many_networks_are_killed() -> None:
    with LocalEngine(2) as engine:
        assert [t.status for t in searched(always, engine, different(5))] == ["infeasible"] * 5


def test_an_error_of_every_trial_still_ends_a_search() -> None:
    """The control: that is not the networks' fault."""
    with LocalEngine(2) as engine, pytest.raises(TrialsFailed, match="3 trials in a row failed for one reason: ZeroDivisionError"):
        searched(mistaken, engine, different(6))


def share_of_divergence(strategy: str, status: str, seeds=(0, 1)) -> float:
    """How many of 40 proposals diverge, after 20, where half of the space does; divergence is recorded with a status."""
    shares = []
    for seed in seeds:
        study, chosen, ended = InMemoryStudy("search", ("maximize",), []), make_strategy(strategy, seed), []
        for number in range(60):
            proposal = study.sample(chosen.sampler(derive(seed, number)), TINY.decode)
            result = gated_ones_diverge(proposal.genotype, Fidelity(), seed, Path())
            record = result.to_record() | ({"values": [result.accuracy]} if result.status == "ok" else {"status": status})
            study.finish(number, judge(record, 1))
            ended.append(result.status)
        shares.append(ended[20:].count("diverged") / 40)
    return sum(shares) / len(shares)


@pytest.mark.parametrize("strategy", ["evolution", "tpe", "predictor"])
def test_strategies_learn_which_networks_diverge(strategy: str) -> None:
    assert share_of_divergence(strategy, "diverged") < share_of_divergence("random", "diverged") - 0.1


def test_from_failures_nothing_is_learned() -> None:
    """The control: as `failed`, which says nothing about the network, they are proposed again and again."""
    assert share_of_divergence("predictor", "diverged") == 0
    assert share_of_divergence("predictor", "failed") > 0.9


def test_divergence_is_stored_with_its_reason(tmp_path: Path) -> None:
    made = problem(Stopwatch(), evaluate=gated_ones_diverge, trials=15, limits=Limits(latency_ms=100.0))
    assert run(tmp_path / "study", made).winner is not None
    diverged = [t for t in open_study(tmp_path / "study").records() if t.status == "diverged"]
    assert len(diverged) > 5
    assert all(t.constraints["diverged"] == 1.0 and t.reason == "the training loss became nan in epoch 1" for t in diverged)


def test_random_search_saves_a_search_whose_networks_all_diverge(tmp_path: Path) -> None:
    made = problem(Stopwatch(), evaluate=searched_ones_diverge, trials=6, limits=Limits(latency_ms=100.0))
    outcome = run(tmp_path / "study", made)
    assert outcome.winner is not None
    assert outcome.winner.finalist.origin.startswith("random ")
    trials = open_study(tmp_path / "study").records("search")
    assert {t.status for t in trials} <= {"diverged", "duplicate"}


def test_a_plan_is_made_where_large_networks_diverge(tmp_path: Path) -> None:
    """Those that are timed first, of the middle and the upper tenth, cannot be trained."""
    outcome = run(tmp_path / "study", problem(Stopwatch(), evaluate=large_ones_diverge, trials=6, limits=Limits(latency_ms=100.0)))
    assert outcome.winner is not None
