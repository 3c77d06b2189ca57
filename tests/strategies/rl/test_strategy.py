"""The strategy `rl` learns: what the controller draws is better than what random search draws."""

from __future__ import annotations

import random
import statistics

import pytest
from learning import BOTH, DECODE, UP, check_learns_where_the_limit_is, search
from toy_search import accuracy, record

from nasbench.spaces.choosers import random_chooser
from nasbench.strategies import make_strategy
from nasbench.strategies.rl.learner import Settings, learner_of
from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.seeds import derive
from nasbench.study.trial import judge

PLAIN = {"algorithm": "reinforce", "learning_rate": 0.02}


@pytest.mark.parametrize("options", [{}, PLAIN], ids=["ppo", "reinforce"])
def test_late_trials_are_better_than_early_ones(options):
    values = [t.values[0] for t in search("rl", 1, 150, **options)]
    assert statistics.mean(values[-30:]) > statistics.mean(values[:30]) + 0.15


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, PLAIN], ids=["ppo", "reinforce"])
@pytest.mark.parametrize("seed", [1, 2])
def test_after_500_trials_a_drawn_network_is_among_the_best_twentieth_of_random_ones(options, seed):
    """The mean of 200 networks that the controller draws, against the 95 % quantile of 2,000 random ones."""
    study, strategy = InMemoryStudy("toy", UP, []), make_strategy("rl", seed, **options)
    for number in range(500):
        proposal = study.sample(strategy.sampler(derive(seed, number)), DECODE)
        study.set_attributes(number, {"digest": proposal.digest})
        study.finish(number, judge(record(proposal.genotype), 1))
    controller = learner_of(study.study, Settings(*strategy.sampler(0)._settings)).controller
    rng = random.Random(7)
    drawn = [accuracy(DECODE(controller.chooser(rng))) for _ in range(200)]
    at_random = sorted(accuracy(DECODE(random_chooser(rng))) for _ in range(2000))
    assert statistics.mean(drawn) > at_random[1900]


def test_it_learns_where_the_limit_is():
    check_learns_where_the_limit_is("rl", 240)


def test_the_algorithms_differ_once_they_have_learned():
    several = [search("rl", 3, 24, **options) for options in ({}, {"algorithm": "reinforce"}, {"entropy": 0.5}, {"epochs": 2})]
    params = [[t.params for t in trials] for trials in several]
    assert all(p[:10] == params[0][:10] for p in params), "the first batch is drawn before anything is learned"
    assert all(params[i] != params[j] for i in range(4) for j in range(i))


def test_two_objectives_are_a_compromise():
    """Accuracy alone would end with wide networks, latency alone with narrow ones: late trials are better in their weighted sum."""
    trials = search("rl", 2, 150, BOTH)
    score = [t.values[0] - t.values[1] / 4 for t in trials]
    assert statistics.mean(score[-30:]) > statistics.mean(score[:30]) + 0.05
