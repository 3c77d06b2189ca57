"""The cost distribution of a space."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from readable import assert_readable, new_axes

import nasbench as nb
from nasbench.analysis.plots.distribution import edf, plot_edf, space_frame
from nasbench.errors import NasbenchError
from nasbench.genotype import adapt
from nasbench.spaces.choosers import record_options, replay


def chance(space, g):
    """Of drawing a network, with every option of each question equally likely."""
    asked = {}
    space.decode(record_options(replay(space.encode(g), lambda _, options: options[0]), asked))
    return 1 / math.prod(map(len, asked.values()))


def test_edf():
    df = edf(pd.DataFrame({"macs": [3.0, 1.0, None, 1.0, 2.0]}), "macs")
    assert df["macs"].tolist() == [1, 2, 3]
    assert df["share"].tolist() == [0.5, 0.75, 1.0]
    with pytest.raises(NasbenchError, match="none in 'macs'"):
        edf(pd.DataFrame({"macs": [None]}), "macs")


def test_of_a_space_that_can_be_counted_through():
    """Draws come near the true distribution, in which each field is even (Kolmogorov's distance, its 0.1 % level)."""
    space = nb.space("tiny")
    true = pd.DataFrame([(nb.cost(g).macs, chance(space, g)) for g in space], columns=["macs", "chance"])
    assert true["chance"].sum() == pytest.approx(1)
    drawn = space_frame(space, 600, seed=1)
    sampled = edf(drawn, "macs")
    gaps = [
        abs(share - true.loc[true["macs"] <= macs, "chance"].sum()) for macs, share in zip(sampled["macs"], sampled["share"], strict=True)
    ]
    assert max(gaps) < 1.95 / math.sqrt(600)
    assert drawn["macs"].equals(space_frame(space, 600, seed=1)["macs"])
    assert not drawn["macs"].equals(space_frame(space, 600, seed=2)["macs"])


def test_predicted_and_adapted(study):
    predictor = study.predictor()
    df = space_frame(nb.space("tiny"), 20, 0, predictor, lambda g: adapt(g, classes=3))
    assert (df["latency_low_ms"] <= df["latency_ms"]).all()
    assert (df["latency_ms"] <= df["latency_high_ms"]).all()
    assert (df["params_count"] < space_frame(nb.space("tiny"), 20)["params_count"]).all()
    with pytest.raises(NasbenchError, match="at least one"):
        space_frame(nb.space("tiny"), 0)


def test_picture_says_the_share_within_the_limit():
    frame = pd.DataFrame({"latency_ms": [5.0, 10.0, 20.0, 40.0]})
    ax = plot_edf(frame, "latency_ms", 20.0, new_axes((6.4, 4.4)))
    assert ax.get_title("left") == "75% within 20 ms"
    assert ax.get_xlabel() == "predicted latency (ms)"
    assert_readable(ax)
