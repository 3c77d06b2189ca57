"""Strategies: the registry, and that they find more than chance does."""

from __future__ import annotations

import math
import statistics
from functools import partial

import pytest
from toy_search import chain, latency, record

from nasbench.errors import StudyError
from nasbench.strategies import make_strategy
from nasbench.strategies.ranking import merits, reached
from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.seeds import derive
from nasbench.study.trial import judge, read_trial

LEARNING = pytest.mark.parametrize("name", ["evolution", "tpe"])
UP, BOTH = ("maximize",), ("maximize", "minimize")


def search(name, seed, count, directions=UP, evaluate=record, **options):
    """A serial search in memory; its trials."""
    mirror, chosen = InMemoryStudy("toy", directions, []), make_strategy(name, seed, **options)
    for number in range(count):
        found = mirror.sample(chosen.sampler(derive(seed, number)), partial(chain, layers=5))
        mirror.settle(number, judge(evaluate(found.genotype, len(directions)), len(directions)))
    return [read_trial("toy", trial) for trial in mirror.trials()]


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("evolutoin", {}, r"a strategy is one of evolution, random, tpe; got 'evolutoin'; did you mean evolution\?"),
        ("random", {"population": 3}, "the strategy random has no option 'population'; it has no options"),
        ("evolution", {"populaton": 3}, "no option 'populaton'; its options are population, sample, startup; did you mean population"),
        ("evolution", {"population": 0}, "population is a whole number from 1; got 0"),
        ("evolution", {"population": 4, "sample": 5}, "got sample 5 of 4"),
        ("evolution", {"sample": 2.0}, "sample is a whole number from 1; got 2.0"),
        ("tpe", {"startup": True}, "startup is a whole number from 1; got True"),
    ],
)
def test_refused(name, options, match):
    with pytest.raises(StudyError, match=match):
        make_strategy(name, 1, **options)


def test_what_the_ledger_stores():
    assert make_strategy("evolution", 7, population=50).to_json() == {"name": "evolution", "seed": 7, "options": {"population": 50}}


@LEARNING
def test_better_than_random(name):
    """On a separable function, at an equal number of trials: the median of three seeds against the best of random's five."""

    def best(arm, seeds=3):
        return [max(t.values[0] for t in search(arm, seed, 50)) for seed in range(seeds)]

    assert statistics.median(best(name)) > max(best("random", 5))


@LEARNING
def test_learns_where_the_budget_is(name):
    """Networks over the budget are told without values; a strategy comes to draw few of them."""

    def evaluate(genotype, _):
        over = latency(genotype) - 1.0
        told = record(genotype) if over <= 0 else {"status": "over_budget"}
        return told | {"constraints": {"latency": over}}

    def share(arm):
        return statistics.mean(t.status == "ok" for t in search(arm, 1, 60, evaluate=evaluate)[-30:])

    assert share("random") < 0.2, "the budget must bind, or this shows nothing"
    assert share(name) > 0.5


@LEARNING
def test_two_objectives(name):
    """Accuracy up, latency down: the area that the front dominates, against random's."""

    def area(arm):
        total = 0.0
        for seed in range(3):
            top = 0.0
            for value, cost in sorted((t.values for t in search(arm, seed, 50, BOTH)), key=lambda v: v[1]):
                total += max(0.0, value - top) * max(0.0, 2.5 - cost)
                top = max(top, value)
        return total

    assert area(name) > 1.1 * area("random")


@LEARNING
@pytest.mark.parametrize("directions", [UP, BOTH])
def test_learns_from_trials_that_wait_at_a_rung(name, directions):
    """Only every fourth trial is ever trained to its end, whatever it is worth; the others say what they reached."""
    mirror, chosen = InMemoryStudy("toy", directions, []), make_strategy(name, 1)
    for number in range(60):
        found = mirror.sample(chosen.sampler(derive(1, number)), partial(chain, layers=5))
        verdict = judge(record(found.genotype, len(directions)), len(directions))
        if number % 4:
            rung = {"epoch": 1, "values": verdict.values}
            mirror.mark(number, verdict.attrs | {"status": "paused", "rungs": [rung]}, verdict.constraints)
        else:
            mirror.settle(number, verdict)
    trials = [read_trial("toy", trial) for trial in mirror.trials()]
    assert [t.status for t in trials[:5]] == ["ok", "paused", "paused", "paused", "ok"]
    assert all(t.values is None for t in trials if t.status == "paused")
    if name == "evolution":
        assert any(trials[t.parent].status == "paused" for t in trials if t.parent is not None), "they are parents too"
    if directions == UP:
        early, late = (statistics.mean(t.accuracy for t in part) for part in (trials[:15], trials[-15:]))
        assert late > early + 0.1


def test_further_trained_comes_first():
    mirror = InMemoryStudy("toy", UP, [])
    for number, (epochs, value) in enumerate([(1, 0.9), (3, 0.5), (9, 0.4), (3, 0.6)]):
        mirror.add({}, {})
        if epochs == 9:
            mirror.settle(number, judge({"status": "ok", "values": [value]}, 1))
        else:
            rungs = [{"epoch": e, "values": [value]} for e in (1, 3) if e <= epochs]
            mirror.mark(number, {"status": "stopped", "rungs": rungs}, {})
    trials = mirror.trials()
    keys = merits(trials, mirror.study.directions)
    assert sorted(range(4), key=lambda i: keys[i]) == [2, 3, 1, 0]
    assert [reached(t) for t in trials] == [(1.0, [0.9]), (3.0, [0.5]), (math.inf, [0.4]), (3.0, [0.6])]


def test_evolution_inherits_and_ages():
    """With a sample of the whole population the parent is its best, and no one is in it for long."""
    trials = search("evolution", 3, 30, population=8, sample=8, startup=8)
    assert all(t.parent is None for t in trials[:8])
    for trial in trials[8:]:
        parent = max(trials[trial.number - 8 : trial.number], key=lambda t: (t.values[0], t.number))
        assert trial.parent == parent.number
        assert sum(trial.params[k] != parent.params[k] for k in trial.params.keys() & parent.params.keys()) == 1
    worse = iter(range(0, -30, -1))
    trials = search("evolution", 3, 30, population=8, sample=8, startup=8, evaluate=lambda *_: {"status": "ok", "values": [next(worse)]})
    assert [t.parent for t in trials[8:]] == list(range(22)), "where each is worse than the one before, the oldest alive"


def test_one_seed_one_search():
    first, again, other = (search("tpe", seed, 15) for seed in (1, 1, 2))
    assert [t.params for t in first] == [t.params for t in again]
    assert [t.params for t in first] != [t.params for t in other]
