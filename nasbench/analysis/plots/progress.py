"""Progress of a search: the best network and the front over the cost of the trials, beside random search at equal cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from nasbench import pareto
from nasbench.analysis.fronts.front import front_points, points
from nasbench.analysis.fronts.hypervolume import usable
from nasbench.analysis.plots.figure import axes
from nasbench.analysis.plots.metrics import metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PHASES = ("search", "random")


def progress_frame(trials: pd.DataFrame, reference: tuple[float, float]) -> pd.DataFrame:
    """The trials of the phases `search` and `random`, one a row, in the order in which they ended.

    Args:
        trials: the frame of `Study.trials`.
        reference: the reference point of the hypervolume, (latency in ms, accuracy as a share).

    Columns: phase, number; trials (those trained in full so far); cost_s (seconds of training so far, summed over workers, with failed
    and stopped trials); best_accuracy (of the networks within every limit; NaN before the first); hypervolume_ms (of the front so far).
    """
    rows = []
    for phase in PHASES:
        df = trials[(trials["phase"] == phase) & ~trials["status"].isin(["running", "duplicate", "skipped"])]
        order = df.sort_values(["finished", "number"], na_position="last") if "finished" in df.columns else df
        cost, count, best = 0.0, 0, math.nan
        losses: list[tuple[float, float]] = []
        for row in order.to_dict("records"):
            cost += 0.0 if pd.isna(row["seconds"]) else row["seconds"]
            if row["status"] == "ok" and pd.notna(row["accuracy"]):
                count += 1
                if pd.notna(row["latency_ms"]):  # else nothing asked for latencies
                    losses.append((row["latency_ms"], -row["accuracy"]))
                    losses = [losses[i] for i in pareto.front(losses)]  # so that a long study stays quick
                best = row["accuracy"] if math.isnan(best) else max(best, row["accuracy"])
            volume = pareto.hypervolume(losses, (reference[0], -reference[1]))
            rows.append((phase, row["number"], count, cost, best, volume))
    return pd.DataFrame(rows, columns=["phase", "number", "trials", "cost_s", "best_accuracy", "hypervolume_ms"])


def plot_progress(progress: pd.DataFrame, column: str = "best_accuracy", ax: Axes | None = None) -> Axes:
    """`best_accuracy` or `hypervolume_ms` of a `progress_frame` over the cost, with a mark at each trial that improved it.

    Raises:
        NasbenchError: a column without a label.
    """
    import seaborn as sns

    ax = axes(ax)
    x, y = metric("cost_s"), metric(column)
    end = float(progress["cost_s"].max()) if len(progress) else 0.0
    for phase, color, style in zip(PHASES, sns.color_palette("colorblind", 2), ("-", "--"), strict=True):
        df = progress[(progress["phase"] == phase) & progress[column].notna()]
        if df.empty:
            continue
        better = df[df[column] != df[column].shift()]
        cost, value = [x.factor * v for v in (*df["cost_s"], end)], [y.factor * v for v in (*df[column], df[column].iloc[-1])]
        ax.step(cost, value, where="post", color=color, ls=style, lw=1.6, label=f"{phase} ({df['trials'].iloc[-1]} trials)")
        ax.plot(better["cost_s"] * x.factor, better[column] * y.factor, ls="", marker="o", ms=4, color=color)
    ax.set(xlabel=x.label, ylabel=y.label)
    ax.set_xlim(left=0)
    ax.grid(alpha=0.25)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=8, loc="lower right", framealpha=0.9)
    return ax


def plot_front_over_time(trials: pd.DataFrame, reference: tuple[float, float], ax: Axes | None = None) -> Axes:
    """The front of the search after a quarter, a half, three quarters and all of its cost. The data come from `fronts_over_time`."""
    import seaborn as sns

    ax = axes(ax)
    x, y = metric("latency_ms"), metric("accuracy")
    fronts = fronts_over_time(trials)
    widths = [1.4 + 1.2 * i for i in reversed(range(len(fronts)))]  # so that an earlier front stays visible under an equal later one
    for (share, front), color, width in zip(fronts.items(), sns.color_palette("flare", len(fronts)), widths, strict=True):
        if front:
            ms, accuracy = zip(*front, strict=True)
            # The line goes to the right end, since a network within one limit is within every larger limit too.
            ax.step(
                [*ms, max(reference[0], ms[-1])], [y.factor * v for v in (*accuracy, accuracy[-1])], where="post", color=color, lw=width,
                label=f"after {share:.0%} of the cost",
            )  # fmt: skip
            ax.plot(ms, [y.factor * v for v in accuracy], ls="", marker="o", ms=4, color=color)
    ax.set(xlabel=x.label, ylabel=y.label)
    ax.grid(alpha=0.25)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=8, loc="lower right", framealpha=0.9)
    return ax


def fronts_over_time(trials: pd.DataFrame, shares: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)) -> dict[float, list[tuple[float, float]]]:
    """The front of the search after each of the `shares` of its cost: points (latency_ms, accuracy), sorted by latency."""
    progress = progress_frame(trials, (math.inf, 0.0))
    search = progress[progress["phase"] == "search"]
    cost = dict(zip(search["number"], search["cost_s"], strict=True))
    whole = max(cost.values(), default=0.0)
    df = usable(trials[trials["phase"] == "search"])
    fronts = {}
    for share in shares:
        done = df[[cost[n] <= share * whole + 1e-9 for n in df["number"]]]
        fronts[share] = front_points(points(done))
    return fronts
