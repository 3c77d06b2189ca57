"""What a benchmark says: means with standard errors, and paired tests against the first strategy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from nasbench.bench.run import Bench

MEASURES = {
    "regret": "points below the best, by the highest accuracy observed",
    "final_regret": "points below the best, after a final round",
    "visited_regret": "points below the best, of the best network evaluated",
    "hypervolume": "share of the true front's hypervolume",
}
HIGHER_IS_BETTER = frozenset({"hypervolume"})


def frame(bench: Bench) -> pd.DataFrame:
    """One row for each search and number of evaluations, with the columns of `MEASURES`, strategy, seed, evaluations and asked."""
    return pd.DataFrame(
        [
            {"strategy": o.strategy, "seed": o.seed, "evaluations": n, "asked": o.asked}
            | {measure: getattr(o, measure)[i] for measure in MEASURES}
            for o in bench.outcomes
            for i, n in enumerate(o.after)
        ]
    )


def summary(bench: Bench, measure: str = "regret") -> pd.DataFrame:
    """Mean, standard error and median of a measure for each strategy and number of evaluations.

    The column `p` is that of a Wilcoxon signed-rank test over the seeds (two-sided) between the first strategy and this one: small
    where they differ by more than chance. It is NaN for the first strategy, and where all seeds agree.
    """
    df = frame(bench)
    wide = df.pivot_table(index="seed", columns=["evaluations", "strategy"], values=measure, dropna=False)
    first = bench.config.strategies[0]
    rows = []
    for n in bench.config.evaluations:
        for name in bench.config.strategies:
            values = wide[n, name].dropna().to_numpy(float)
            rows.append(
                {
                    "evaluations": n,
                    "strategy": name,
                    "seeds": len(values),
                    "mean": float(values.mean()) if len(values) else math.nan,
                    "standard_error": float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan,
                    "median": float(np.median(values)) if len(values) else math.nan,
                    "p": paired_p(wide[n, first].to_numpy(float), wide[n, name].to_numpy(float)) if name != first else math.nan,
                }
            )
    return pd.DataFrame(rows)


def paired_p(a: np.ndarray[Any, np.dtype[np.float64]], b: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The p value of a two-sided Wilcoxon signed-rank test; NaN where no pair differs."""
    from scipy.stats import wilcoxon

    both = np.isfinite(a) & np.isfinite(b)
    difference = a[both] - b[both]
    if not np.any(difference):
        return math.nan
    return float(wilcoxon(difference).pvalue)
