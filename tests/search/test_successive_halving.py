"""Successive halving: which trials continue, which checkpoints stay, and that the ledger holds it all."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_search import chain, open_phase

from nasbench.evaluate.base import CHECKPOINT
from nasbench.pareto import dominates, signed
from nasbench.search.records import stored_metrics
from nasbench.search.rungs import Rungs
from nasbench.search.successive_halving import SuccessiveHalving, best
from nasbench.study.trial import PAUSED

RUNGS = Rungs((1, 3, 9), 3)
UP, BOTH = ("maximize",), ("maximize", "minimize")


def rank(points, n):
    """The nondominated rank of a point by its definition: the points that nothing dominates are removed again and again."""
    remaining, level = dict(points), 0
    while True:
        front = {i for i in remaining if not any(dominates(remaining[j], remaining[i]) for j in remaining)}
        if n in front:
            return level
        remaining, level = {i: p for i, p in remaining.items() if i not in front}, level + 1


values = st.integers(0, 4).map(float)


@given(st.dictionaries(st.integers(0, 30), st.tuples(values, values), max_size=12))
def test_the_best_are_ordered_by_nondominated_rank(results):
    order = best(results, [True, False])
    assert sorted(order) == sorted(results)
    points = dict(zip(results, signed(list(results.values()), [True, False]), strict=True))
    ranks = [rank(points, n) for n in order]
    assert ranks == sorted(ranks)


@given(st.dictionaries(st.integers(0, 30), st.tuples(values), max_size=12))
def test_with_one_objective_the_best_are_the_highest(results):
    assert best(results, [True]) == sorted(results, key=lambda n: (-results[n][0], n))


def test_ends_of_a_front_come_first_and_then_the_largest_crowding_distance():
    line = {0: (1.0, 1.0), 1: (1.1, 1.1), 2: (2.0, 2.0), 3: (3.0, 4.5), 4: (5.0, 5.0)}
    assert best(line, [True, False])[:3] == [0, 4, 3]


class Bench:
    """A phase with successive halving, and trials whose values after each epoch are given."""

    def __init__(self, path, directions=UP, wanted=9):
        self.study, self.ledger, self.phase = open_phase(path, directions=directions)
        self.directions, self.wanted, self.rungs = directions, wanted, RUNGS
        self.halving = self.make()

    def make(self):
        interrupted = [t for t in self.phase.unfinished() if t.passed]
        return SuccessiveHalving(self.phase, self.rungs, self.wanted, self.study.trial_path, interrupted)

    def restart(self):
        """Forget all that is not in the ledger, as a new driver does."""
        self.phase = self.ledger.phase("search", self.directions, self.phase._strategy, 3)
        self.halving = self.make()

    def train(self, trial, values):
        """One training: it leaves a checkpoint, and its values are stored."""
        self.halving.begin(trial)
        (self.study.trial_directory(trial) / CHECKPOINT).write_text("weights")
        return self.halving.end(trial, {"status": "ok", "values": list(values), "accuracy": values[0], "seconds": 1.0})

    def checkpoints(self):
        return [t.number for t in self.phase.records() if (self.study.trial_path("search", t.number) / CHECKPOINT).exists()]

    def close(self):
        self.ledger.close()
        self.study.close()


@pytest.fixture
def bench(tmp_path):
    new = Bench(tmp_path / "study")
    yield new
    new.close()


def test_the_best_third_continues_and_the_rest_stops(bench):
    promoted = []
    for n in range(9):
        trial = bench.train(bench.phase.ask(chain), [n / 10])
        assert (trial.status, trial.epochs, trial.feasible, trial.finished) == (PAUSED, 1, False, None)
        while promotion := bench.halving.take(settled=False):
            promoted.append((promotion.number, promotion.passed, bench.halving.until(promotion)))
            bench.train(promotion, [n / 10])
    # Of 3 results the best continues, of 6 the best two, and so on: here each time the newest. Of 3 at the second rung, one.
    assert promoted == [(2, 1, 3), (5, 1, 3), (8, 1, 3), (8, 3, 9)]
    assert bench.halving.take(settled=True) is None
    assert bench.checkpoints() == [], "none of the waiting trials can be promoted any more"
    assert bench.halving.stop() == "search: stopped 6 after 1, 2 after 3 of 9 epochs"
    assert bench.halving.epochs == 9 + 3 * 2 + 6
    trials = bench.phase.records()
    assert Counter(t.status for t in trials) == Counter({"stopped": 8, "ok": 1})
    assert (trials[8].status, trials[8].epochs, [r["epoch"] for r in trials[8].rungs]) == ("ok", 9, [1, 3])
    stopped = trials[0]
    assert (stopped.values, stopped.accuracy, stopped.reached) == (None, 0.0, (1.0, (0.0,)))
    assert stopped.reason == "stopped after 1 of 9 epochs, in place 9 of 9"
    assert all(v <= 0 for v in stopped.constraints.values()), "it is not infeasible"


def test_few_trials_still_bring_one_to_the_end(bench):
    for n in range(2):
        bench.train(bench.phase.ask(chain), [n / 10])
    assert bench.halving.take(settled=False) is None
    done = []
    while trial := bench.halving.take(settled=True):
        done.append((trial.number, bench.halving.until(trial)))
        bench.train(trial, [0.5])
    assert done == [(1, 3), (1, 9)]


def test_where_the_best_fails_the_next_continues(bench):
    for n in range(2):
        bench.train(bench.phase.ask(chain), [n / 10])
    promotion = bench.halving.take(settled=True)
    bench.halving.begin(promotion)
    failed = bench.halving.end(promotion, {"status": "diverged", "reason": "the loss became nan", "accuracy": None, "seconds": 1.0})
    assert (failed.status, failed.accuracy) == ("diverged", None)
    assert bench.checkpoints() == [0]
    assert bench.halving.take(settled=True).number == 0


def test_checkpoints_are_bounded(bench):
    for n in range(9):
        bench.train(bench.phase.ask(chain), [-n])
        assert len(bench.checkpoints()) <= bench.rungs.places(9) == 3
    assert bench.checkpoints() == [0, 1, 2]


def test_the_last_trials_have_their_chance(bench):
    """Of 4 the best third is one by then, two at the end: the fourth is the best of all."""
    for value in (0.1, 0.2, 0.3, 0.9):
        bench.train(bench.phase.ask(chain), [value])
        while promotion := bench.halving.take(settled=False):
            bench.train(promotion, [value])
    promotion = bench.halving.take(settled=True)
    assert (promotion.number, bench.halving.until(promotion)) == (3, 3)


@pytest.mark.parametrize("directions", [UP, BOTH])
def test_a_new_driver_decides_as_the_old_one(tmp_path, directions):
    """A driver that restarts after every step, and during every promotion, promotes the same trials as one that is never killed."""
    undisturbed, killed = Bench(tmp_path / "a", directions, 12), Bench(tmp_path / "b", directions, 12)

    def values(number, epoch):
        return [(number * 7919 + epoch * 31) % 101, number * 13 % 17][: len(directions)]

    for bench in (undisturbed, killed):
        for _ in range(12):
            new = bench.phase.ask(chain)
            bench.train(new, values(new.number, 1))
            while promotion := bench.halving.take(settled=False):
                if bench is killed:
                    bench.restart()
                    assert bench.halving.take(settled=False) == promotion, "it is taken again, before any other"
                    done = [len(t.rungs) - (t.status != "ok") for t in bench.phase.records() if t.rungs]
                    assert bench.halving.promoted == sum(done)
                bench.train(promotion, values(promotion.number, bench.halving.until(promotion)))
            if bench is killed:
                bench.restart()
        bench.halving.stop()
        assert not [t for t in bench.phase.records() if t.status in ("running", PAUSED)]
    assert undisturbed.halving.epochs == killed.halving.epochs
    stored = [[(t.number, t.status, t.params, t.values, t.rungs, t.reason) for t in b.phase.records()] for b in (undisturbed, killed)]
    assert stored[0] == stored[1]
    assert any(t.status == "ok" for t in undisturbed.phase.records())
    for bench in (undisturbed, killed):
        bench.close()


def test_trials_that_a_dead_driver_left_running_are_stopped_when_there_is_no_time_left(bench):
    for n in range(3):
        bench.train(bench.phase.ask(chain), [n])
    assert bench.halving.take(settled=False).number == 2
    bench.restart()
    assert [t.status for t in bench.phase.records()] == [PAUSED, PAUSED, "running"]
    assert bench.halving.stop() == "search: stopped 3 after 1 of 9 epochs"
    assert [t.reason for t in bench.phase.records()] == [f"stopped after 1 of 9 epochs, in place {n} of 3" for n in (3, 2, 1)]


def test_a_promoted_trial_keeps_its_metrics(bench):
    trial = bench.phase.ask(chain)
    result = {"status": "ok", "values": [0.5], "accuracy": 0.5, "latency_ms": 4.0, "constraints": {"latency": -0.2}}
    assert bench.phase.pause(trial.number, result, 1).latency_ms == 4.0
    promoted = bench.phase.promote(trial.number)
    metrics = stored_metrics(promoted)
    assert (promoted.passed, metrics["latency_ms"], metrics["constraints"]) == (1, 4.0, {"latency": -0.2})
    assert (promoted.number, promoted.digest, promoted.genotype, promoted.seed) == (trial.number, trial.digest, trial.genotype, trial.seed)
