"""Pareto fronts of DataFrames."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from nasbench import pareto
from nasbench.errors import NasbenchError, nearest


def pareto_front(df: pd.DataFrame, *, minimize: Sequence[str] = (), maximize: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of a frame that no other row dominates, sorted by the first named column.

    A row dominates another if it is nowhere worse and somewhere better. Equal rows all stay. Rows with a missing value are left out.

    Args:
        df: any frame.
        minimize, maximize: the columns that count; the other columns are kept as they are.

    Raises:
        NasbenchError: no column is named, or the frame does not have it.

    >>> df = pd.DataFrame({"latency_ms": [1.0, 2.0, 3.0], "accuracy": [0.5, 0.7, 0.6]})
    >>> pareto_front(df, minimize=["latency_ms"], maximize=["accuracy"])
       latency_ms  accuracy
    0         1.0       0.5
    1         2.0       0.7
    """
    columns = [*minimize, *maximize]
    if not columns:
        raise NasbenchError("a front needs at least one column to minimize or maximize; name one, such as minimize=['latency_ms']")
    for name in columns:
        if name not in df.columns:
            raise NasbenchError(
                f"the frame has no column {name!r}{nearest(name, map(str, df.columns))}; it has {', '.join(map(str, df.columns))}"
            )
    points = [tuple(map(float, row)) for row in df[columns].astype(float).itertuples(index=False)]
    up = [False] * len(minimize) + [True] * len(maximize)
    return df.iloc[pareto.front(pareto.signed(points, up))]


def points(trials: pd.DataFrame, column: str = "latency_ms", factor: float = 1.0) -> list[tuple[float, float]]:
    """The rows of a frame as points (cost, accuracy); the cost is `column`, times `factor`."""
    return [(factor * float(cost), float(share)) for cost, share in zip(trials[column], trials["accuracy"], strict=True)]


def front_points(costs_and_scores: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, score) that no other point dominates in low cost and high score, sorted by cost."""
    return [costs_and_scores[i] for i in pareto.front(pareto.signed(costs_and_scores, [False, True]))]


def best_within(trials: pd.DataFrame, limits: Sequence[float], column: str = "latency_ms", score: str = "accuracy") -> pd.DataFrame:
    """For each limit the row with the highest `score` among the rows whose `column` is within it.

    The column `limit` comes first. Limits that no row keeps are left out. Rows with a missing value are left out.

    Raises:
        NasbenchError: the frame does not have such a column.
    """
    front = pareto_front(trials, minimize=[column], maximize=[score])  # the best row within any limit is on the front
    rows = [(limit, front[front[column] <= limit]) for limit in limits]
    best = [inside.loc[[inside[score].astype(float).idxmax()]].assign(limit=limit) for limit, inside in rows if not inside.empty]
    df = pd.concat(best, ignore_index=True) if best else front.iloc[:0].assign(limit=pd.Series(dtype=float))
    return df[["limit", *(c for c in df.columns if c != "limit")]]
