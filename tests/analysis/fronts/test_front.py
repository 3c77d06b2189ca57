"""Pareto fronts of DataFrames."""

from __future__ import annotations

import pandas as pd
import pytest

import nasbench as nb
from nasbench.analysis.fronts.front import best_within, front_points, points
from nasbench.errors import NasbenchError


def test_front_keeps_what_no_other_dominates():
    df = pd.DataFrame({"name": list("abcde"), "ms": [1, 2, 3, 2, None], "accuracy": [0.5, 0.7, 0.6, 0.7, 0.9]})
    front = nb.pareto_front(df, minimize=["ms"], maximize=["accuracy"])
    assert list(front["name"]) == ["a", "b", "d"]  # ties stay, c is dominated, e has no latency


@pytest.mark.parametrize(
    ("columns", "part"), [({}, "at least one"), ({"minimize": ["mss"]}, "'mss'"), ({"maximize": ["acc", "x"]}, "'acc'")]
)
def test_front_needs_columns_that_exist(columns, part):
    with pytest.raises(NasbenchError, match=part):
        nb.pareto_front(pd.DataFrame({"ms": [1.0]}), **columns)


def test_front_of_nothing_is_nothing():
    assert nb.pareto_front(pd.DataFrame({"ms": []}), minimize=["ms"]).empty


def test_what_each_limit_buys():
    df = pd.DataFrame({"name": list("abcd"), "latency_ms": [5.0, 9.0, 9.5, 30.0], "accuracy": [0.5, 0.7, 0.6, 0.9]})
    best = best_within(df, [4, 5, 10, 100])
    assert best[["limit", "name"]].to_numpy().tolist() == [[5, "a"], [10, "b"], [100, "d"]]
    assert best_within(df, [1]).columns[0] == "limit"
    with pytest.raises(NasbenchError, match="macs"):
        best_within(df, [1], "macs")


def test_points_and_their_front():
    df = pd.DataFrame({"latency_ms": [5, 9, 9.5], "accuracy": [0.5, 0.7, 0.6]})
    assert points(df) == [(5.0, 0.5), (9.0, 0.7), (9.5, 0.6)]
    assert front_points(points(df)[::-1]) == [(5.0, 0.5), (9.0, 0.7)]
    assert front_points(points(df.iloc[:0])) == []
