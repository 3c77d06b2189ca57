"""The verdict: against brute force where it can be written down, and on searches whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from paper_search import Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.bench.memory import MemoryStore
from nasbench.genotype import digest
from nasbench.genotype.cost import cost
from nasbench.search.final.evaluated import MOST, Evaluated
from nasbench.search.final.finalists import Finalist, FinalResult
from nasbench.search.final.verdict import SearchVerdict, _handed_over, random_networks, search_verdict
from nasbench.spaces import load_space
from nasbench.strategies import make_strategy
from nasbench.study.phase import Phase

TINY = load_space("tiny")


def phase(name, accuracy, count, seed=0):
    """A phase at random with a made-up accuracy."""
    p = Phase(MemoryStore(), name, ("maximize",), make_strategy("random", seed), seed)
    while sum(t.status == "ok" for t in p.records()) < count:
        trial = p.ask(TINY.decode)
        value = accuracy(trial.network)
        p.tell(trial.number, {"status": "ok", "values": [value], "accuracy": value, "seconds": 0.0})
    return p


def by_macs(g):
    return 0.5 + 0.1 * np.log10(cost(g).macs / 1e5)


def result(digest, phase, accuracy):
    return FinalResult(Finalist(f"{phase} 1", "", digest, 0, 0, None, None, phase), accuracy, (accuracy,), None, 0, expected=accuracy)


@pytest.fixture(scope="module")
def phases():
    noisy = np.random.default_rng(3)
    return [phase(name, lambda g: by_macs(g) + 0.01 * noisy.normal(), n, seed) for name, n, seed in (("search", 30, 1), ("random", 8, 2))]


def test_what_random_search_hands_over_is_the_better_of_the_two_best():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(500, 7))
    np.testing.assert_array_equal(_handed_over(scores, 0.0, 2, np.random.default_rng(1)), scores.max(axis=1))
    noisy = _handed_over(scores, 1.0, 2, np.random.default_rng(1))
    assert scores.mean() < noisy.mean() < scores.max(axis=1).mean()

    def once(i, rng):
        seen = [s + rng.normal() for s in scores[i]]
        two = sorted(range(7), key=lambda k: -seen[k])[:2]
        return scores[i][max(two, key=lambda k: np.mean([scores[i][k] + rng.normal() for _ in range(2)]))]

    by_hand = [once(i, rng) for _ in range(20) for i in range(500)]
    several = [_handed_over(scores, 1.0, 2, np.random.default_rng(seed)).mean() for seed in range(20)]
    assert np.mean(several) == pytest.approx(np.mean(by_hand), abs=0.03)


def test_random_networks_are_different_and_within_the_limits():
    found = random_networks(TINY.decode, lambda g: cost(g).macs < 3e6, 20, 5)
    assert len({one.digest for one in found}) == len(found) == 20
    for one in found:
        g = TINY.decode(lambda question, options, values=one.values: values[question])
        assert digest(g) == one.digest == digest(one.genotype)
        assert cost(g).macs < 3e6
    assert random_networks(TINY.decode, lambda g: False, 5, 5) == []
    assert len(random_networks(TINY.decode, lambda g: True, 300, 1)) <= TINY.count() < 300


def verdict_of(phases, best, known=(), networks=30):
    evaluated = Evaluated(phases, (), [best])
    others = random_networks(TINY.decode, lambda g: True, networks, 4)
    control = [t.digest for t in phases[1].records() if t.status == "ok"]
    results = [result(best, "search", evaluated.expected(best)), *known]
    return search_verdict(evaluated, results[0], results, control, others, networks, 2, 6)


def test_a_good_network_is_worth_it_and_a_bad_one_is_not(phases):
    order = sorted((t for t in phases[0].records() if t.status == "ok"), key=lambda t: by_macs(t.network))
    good, bad = verdict_of(phases, order[-1].digest).random, verdict_of(phases, order[0].digest).random
    assert good.difference > bad.difference
    assert bad.high < 0
    assert good.low < good.difference < good.high
    assert (good.evaluated, good.networks) == (8, 30)


def test_a_few_random_networks_are_easier_to_beat_than_many(phases):
    best = max((t for t in phases[0].records() if t.status == "ok"), key=lambda t: by_macs(t.network)).digest
    assert verdict_of(phases, best, networks=5).random.difference > verdict_of(phases, best, networks=60).random.difference


def test_nothing_to_compare_with(phases):
    best = phases[0].records()[0].digest
    evaluated = Evaluated([phases[0]], (), [best])
    alone = search_verdict(evaluated, result(best, "search", 0.8), [result(best, "search", 0.8)], [], [], 30, 2, 6)
    assert alone.random is None
    assert alone.known is None
    assert (alone.best_probability, alone.expected_loss) == (1.0, 0.0)


def test_a_verdict_is_stored_and_read(tmp_path, phases):
    v = verdict_of(phases, phases[0].records()[0].digest)
    v.save(tmp_path / "verdict.json")
    assert SearchVerdict.from_json(json.loads((tmp_path / "verdict.json").read_text())) == v


def test_many_trials_are_thinned_to_the_best_and_the_latest():
    many = phase("search", by_macs, 250)
    assert len(Evaluated([many]).place) == 250
    twice = [many, phase("random", by_macs, 250, 9)]
    assert len(Evaluated(twice).place) <= 256 + 250
    assert MOST == 256


def test_a_search_states_its_verdict(tmp_path):
    """The evaluator is a formula without noise, and the best of tiny is easy to find: known networks are far larger, and better."""
    outcome = run(tmp_path / "study", problem(Stopwatch(), trials=20, control="small", strategy="predictor", final_seeds=2))
    study = open_study(tmp_path / "study")
    v = study.verdict()
    assert v["random"]["evaluated"] == 5
    assert v["random"]["networks"] == 20
    assert v["random"]["low"] <= v["random"]["difference"] <= v["random"]["high"]
    assert 0 <= v["best_probability"] <= 1
    assert outcome.winner is not None
    assert all("expected_accuracy" in row for row in study.summary())
