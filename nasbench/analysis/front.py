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
