"""The posterior of true scores, against a normal distribution of all draws that is written down and conditioned by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench.search.final.posterior import (
    DRAW,
    OWN,
    PRIOR_NOISE,
    PRIOR_SHARE,
    USUAL_NOISE,
    Posterior,
    Variances,
    _Data,
    best_variances,
    posterior,
)
from nasbench.strategies.predictor.features import Rows, normalised
from nasbench.strategies.predictor.regression import PAIRS, SIZES

V = Variances(pairs=0.5, own=0.1, draw=0.3)


def made(seed, networks=6, most=4, untrained=0, sizes=0):
    rng = np.random.default_rng(seed)
    x = Rows(normalised(rng.normal(size=(networks + untrained, 8))), rng.normal(size=(networks + untrained, sizes)))
    draws = [list(rng.normal(size=rng.integers(1, most + 1))) for _ in range(networks)] + [[] for _ in range(untrained)]
    return x, draws


def joint(x, draws, v):
    """All draws as one vector, their covariance in units of the signal, and which network each belongs to."""
    agreement = x.options @ x.options.T
    trained = x.sizes[[i for i, several in enumerate(draws) if several]]
    z = (x.sizes - trained.mean(0)) / trained.std(0) / np.sqrt(max(1, x.sizes.shape[1]))
    truth = agreement + v.pairs * agreement**2 + v.sizes * z @ z.T + (v.own + 1e-9) * np.eye(len(x))
    of = np.array([i for i, several in enumerate(draws) for _ in several])
    y = np.array([d for several in draws for d in several])
    return y, truth[np.ix_(of, of)] + v.draw * np.eye(len(y)), truth, of


def by_hand(x, draws, v):
    y, covariance, truth, of = joint(x, draws, v)
    inverse = np.linalg.inv(covariance)
    center = inverse.sum(0) @ y / inverse.sum()
    signal = (y - center) @ inverse @ (y - center) / len(y)
    across = truth[:, of]
    return center + across @ inverse @ (y - center), signal * (truth - across @ inverse @ across.T), signal


@pytest.mark.parametrize("sizes", [0, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_posterior_is_the_conditional_distribution(seed, sizes):
    x, draws = made(seed, untrained=seed % 3, sizes=sizes)
    v = replace(V, sizes=0.7)
    mean, covariance, signal = by_hand(x, draws, v)
    found = posterior(x, draws, v)
    np.testing.assert_allclose(found.mean, mean, atol=1e-8)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-8)
    assert found.draw_std == pytest.approx(np.sqrt(signal * V.draw))


def test_the_evidence_is_the_likelihood_of_all_draws_and_the_prior():
    """Up to a constant, which is the same for all variances."""
    x, draws = made(3)

    def evidence(v):
        y, covariance, _, _ = joint(x, draws, v)
        _, _, signal = by_hand(x, draws, v)
        likelihood = -0.5 * len(y) * np.log(signal) - 0.5 * np.linalg.slogdet(covariance)[1]
        share = v.draw / (v.own + v.draw)
        noise = PRIOR_NOISE * (np.log(v.draw) + USUAL_NOISE / v.draw)
        return likelihood - 0.5 * (PRIOR_SHARE * (np.log(share) + 0.5 / share) + noise)

    several = [Variances(*v) for v in itertools.product((0.25, 1.0), (0.0, 0.3), (0.03, 1.0))]
    differences = [_Data(x, draws).evidence(v) - evidence(v) for v in several]
    assert np.ptp(differences) < 1e-6
    assert np.ptp([evidence(v) for v in several]) > 1, "they must differ, or this shows nothing"


@pytest.mark.parametrize("sizes", [0, 3])
def test_no_other_weights_and_no_other_variances_have_more_evidence(sizes):
    x, draws = made(4, networks=20, sizes=sizes)
    best = best_variances(x, draws)
    data = _Data(x, draws)
    highest = data.evidence(best) + 1e-9
    assert all(highest >= data.evidence(replace(best, own=own, draw=draw)) for own, draw in itertools.product(OWN, DRAW))
    assert all(
        highest >= data.evidence(replace(best, pairs=pairs, sizes=size)) for pairs, size in itertools.product(PAIRS, SIZES[: 1 + 3 * sizes])
    )


def test_sizes_count_where_they_explain_the_scores():
    """And not where they do not: the control."""
    rng = np.random.default_rng(8)
    x = Rows(normalised(rng.normal(size=(40, 30))), rng.normal(size=(40, 2)))
    explained = [[float(x.sizes[i] @ [1.0, -0.5] + 0.05 * rng.normal())] for i in range(40)]
    assert best_variances(x, explained).sizes > 0
    assert best_variances(x, [[float(v)] for v in x.options @ rng.normal(size=30)]).sizes == 0
    assert best_variances(Rows.without_sizes(x.options), explained).sizes == 0


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_trainings_differ_at_least_as_much_as_is_known(share):
    x, draws = made(5, networks=20, most=1, sizes=3)
    bound = best_variances(x, draws, share)
    assert bound.draw / (1 + bound.pairs + bound.sizes + bound.draw) >= share - 1e-9
    exact = [[value] * 3 for (value,) in draws]
    assert best_variances(x, exact).draw < best_variances(x, exact, share).draw, "also where those of one network agree"


def test_luck_is_not_believed_where_networks_that_are_alike_had_none():
    """One network of ten that differ in one parameter was lucky; another, quite different one was as good four times."""
    rng = np.random.default_rng(0)
    family = normalised(np.concatenate([np.ones((10, 9)), 0.3 * np.eye(10)], axis=1))
    x = Rows.without_sizes(np.concatenate([family, normalised(rng.normal(size=(10, 19)))]))
    draws = [[0.0 + 0.1 * rng.normal()] for _ in range(20)]
    draws[3], draws[15] = [1.0], [1.0, 0.9, 1.1, 0.95]
    found = posterior(x, draws)
    assert found.mean[15] > found.mean[3]
    assert found.covariance[15, 15] < found.covariance[3, 3]


@given(st.integers(0, 1000))
def test_a_draw_makes_its_network_surer_and_order_does_not_matter(seed):
    x, draws = made(seed, networks=5)
    before = posterior(x, draws, V)
    more = [[*several, several[0]] if i == 2 else several for i, several in enumerate(draws)]
    units = (before.draw_std / np.sqrt(V.draw), posterior(x, more, V).draw_std / np.sqrt(V.draw))  # the signal is found anew
    assert posterior(x, more, V).covariance[2, 2] / units[1] ** 2 < before.covariance[2, 2] / units[0] ** 2
    order = np.random.default_rng(seed).permutation(5)
    np.testing.assert_allclose(posterior(x[order], [draws[i] for i in order], V).mean, before.mean[order], atol=1e-9)


def test_a_network_that_is_like_no_other_is_judged_by_its_own_draws():
    x, draws = made(1, networks=8)
    alone = x.joined(Rows.without_sizes(np.zeros((1, 8))))
    low, high = (posterior(alone, [*draws, [value] * 20], V) for value in (-2.0, 2.0))
    assert low.mean[-1] == pytest.approx(-2, abs=0.2)
    assert high.mean[-1] == pytest.approx(2, abs=0.2)


def test_leader_and_challenger():
    covariance = np.diag([0.01, 0.04, 0.5, 0.01])
    covariance[0, 1] = covariance[1, 0] = 0.0199
    p = Posterior(np.array([1.0, 0.9, 0.5, 0.99]), covariance, V, 0.1)
    spread = [np.sqrt(covariance[0, 0] + covariance[i, i] - 2 * covariance[0, i]) for i in range(4)]
    standardised = {i: (p.mean[i] - 1.0) / spread[i] for i in (1, 2, 3)}
    assert p.leader(range(4)) == 0
    assert p.challenger(range(4)) == max(standardised, key=standardised.get) == 3
    assert p.challenger([0, 1, 2]) == max((1, 2), key=standardised.get)
    assert p.challenger([2]) is None
    samples = p.samples(200_000, 5)
    assert p.probability_better(1, 0) == pytest.approx((samples[:, 1] > samples[:, 0]).mean(), abs=0.005)
    np.testing.assert_allclose(samples.mean(0), p.mean, atol=0.01)
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.01)
