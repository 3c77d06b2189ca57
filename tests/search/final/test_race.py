"""The race: the leader or its challenger is trained again, as the posterior says, and a resumed race goes on as it began."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.search.config import SearchConfig
from nasbench.search.final.posterior import posterior
from nasbench.search.final.race import DECIDED, Race
from nasbench.search.final.repeats import CONTENDERS, FINALISTS, contenders, searching, split
from nasbench.search.limits import Limits
from nasbench.search.rungs import Rungs
from nasbench.strategies.predictor.features import Rows, normalised
from nasbench.training.recipe import Recipe


def race(seed=0, networks=12, **more):
    rng = np.random.default_rng(seed)
    x = Rows.without_sizes(normalised(rng.normal(size=(networks, 6))))
    return Race(x, [(i, float(a)) for i, a in enumerate(0.8 + 0.02 * rng.normal(size=networks))], **more)


def test_the_one_with_fewer_draws_of_leader_and_challenger_is_next():
    r = race()
    for step in range(20):
        p = r.posterior
        lead = int(np.argmax(p.mean))
        difference = [(p.mean[i] - p.mean[lead]) / np.sqrt(p.covariance[i, i] + p.covariance[lead, lead] - 2 * p.covariance[i, lead])
                      if i != lead else -np.inf for i in range(12)]  # fmt: skip
        other = int(np.argmax(difference))
        chosen = r.next()
        assert chosen in (lead, other)
        assert r.draws(chosen) == min(r.draws(lead), r.draws(other))
        r.add(chosen, 0.8 + 0.01 * (step % 3))


def test_what_runs_counts_as_drawn():
    r = race()
    first = r.next()
    second = r.next([first])
    assert {first, second} == {r.posterior.leader(range(12)), r.posterior.challenger(range(12))}


def test_only_some_may_win():
    chosen = {race(seed, among=[3, 5, 7]).next() for seed in range(8)}
    assert len(chosen - {None}) > 1
    assert chosen <= {3, 5, 7, None}
    r = race(among=[3, 5, 7])
    assert set(r.ranked()) == {3, 5, 7}
    assert r.ranked(trained=2) == []


def test_a_race_follows_from_its_draws():
    """It goes on after a kill as it would have gone on; the draws are of six networks, in another order than that of the networks."""
    whole = race(1)
    draws = [(i, a) for i, a, _ in whole._draws]
    for step in range(13):
        chosen = whole.next()
        again = Race(whole._x, draws)
        assert again.next() == chosen
        np.testing.assert_array_equal(again.posterior.mean, whole.posterior.mean)
        draws.append((chosen, 0.8 + 0.013 * (step % 4)))
        whole.add(*draws[-1])


def test_nothing_is_trained_again_where_the_best_is_known():
    """Networks that differ by ten points, and always have the same accuracy."""
    x = Rows.without_sizes(normalised(np.random.default_rng(0).normal(size=(5, 6))))
    draws = [(i, 0.4 + 0.1 * i) for i in range(5) for _ in range(3)]
    r = Race(x, draws)
    assert r.next() is None
    assert r.posterior.probability_better(3, 4) < DECIDED
    assert Race(x[:1], draws[:1]).next() is None, "one network has no challenger"


def test_accuracies_and_other_scores():
    r = race()
    assert ((r.accuracies() > 0.7) & (r.accuracies() < 0.9)).all()
    scores = Race(r._x, [(i, 50 + a) for i, a, _ in r._draws])
    assert scores.accuracies() == pytest.approx(posterior(r._x, [[50 + a] for _, a, _ in r._draws]).mean)


def test_networks_that_were_not_trained_follow():
    r = race()
    others = Rows.without_sizes(normalised(np.random.default_rng(9).normal(size=(4, 6))))
    p = r.with_others(others)
    np.testing.assert_allclose(p.mean[:12], r.posterior.mean, atol=1e-9)
    assert len(p.mean) == 16
    assert np.diag(p.covariance)[12:].min() > np.diag(p.covariance)[:12].max() * 0.5


CONFIG = SearchConfig(space="macro", limits=Limits(macs=10**9))


def test_a_short_search_only_searches():
    assert [searching(n) for n in (1, 20, 36)] == [1, 20, 36]
    assert [split(n, CONFIG) for n in (1, 36, 37)] == [(1, 4), (36, 4), (37, 4)]


def test_the_longer_the_larger_is_the_share_of_repeats():
    shares = [split(n, CONFIG)[1] / n for n in (50, 100, 200, 1000)]
    assert shares == sorted(shares)
    for n in (50, 100, 200, 1000):
        new, repeats = split(n, CONFIG)
        assert new + repeats == n
        assert new == searching(n)
    assert [split(n, CONFIG)[0] for n in range(1, 400)] == sorted(split(n, CONFIG)[0] for n in range(1, 400)), "more never searches less"


def test_with_rungs_everything_searches():
    halving = SearchConfig(space="macro", limits=Limits(macs=10**9), recipe=Recipe(epochs=9), rungs=Rungs((1, 3, 9)))
    assert split(500, halving) == (500, 4)


def test_more_repeats_have_more_contenders():
    assert contenders(4, CONFIG) == FINALISTS
    assert contenders(1000, CONFIG) == CONTENDERS
    assert [contenders(n, CONFIG) for n in range(4, 60)] == sorted(contenders(n, CONFIG) for n in range(4, 60))
