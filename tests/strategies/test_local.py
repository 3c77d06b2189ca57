"""Local search: neighbours differ in one value, the walk is uphill, and it starts anew at a summit."""

from __future__ import annotations

import random
from functools import partial

import pytest
from learning import BOTH, DECODE, search
from toy_search import chain, pairs, record

from nasbench.genotype import digest
from nasbench.spaces import load_space
from nasbench.spaces.choosers import every, random_chooser
from nasbench.strategies.local import MOST_OPTIONS, Neighbourhood
from nasbench.study.sampling import propose

SMALL = partial(chain, layers=2)


def drawn(decode, seed=0):
    return propose(decode, random_chooser(random.Random(seed)))


@pytest.mark.parametrize("decode", [SMALL, load_space("tiny").decode], ids=["chain", "tiny"])
def test_neighbours_are_all_that_differ_in_one_value(decode):
    """Against brute force over the space: of proposals with the same parameters, exactly those that differ in one."""
    own = drawn(decode, 3)
    found = Neighbourhood(decode, own.params)
    near = {n.digest for i in range(len(found)) if (n := found.at(i))}
    everything = every(lambda choose: propose(decode, choose))
    expected = {
        p.digest for p in everything if p.params.keys() == own.params.keys() and sum(p.params[k] != v for k, v in own.params.items()) == 1
    }
    assert expected - {own.digest} <= near
    assert own.digest not in near
    for place in range(len(found)):
        neighbour = found.at(place)
        if neighbour is not None and neighbour.values.keys() == own.params.keys():
            assert neighbour.digest in expected


def test_neighbours_of_conditional_parameters_are_always_the_same():
    own = drawn(DECODE, 5)
    first, again = (Neighbourhood(DECODE, own.params) for _ in range(2))
    assert len(first) > 10
    assert [first.at(i) for i in range(len(first))] == [again.at(i) for i in reversed(range(len(again)))][::-1]


def test_equal_networks_are_no_neighbours():
    own = drawn(pairs)
    found = Neighbourhood(pairs, own.params)
    assert len(found) == 2
    assert sum(found.at(i) is not None for i in range(2)) == 1, "the other parameter changes nothing"


def test_a_parameter_with_many_options_has_some_neighbours():
    def wide(choose):
        return chain(lambda name, options: choose(name, range(8, 2000)) if name == "0.width" else options[0], layers=1)

    assert len(Neighbourhood(wide, {"0.width": 100})) == MOST_OPTIONS


def parents(trials):
    return [(t, trials[t.parent]) for t in trials if t.parent is not None]


@pytest.mark.parametrize("move", ["first", "best"])
def test_the_parent_is_the_best_of_its_tree(move):
    trials = search("local", 2, 60, startup=5, move=move)
    assert all(t.parent is None for t in trials[:5])
    assert trials[5].parent == max(range(5), key=lambda i: trials[i].values)
    for trial, parent in parents(trials):
        assert sum(trial.params.get(k) != v for k, v in parent.params.items() if k in trial.params) <= 1
        if move == "first" and trial.number < 40:
            assert parent.values == max(t.values for t in trials[: trial.number])
    if move == "best":  # all neighbours of one, then those of another, which is better
        order = list(dict.fromkeys(t.parent for t in trials if t.parent is not None))
        runs = [t.parent for t in trials if t.parent is not None]
        assert runs == sorted(runs, key=order.index)
        values = [trials[n].values for n in order]
        assert values == sorted(values)


def test_it_starts_anew_when_all_neighbours_are_known():
    """A value that depends on the network alone, so that there are many summits: after each the start is random."""

    def rugged(genotype, objectives):
        return {"status": "ok", "values": [int(digest(genotype)[:6], 16) / 1e7]}

    trials = search("local", 4, 60, evaluate=rugged, decode=SMALL, startup=1)
    starts = [t.number for t in trials if t.parent is None]
    assert len(starts) > 2
    for start in starts[1:]:
        summit = max((t for t in trials[:start] if t.number >= starts[starts.index(start) - 1]), key=lambda t: t.values)
        near = Neighbourhood(SMALL, summit.params)
        assert {n.digest for i in range(len(near)) if (n := near.at(i))} <= {t.digest for t in trials[:start]}


def test_two_objectives_expand_what_nothing_dominates():
    trials = search("local", 3, 50, BOTH, startup=6)
    for trial, parent in parents(trials):
        before = trials[: trial.number]
        assert not any(t.values[0] >= parent.values[0] and t.values[1] <= parent.values[1] and t.values != parent.values for t in before)
    assert len({t.parent for t in trials}) > 5, "more than one network of the front is expanded"


def test_from_outside_it_climbs_into_the_limits():
    def evaluate(genotype, _):
        excess = record(genotype)["latency_ms"] / 0.8 - 1
        return record(genotype) if excess <= 0 else {"status": "over_budget", "constraints": {"latency": excess}}

    trials = search("local", 1, 40, evaluate=evaluate, startup=2)
    assert all(t.status == "over_budget" for t in trials[:2]), "the limit must bind, or this shows nothing"
    first = next(t.number for t in trials if t.status == "ok")
    excesses = [trials[t.parent].constraints["latency"] for t in trials[2 : first + 1]]
    assert len(excesses) > 1
    assert excesses == sorted(excesses, reverse=True)
    assert sum(t.status == "ok" for t in trials) > 10
