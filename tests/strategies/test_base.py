"""Strategies by name: unknown names and impossible options are refused."""

from __future__ import annotations

import pytest
from optuna.samplers import RandomSampler

from nasbench.errors import StudyError
from nasbench.strategies import STRATEGIES, make_strategy, strategy


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        (
            "evolutoin",
            {},
            r"a strategy is one of evolution, local, nsga2, predictor, random, rl, tpe; got 'evolutoin'; did you mean evolution\?",
        ),
        ("random", {"population": 3}, "the strategy random has no option 'population'; it has no options"),
        (
            "evolution",
            {"populaton": 3},
            "no option 'populaton'; its options are population, sample, startup, attempts; did you mean population",
        ),
        ("evolution", {"population": 0}, "population is a whole number from 1; got 0"),
        ("evolution", {"population": 4, "sample": 5}, "got sample 5 of 4"),
        ("evolution", {"sample": 2.0}, "sample is a whole number from 1; got 2.0"),
        ("tpe", {"startup": True}, "startup is a whole number from 1; got True"),
        ("predictor", {"candidates": 0}, "candidates is a whole number from 1; got 0"),
        ("nsga2", {"population": 1}, "a child has two parents, so population is a whole number from 2; got 1"),
        ("nsga2", {"crossover": 1.5}, "crossover is a number from 0 to 1; got 1.5"),
        ("local", {"move": "frist"}, r"move is first or best; got 'frist'; did you mean first\?"),
        ("rl", {"algorithm": "reinforced"}, r"algorithm is ppo or reinforce; got 'reinforced'; did you mean reinforce\?"),
        ("rl", {"learning_rate": float("nan")}, "learning_rate is a number from 0 to 1; got nan"),
    ],
)
def test_refused(name, options, match):
    with pytest.raises(StudyError, match=match):
        make_strategy(name, 1, **options)


def test_the_ledger_stores_name_seed_and_options():
    assert make_strategy("evolution", 7, population=50).to_json() == {"name": "evolution", "seed": 7, "options": {"population": 50}}


def test_a_strategy_of_ones_own(monkeypatch):
    monkeypatch.setattr(STRATEGIES, "_definitions", dict(STRATEGIES._definitions))
    before = dict(STRATEGIES)

    def mine(seed, *, startup=1):
        return RandomSampler(seed=seed)

    try:
        assert strategy(mine) is mine
        assert isinstance(make_strategy("mine", 3, startup=2).sampler(1), RandomSampler)
        with pytest.raises(StudyError, match="the strategy mine has no option 'start'; its options are startup; did you mean startup"):
            make_strategy("mine", 3, start=2)
    finally:
        STRATEGIES.restore(before)
