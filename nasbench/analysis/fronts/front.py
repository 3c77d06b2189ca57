"""Pareto fronts of DataFrames."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from nasbench import pareto
from nasbench.errors import NasbenchError, nearest


def pareto_front(df: pd.DataFrame, *, minimize: Sequence[str] = (), maximize: Sequence[str] = ()) -> pd.DataFrame:
    """The rows that no other row beats in all of the named columns, by the first of them; rows with a missing value are left out.

    Raises:
        NasbenchError: no column is named, or one that the frame has not.
    """
    columns = [*minimize, *maximize]
    if not columns:
        raise NasbenchError("a front needs at least one column to minimize or maximize; name some")
    for name in columns:
        if name not in df.columns:
            raise NasbenchError(
                f"the frame has no column {name!r}{nearest(name, map(str, df.columns))}; it has {', '.join(map(str, df.columns))}"
            )
    points = [tuple(map(float, row)) for row in df[columns].astype(float).itertuples(index=False)]
    up = [False] * len(minimize) + [True] * len(maximize)
    return df.iloc[pareto.front(pareto.signed(points, up))]


def best_within(trials: pd.DataFrame, limits: Sequence[float], column: str = "latency_ms", score: str = "accuracy") -> pd.DataFrame:
    """What each limit buys: for every one the row with the highest `score` among those whose `column` is within it.

    The column `limit` comes first. Limits that no row keeps are left out; rows with a missing value count for none.

    Raises:
        NasbenchError: a column that the frame has not.
    """
    known = pareto_front(trials, minimize=[column], maximize=[score])  # the best within any limit is on the front
    rows = [(limit, known[known[column] <= limit]) for limit in limits]
    found = [inside.loc[[inside[score].astype(float).idxmax()]].assign(limit=limit) for limit, inside in rows if not inside.empty]
    df = pd.concat(found, ignore_index=True) if found else known.iloc[:0].assign(limit=pd.Series(dtype=float))
    return df[["limit", *(c for c in df.columns if c != "limit")]]
