"""The sizes of networks as features."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nasbench as nb
from nasbench.genotype.kind import KINDS
from nasbench.strategies.predictor.features import Rows
from nasbench.strategies.predictor.regression import SIZES, Regression, Scales, best_scales
from nasbench.strategies.predictor.sizes import UNKNOWN, WIDTH, Standard, sizes_of


def test_they_are_the_costs_and_the_counts():
    g = nb.known("mobilenet_v2")
    sizes, cost, layers = sizes_of(nb.trace(g)), nb.cost(g), nb.trace(g)
    assert sizes[:4] == pytest.approx([math.log1p(n) for n in (cost.macs, cost.params, cost.activations, cost.depth)])
    counts = dict(zip(KINDS, sizes[4:], strict=True))
    assert counts["conv"] == sum(layer.kind == "conv" for layer in layers) == 52
    assert counts["linear"] == 1
    assert sum(counts.values()) == len(layers)


@pytest.mark.parametrize("name", list(nb.known())[::12])
def test_every_network_has_them(name):
    sizes = sizes_of(nb.trace(name))
    assert sizes.shape == (WIDTH,)
    assert np.isfinite(sizes).all()


def test_standardised_rows_have_length_one_on_average():
    raw = np.random.default_rng(0).normal([5, -3, 7], [2, 0.1, 0], (50, 3))
    z = Standard(raw)(raw)
    assert np.einsum("ij,ij->i", z, z).mean() == pytest.approx(1.0)
    assert (z[:, 2] == 0).all(), "in which they do not differ"
    assert z.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)


def test_unknown_sizes_are_average():
    raw = np.stack([*(sizes_of(nb.trace(name)) for name in ("lenet5", "resnet18", "vgg11")), UNKNOWN])
    z = Standard(raw)(raw)
    assert (z[3] == 0).all()
    assert z[:3] == pytest.approx(Standard(raw[:3])(raw[:3]))
    assert (Standard(raw[3:])(raw) == 0).all(), "nothing is known"


def rows(count: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    return Rows(np.eye(3)[rng.integers(0, 3, (count, 6))].reshape(count, -1) / np.sqrt(6), rng.normal(size=(count, 4)))


def test_they_are_features_of_the_linear_regression(monkeypatch):
    """Written down, with the weights of normal priors; without the combinations of many parameters, which are too many to write down."""
    monkeypatch.setitem(Regression.predict.__globals__, "WEIGHT", 0.0)
    x, new = rows(25, 0), rows(10, 1)
    y, noise, weight = np.random.default_rng(2).normal(size=25), 0.1, 0.7
    fit = Regression(x, y, Scales(0.0, noise, weight))
    standard = Standard(x.sizes)
    a, b = (np.concatenate([r.options, np.sqrt(weight) * standard(r.sizes)], axis=1) for r in (x, new))
    covariance = np.linalg.inv(a.T @ a / (noise + 1e-9) + np.eye(a.shape[1]))
    mean, std = fit.predict(new)
    assert mean == pytest.approx(y.mean() + b @ covariance @ a.T @ (y - y.mean()) / (noise + 1e-9))
    signal = fit.noise_std**2 / noise
    assert std == pytest.approx(np.sqrt(signal * np.einsum("ij,jk,ik->i", b, covariance, b)), rel=1e-4)


def test_the_evidence_finds_whether_they_count():
    x, rng = rows(60, 3), np.random.default_rng(4)
    assert best_scales(x, x.sizes @ rng.normal(size=4)).sizes == max(SIZES)
    assert best_scales(x, x.options @ rng.normal(size=18)).sizes == 0
    assert best_scales(Rows.without_sizes(x.options), x.sizes @ rng.normal(size=4)).sizes == 0


def test_a_few_networks_say_much_where_size_decides():
    """Twelve networks with 18 options each: without sizes they say little about others."""
    x, new = rows(12, 5), rows(200, 6)
    weights = np.array([1.0, 0.5, 0.0, 0.0])
    y, true = x.sizes @ weights, new.sizes @ weights
    pairs = ((x, new), (Rows.without_sizes(x.options), Rows.without_sizes(new.options)))
    guessed = [Regression(known, y, best_scales(known, y)).predict(others)[0] for known, others in pairs]
    with_sizes, without = (float(np.corrcoef(guess, true)[0, 1]) for guess in guessed)
    assert with_sizes > 0.9
    assert without < 0.5
