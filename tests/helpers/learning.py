"""Searches in memory, and what a strategy that learns must do better than random search in them."""

from __future__ import annotations

import statistics
from functools import partial

from toy_search import chain, latency, record

from nasbench.strategies import make_strategy
from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.sampling import Proposal
from nasbench.study.seeds import derive
from nasbench.study.trial import judge, read_trial

UP, BOTH = ("maximize",), ("maximize", "minimize")


DECODE = partial(chain, layers=5)


def search(name, seed, count, directions=UP, evaluate=record, decode=DECODE, restart=False, **options):
    """A serial search in memory; returns its trials.

    Args:
        restart: make the study anew from its trials before each trial, as a driver does that begins again.
    """
    study, strategy = InMemoryStudy("toy", directions, []), make_strategy(name, seed, **options)
    for number in range(count):
        if restart:
            study = InMemoryStudy("toy", directions, study.trials())
        proposal = study.sample(strategy.sampler(derive(seed, number)), decode)
        if isinstance(proposal, Proposal):
            study.set_attributes(number, {"digest": proposal.digest})
            result = evaluate(proposal.genotype, len(directions))
        else:
            result = {"status": "infeasible", "reason": str(proposal), "constraints": {"invalid": 1.0}}
        study.finish(number, judge(result, len(directions)))
    return [read_trial("toy", trial) for trial in study.trials()]


def check_better_than_random(name):
    """On a separable function, with the same number of trials: the median of three seeds against the best of random's five."""

    def best(strategy, seeds=3):
        return [max(t.values[0] for t in search(strategy, seed, 50)) for seed in range(seeds)]

    assert statistics.median(best(name)) > max(best("random", 5))


def check_learns_where_the_limit_is(name, count=60):
    """Networks above the limit have no values; a strategy that learns proposes few of them: of `count` trials the last 30 count."""

    def evaluate(genotype, _):
        excess = latency(genotype) - 1.0
        result = record(genotype) if excess <= 0 else {"status": "over_budget"}
        return result | {"constraints": {"latency": excess}}

    def share_within(strategy):
        return statistics.mean(t.status == "ok" for t in search(strategy, 1, count, evaluate=evaluate)[-30:])

    assert share_within("random") < 0.2, "the limit must bind, or this shows nothing"
    assert share_within(name) > 0.5


def check_two_objectives(name):
    """Accuracy up and latency down: the area that the front dominates, against that of random search."""

    def area(strategy):
        total = 0.0
        for seed in range(3):
            top = 0.0
            for value, cost in sorted((t.values for t in search(strategy, seed, 50, BOTH)), key=lambda v: v[1]):
                total += max(0.0, value - top) * max(0.0, 2.5 - cost)
                top = max(top, value)
        return total

    assert area(name) > 1.1 * area("random")


def check_learns_from_paused_trials(name, directions):
    """Only every fourth trial is trained to its end, whatever it is worth. The others have the values of a rung. Returns all trials."""
    study, strategy = InMemoryStudy("toy", directions, []), make_strategy(name, 1)
    for number in range(60):
        proposal = study.sample(strategy.sampler(derive(1, number)), DECODE)
        study.set_attributes(number, {"digest": proposal.digest})
        verdict = judge(record(proposal.genotype, len(directions)), len(directions))
        if number % 4:
            rung = {"epoch": 1, "values": verdict.values}
            study.update(number, verdict.attrs | {"status": "paused", "rungs": [rung]}, verdict.constraints)
        else:
            study.finish(number, verdict)
    trials = [read_trial("toy", trial) for trial in study.trials()]
    assert [t.status for t in trials[:5]] == ["ok", "paused", "paused", "paused", "ok"]
    assert all(t.values is None for t in trials if t.status == "paused")
    if directions == UP:
        early, late = (statistics.mean(t.accuracy for t in part) for part in (trials[:15], trials[-15:]))
        assert late > early + 0.1
    return trials
