"""How well a short training ranks: against counting pairs by hand, repeated draws, and controls that know nothing."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from nasbench.search.probe.ranking import MOST_NOISE, PRIOR, USUAL_SHARE, Ranking, rank_correlation, ranking, tau_samples
from nasbench.training.recipe import PROXY

SHORT, LONG = PROXY.to_dict(), {**PROXY.to_dict(), "epochs": 8}


def found(short, long, macs=None, **more) -> Ranking:
    macs = range(len(short)) if macs is None else macs
    return ranking(SHORT, LONG, np.array(short, float), np.array(long, float), macs, [8.0, 9.0, 10.0], [60.0, 72.0, 80.0], **more)


def test_it_counts_pairs():
    draw = np.random.default_rng(1)
    short, long = draw.normal(size=(9, 1)), draw.normal(size=(9, 1))
    pairs = list(itertools.combinations(range(9), 2))
    concordant = sum(int((short[i, 0] - short[j, 0]) * (long[i, 0] - long[j, 0]) > 0) for i, j in pairs)
    r = found(short, long)
    assert r.tau == pytest.approx((2 * concordant - len(pairs)) / len(pairs))
    assert (r.networks, r.draws, r.seconds, r.longer_seconds) == (9, 1, 9.0, 72.0)


def test_tau_is_that_of_one_training_and_not_of_their_mean():
    """Two draws whose errors cancel: their mean would rank perfectly."""
    true, error = np.arange(8.0), np.array([0, 3, 0, 3, 0, 3, 0, 3])
    r = found(np.stack([true + error, true - error], 1), true[:, None])
    assert r.tau < 0.8
    assert rank_correlation(true, true) == pytest.approx(1.0)


def test_the_noise_is_that_of_one_training():
    draw = np.random.default_rng(2)
    true = draw.normal(0.8, 0.05, (400, 1))
    r = found(true + draw.normal(0, 0.011, (400, 2)), true)
    assert r.noise == pytest.approx(0.011, rel=0.1)
    assert r.draws_for_a_point == pytest.approx(2 * (1.96 * 1.1) ** 2, rel=0.2)


def test_so_many_draws_tell_a_point_apart():
    """Of many repetitions, the interval of the difference of two means excludes 0 in half where they differ by a point, and no less."""
    r = dataclasses.replace(found([[1, 2]] * 4, [[1]] * 4), noise=0.011)
    n, draw = r.draws_for_a_point, np.random.default_rng(3)
    a, b = draw.normal(0.80, r.noise, (4000, n)).mean(1), draw.normal(0.81, r.noise, (4000, n)).mean(1)
    half_width = 1.96 * r.noise * np.sqrt(2 / n)
    assert half_width <= 0.01 < 1.96 * r.noise * np.sqrt(2 / (n - 1))
    assert 0.45 < (b - a > half_width).mean() < 0.65


@pytest.mark.slow
def test_the_interval_covers():
    """Of the tau of many networks, from samples of nine."""
    draw = np.random.default_rng(4)
    everything = draw.normal(size=(3000, 1))
    noisy = everything + draw.normal(0, 1.0, everything.shape)
    true = rank_correlation(noisy[:, 0], everything[:, 0])
    covered = 0
    for _ in range(40):
        some = draw.choice(3000, 25, replace=False)
        r = found(noisy[some], everything[some])
        covered += r.low <= true <= r.high
    assert covered >= 33


def test_a_ranking_that_knows_nothing_has_none():
    """The controls: accuracies that all agree, and random ones."""
    assert found([[0.5], [0.5], [0.5], [0.5]], [[1], [2], [3], [4]]).tau == 0.0
    draw = np.random.default_rng(5)
    r = found(draw.normal(size=(9, 2)), draw.normal(size=(9, 1)), macs=range(9))
    assert r.low < 0 < r.high


def test_the_words():
    r = found([[1, 2], [2, 3], [3, 4], [4, 5]], [[1], [2], [3], [4]], macs=[4, 3, 2, 1])
    r = dataclasses.replace(r, tau=0.55, low=0.2, high=0.8, noise=0.011)
    assert r.words() == (
        "its order agrees with that of a training 8 times as long by Kendall's tau 0.55 [0.20, 0.80] (4 networks); multiply-adds alone "
        "agree by -1.00. The accuracy of one training has a standard deviation of 1.1 points: 10 trainings of each tell networks apart "
        "that differ by one point"
    )
    assert "agree by 0.60, and count, too" in dataclasses.replace(r, macs=0.6).words()
    assert "one training of each tells networks apart" in dataclasses.replace(r, noise=0.001).words()


def test_the_share_of_noise_is_what_the_longer_training_does_not_share():
    draw = np.random.default_rng(6)
    true = np.exp(-draw.normal(1.5, 0.3, 3000))  # errors
    r = found(1 - true[:, None] * np.exp(draw.normal(0, 0.3, (3000, 1))), 1 - true[:, None])
    assert r.correlation == pytest.approx(0.5**0.5, abs=0.03)
    assert r.noise_share == pytest.approx(0.5, abs=0.03)
    assert dataclasses.replace(r, networks=5).noise_share == pytest.approx((5 * 0.5 + PRIOR * USUAL_SHARE) / (5 + PRIOR), abs=0.02)
    assert dataclasses.replace(r, correlation=-0.3).noise_share == MOST_NOISE, "it never says that there is nothing but noise"
    assert found([[0.5], [0.5], [0.5], [0.5]], [[1], [2], [3], [4]]).correlation == 0.0


def test_stored_and_read():
    r = found([[1, 2], [2, 3], [3, 4], [4, 5]], [[1], [2], [3], [4]])
    assert Ranking.from_json(r.to_json()) == r


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Ranking)])
@pytest.mark.parametrize("value", [None, "text", float("nan")])
def test_a_damaged_one_is_refused(name, value):
    r = found([[1, 2], [2, 3], [3, 4], [4, 5]], [[1], [2], [3], [4]])
    with pytest.raises((KeyError, TypeError, ValueError)):
        Ranking.from_json(r.to_json() | {name: value})


def test_samples_are_the_same_for_every_training():
    """So that two short trainings are compared on the same networks."""
    short, truth = np.arange(8.0)[:, None], np.arange(8.0)
    assert (tau_samples(short, truth) == tau_samples(short * 2, truth)).all()
