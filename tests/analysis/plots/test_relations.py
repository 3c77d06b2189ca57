"""Rank correlation of two columns."""

from __future__ import annotations

import math
from statistics import correlation

import pandas as pd
import pytest
from readable import assert_readable, new_axes

from nasbench.analysis.plots.relations import plot_relation, relation, spearman
from nasbench.errors import NasbenchError


def test_pairs_by_phase(study):
    pairs = relation(study.trials(), "macs")
    assert pairs.points == {"search": [(1e7, 0.70), (1.2e7, 0.80), (1.4e7, 0.75)], "random": [(1.1e7, 0.60), (9e6, 0.65)]}


def test_spearman_is_the_correlation_of_mean_ranks():
    points = [(1, 3), (2, 1), (2, 2), (4, 7), (5, 7), (6, -1)]
    ranks = [(1, 4), (2.5, 2), (2.5, 3), (4, 5.5), (5, 5.5), (6, 1)]  # ties have their mean rank
    assert spearman(points) == pytest.approx(correlation(*zip(*ranks, strict=True)))
    assert spearman([(1, 1), (2, 3), (4, 7)]) == pytest.approx(1)
    assert spearman([(1, 7), (2, 3), (4, 1)]) == pytest.approx(-1)
    assert math.isnan(spearman(points[:2]))
    assert math.isnan(spearman([(1, 1), (1, 2), (1, 3)]))


def test_picture_prints_it(study):
    ax = plot_relation(relation(study.trials(), "macs"), new_axes())
    assert_readable(ax)
    assert ax.get_title("left").startswith("Spearman +0.60, n = 5")


def test_picture_of_several_groups_in_a_narrow_place(study):
    frame = pd.concat([study.trials().assign(study=f"mbconv-300Mmacs-{i}") for i in range(3)])
    assert_readable(plot_relation(relation(frame, "macs", by="study"), new_axes((5, 4.6))))


def test_unknown_column(study):
    with pytest.raises(NasbenchError, match="macs"):
        relation(study.trials(), "mac")
