"""The cost distribution of a space: an empirical distribution function (EDF) of MACs, parameters and latency, as in the paper of RegNet.

Radosavovic et al. 2020, "Designing Network Design Spaces", section 3.1, compares spaces by such functions of error.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from nasbench.analysis.plots.figure import axes, number_log_axis
from nasbench.analysis.plots.metrics import metric
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, cost_of, trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nasbench.latency import Predictor
    from nasbench.spaces import Space

SIZES = {1: (6.4, 4.4), 2: (10, 4.2), 3: (13, 4.2)}


def space_frame(
    space: Space, n: int, seed: int = 0, predictor: Predictor | None = None, adapt: Callable[[Genotype], Genotype] = lambda g: g
) -> pd.DataFrame:
    """The costs of `n` networks of a space, each parameter sampled uniformly (`space.sample`); no torch.

    Args:
        space: the space.
        n: the number of networks.
        seed: the seed of the sampling.
        predictor: predicts latencies; default: the frame has no latencies.
        adapt: changes each network first, for example to the classes of the data.

    Columns: network (the number of the sample), macs, params_count, peak_bytes; with a `predictor` also latency_ms (predicted),
    latency_low_ms and latency_high_ms.

    Raises:
        NasbenchError: `n` is below 1.
    """
    if n < 1:
        raise NasbenchError(f"a distribution needs at least one network; got {n}")
    rng = random.Random(seed)
    rows = []
    traces = []
    for i in range(n):
        layers = trace(adapt(space.sample(rng)))
        cost = cost_of(layers)
        rows.append({"network": i, "macs": cost.macs, "params_count": cost.params, "peak_bytes": cost.peak_bytes})
        traces.append(layers)
    df = pd.DataFrame(rows)
    if predictor is not None:
        predicted = predictor.predict_many(traces)
        df = df.assign(
            latency_ms=[p.ms for p in predicted],
            latency_low_ms=[p.low_ms for p in predicted],
            latency_high_ms=[p.high_ms for p in predicted],
        )
    return df


def edf(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The values of a column in rising order, each with the `share` of rows that have at most this value. Missing values do not count.

    Raises:
        NasbenchError: the frame has no value in the column.
    """
    values = frame[column].dropna() if column in frame.columns else pd.Series(dtype=float)
    if values.empty:
        raise NasbenchError(f"a distribution needs values; the frame has none in {column!r}")
    counts = values.value_counts().sort_index()
    return pd.DataFrame({column: counts.index, "share": counts.cumsum().to_numpy() / len(values)})


def plot_edf(frame: pd.DataFrame, column: str, limit: float | None = None, ax: Axes | None = None) -> Axes:
    """The distribution of a column of `space_frame`, with a line at `limit` (in the column's own unit) and the share within it.

    Raises:
        NasbenchError: see `edf`; a column without a label.
    """
    import seaborn as sns

    ax = axes(ax, SIZES[1])
    x, y = metric("predicted_ms" if column == "latency_ms" else column), metric("share")
    df = edf(frame, column)
    blue = sns.color_palette("colorblind")[0]
    ax.step([x.factor * v for v in df[column]], [y.factor * v for v in df["share"]], where="post", color=blue, lw=1.6)
    ax.set(xscale="log", xlabel=x.label, ylabel=y.label, ylim=(0, 101))
    # Over a wide range the powers of ten are enough.
    number_log_axis(ax.xaxis, minor="25" if df[column].iloc[-1] < 100 * df[column].iloc[0] else "")
    if limit is not None:
        share = float((frame[column].dropna() <= limit).mean())
        ax.axvline(x.factor * limit, color="0.35", ls="--", lw=1.1)
        ax.set_title(f"{share:.0%} within {x.factor * limit:g} {x.unit.replace('millions', 'million')}", fontsize=10, loc="left")
    ax.grid(alpha=0.25)
    return ax


def plot_space(
    frame: pd.DataFrame, limits: dict[str, float] | None = None, columns: Sequence[str] = ("macs", "params_count", "latency_ms")
) -> list[Axes]:
    """One distribution for each of the columns that the frame has, side by side in a new figure."""
    import matplotlib.pyplot as plt

    shown = [c for c in columns if c in frame.columns]
    _, grid = plt.subplots(1, len(shown), figsize=SIZES[len(shown)], layout="constrained", sharey=True, squeeze=False)
    return draw_space(frame, limits or {}, shown, list(grid[0]))


def draw_space(frame: pd.DataFrame, limits: dict[str, float], columns: Sequence[str], row: Sequence[Axes]) -> list[Axes]:
    """Draw one distribution for each column into a row of axes."""
    for ax, column in zip(row, columns, strict=True):
        plot_edf(frame, column, limits.get(column), ax)
    for ax in row[1:]:
        ax.set_ylabel("")
    return list(row)
