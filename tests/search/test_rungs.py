"""Successive halving: who goes on, what is kept, and that the ledger says so."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_search import chain, open_phase

from nasbench.errors import StudyError
from nasbench.evaluate.base import CHECKPOINT
from nasbench.pareto import dominates, signed
from nasbench.search.records import stored_metrics
from nasbench.search.rungs import Rungs
from nasbench.search.successive_halving import SuccessiveHalving, best
from nasbench.study.trial import PAUSED

RUNGS = Rungs((1, 3, 9), 3)
UP, BOTH = ("maximize",), ("maximize", "minimize")


@pytest.mark.parametrize(
    ("epochs", "eta", "match"),
    [
        ((9,), 3, "two or more numbers of epochs.*got 9"),
        ((3, 1), 3, "each above the one before; got 3, 1"),
        ((0, 1), 3, "got 0, 1"),
        ((1, 3, 3), 3, "got 1, 3, 3"),
        ((1, 3), 1, "eta is a whole number from 2 to 100.*got 1"),
        ((1, 3), True, "got True"),
    ],
)
def test_refused(epochs, eta, match):
    with pytest.raises(StudyError, match=match):
        Rungs(epochs, eta)


def test_geometric():
    assert Rungs.geometric(27).epochs == (1, 3, 9, 27)
    assert Rungs.geometric(20, 4).epochs == (1, 5, 20)
    with pytest.raises(
        StudyError, match=r"--eta 3 needs a training of 3 or more epochs.*the recipe has 1; give --epochs, such as --epochs 9"
    ):
        Rungs.geometric(1)
    with pytest.raises(StudyError, match="whole number from 2"):
        Rungs.geometric(9, 0)


def test_what_a_trial_costs():
    # 27 trials of 1 epoch, 9 of 2 more, 3 of 6 more: 63 of 27 * 9
    assert RUNGS.share == pytest.approx(63 / 243)
    assert RUNGS.calls == pytest.approx(39 / 27)
    assert Rungs().share == Rungs().calls == 1


def rank(points, n):
    """The nondominated rank of a point by the definition: peel off what nothing dominates, again and again."""
    left, level = dict(points), 0
    while True:
        front = {i for i in left if not any(dominates(left[j], left[i]) for j in left)}
        if n in front:
            return level
        left, level = {i: p for i, p in left.items() if i not in front}, level + 1


values = st.integers(0, 4).map(float)


@given(st.dictionaries(st.integers(0, 30), st.tuples(values, values), max_size=12))
def test_the_best_come_by_nondominated_rank(results):
    order = best(results, [True, False])
    assert sorted(order) == sorted(results)
    points = dict(zip(results, signed(list(results.values()), [True, False]), strict=True))
    ranks = [rank(points, n) for n in order]
    assert ranks == sorted(ranks)


@given(st.dictionaries(st.integers(0, 30), st.tuples(values), max_size=12))
def test_with_one_objective_the_best_are_the_highest(results):
    assert best(results, [True]) == sorted(results, key=lambda n: (-results[n][0], n))


def test_ends_of_a_front_come_first_and_then_those_with_room():
    line = {0: (1.0, 1.0), 1: (1.1, 1.1), 2: (2.0, 2.0), 3: (3.0, 4.5), 4: (5.0, 5.0)}
    assert best(line, [True, False])[:3] == [0, 4, 3]


class Bench:
    """A phase, its halving, and trials whose values after each epoch are given."""

    def __init__(self, path, directions=UP, wanted=9):
        self.folder, self.ledger, self.phase = open_phase(path, directions=directions)
        self.directions, self.wanted, self.rungs = directions, wanted, RUNGS
        self.halving = self.made()

    def made(self):
        interrupted = [t for t in self.phase.unfinished() if t.passed]
        return SuccessiveHalving(self.phase, self.rungs, self.wanted, self.folder.trial_path, interrupted)

    def killed(self):
        """What a new driver has."""
        self.phase = self.ledger.phase("search", self.directions, self.phase._strategy, 3)
        self.halving = self.made()

    def train(self, asked, values):
        """One training: leaves a checkpoint, tells the values."""
        self.halving.begin(asked)
        (self.folder.trial_directory(asked) / CHECKPOINT).write_text("weights")
        return self.halving.end(asked, {"status": "ok", "values": list(values), "accuracy": values[0], "seconds": 1.0})

    def kept(self):
        return [t.number for t in self.phase.records() if (self.folder.trial_path("search", t.number) / CHECKPOINT).exists()]

    def close(self):
        self.ledger.close()
        self.folder.close()


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "study")
    yield made
    made.close()


def test_the_best_third_goes_on_and_the_rest_stops(bench):
    seen = []
    for n in range(9):
        asked = bench.phase.ask(chain)
        trial = bench.train(asked, [n / 10])
        assert (trial.status, trial.epochs, trial.feasible, trial.finished) == (PAUSED, 1, False, None)
        while on := bench.halving.take(settled=False):
            seen.append((on.number, on.passed, bench.halving.until(on)))
            bench.train(on, [n / 10])
    # Of 3 results the best goes on, of 6 the best two, and so on: here each time the newest. Of 3 at the second rung, one.
    assert seen == [(2, 1, 3), (5, 1, 3), (8, 1, 3), (8, 3, 9)]
    assert bench.halving.take(settled=True) is None
    assert bench.kept() == [], "there is no place for any of those that wait"
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
    while on := bench.halving.take(settled=True):
        done.append((on.number, bench.halving.until(on)))
        bench.train(on, [0.5])
    assert done == [(1, 3), (1, 9)]


def test_where_the_best_fails_the_next_goes_on(bench):
    for n in range(2):
        bench.train(bench.phase.ask(chain), [n / 10])
    on = bench.halving.take(settled=True)
    bench.halving.begin(on)
    failed = bench.halving.end(on, {"status": "diverged", "reason": "the loss became nan", "accuracy": None, "seconds": 1.0})
    assert (failed.status, failed.accuracy) == ("diverged", None)
    assert bench.kept() == [0]
    assert bench.halving.take(settled=True).number == 0


def test_checkpoints_are_bounded(bench):
    for n in range(9):
        bench.train(bench.phase.ask(chain), [-n])
        assert len(bench.kept()) <= bench.rungs.places(9) == 3
    assert bench.kept() == [0, 1, 2]
    assert bench.rungs.kept(9) == 3 + 1
    assert bench.rungs.kept(28) == 10 + 4


def test_the_last_ones_drawn_have_their_chance(bench):
    """Of 4 the best third is one by then, two at the end: the fourth is the best of all."""
    for value in (0.1, 0.2, 0.3, 0.9):
        bench.train(bench.phase.ask(chain), [value])
        while on := bench.halving.take(settled=False):
            bench.train(on, [value])
    on = bench.halving.take(settled=True)
    assert (on.number, bench.halving.until(on)) == (3, 3)


@pytest.mark.parametrize("directions", [UP, BOTH])
def test_a_new_driver_decides_as_the_old_one(tmp_path, directions):
    """Made anew from the ledger at every step, and killed in every promotion, halving chooses what one that lived on chooses."""
    lived, anew = Bench(tmp_path / "a", directions, 12), Bench(tmp_path / "b", directions, 12)

    def values(number, epoch):
        return [(number * 7919 + epoch * 31) % 101, number * 13 % 17][: len(directions)]

    for bench in (lived, anew):
        for _ in range(12):
            asked = bench.phase.ask(chain)
            bench.train(asked, values(asked.number, 1))
            while on := bench.halving.take(settled=False):
                if bench is anew:
                    bench.killed()
                    assert bench.halving.take(settled=False) == on, "it is taken again, before any other"
                    done = [len(t.rungs) - (t.status != "ok") for t in bench.phase.records() if t.rungs]
                    assert bench.halving.promoted == sum(done)
                bench.train(on, values(on.number, bench.halving.until(on)))
            if bench is anew:
                bench.killed()
        bench.halving.stop()
        assert not [t for t in bench.phase.records() if t.status in ("running", PAUSED)]
    assert lived.halving.epochs == anew.halving.epochs
    told = [[(t.number, t.status, t.params, t.values, t.rungs, t.reason) for t in b.phase.records()] for b in (lived, anew)]
    assert told[0] == told[1]
    assert any(t.status == "ok" for t in lived.phase.records())
    for bench in (lived, anew):
        bench.close()


def test_what_a_dead_driver_left_at_work_is_stopped_where_there_is_no_time_left(bench):
    for n in range(3):
        bench.train(bench.phase.ask(chain), [n])
    assert bench.halving.take(settled=False).number == 2
    bench.killed()
    assert [t.status for t in bench.phase.records()] == [PAUSED, PAUSED, "running"]
    assert bench.halving.stop() == "search: stopped 3 after 1 of 9 epochs"
    assert [t.reason for t in bench.phase.records()] == [f"stopped after 1 of 9 epochs, in place {n} of 3" for n in (3, 2, 1)]


def test_the_figures_of_a_trial_go_on_with_it(bench):
    asked = bench.phase.ask(chain)
    told = {"status": "ok", "values": [0.5], "accuracy": 0.5, "latency_ms": 4.0, "constraints": {"latency": -0.2}}
    assert bench.phase.pause(asked.number, told, 1).latency_ms == 4.0
    on = bench.phase.promote(asked.number)
    assert (on.passed, stored_metrics(on)["latency_ms"], stored_metrics(on)["constraints"]) == (1, 4.0, {"latency": -0.2})
    assert (on.number, on.digest, on.genotype, on.seed) == (asked.number, asked.digest, asked.genotype, asked.seed)


def test_only_a_running_trial_pauses(bench):
    asked = bench.phase.ask(chain)
    told = bench.phase.pause(asked.number, {"status": "ok", "values": [float("nan")], "accuracy": 0.5}, 1)
    assert told.status == "failed", "a result that is none is no rung"
    for again in (lambda: bench.phase.pause(0, {}, 3), lambda: bench.phase.promote(0), lambda: bench.phase.stop(0, "")):
        with pytest.raises(StudyError, match="no running trial 0"):
            again()
