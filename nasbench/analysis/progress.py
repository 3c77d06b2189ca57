"""How a search came on: the best network and the front over what the trials cost, beside random search at equal cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from nasbench import pareto
from nasbench.analysis.fronts.hypervolume import usable
from nasbench.analysis.metrics import axes, metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARMS = ("search", "random")


def progress_frame(trials: pd.DataFrame, reference: tuple[float, float]) -> pd.DataFrame:
    """One row per trial of the two arms of a `Study.trials`, in the order in which they ended.

    Columns: phase, number; trials, trained in full so far; cost_s, seconds of training so far, of one worker, failed and stopped trials
    among them; best_accuracy of a network within every limit (NaN before the first); hypervolume_ms of the front so far against
    `reference`, (latency in ms, accuracy as a share).
    """
    rows = []
    for phase in ARMS:
        df = trials[(trials["phase"] == phase) & ~trials["status"].isin(["running", "duplicate", "skipped"])]
        order = df.sort_values(["finished", "number"], na_position="last") if "finished" in df.columns else df
        cost, count, best = 0.0, 0, math.nan
        points: list[tuple[float, float]] = []
        for row in order.to_dict("records"):
            cost += 0.0 if pd.isna(row["seconds"]) else row["seconds"]
            if row["status"] == "ok" and pd.notna(row["accuracy"]) and pd.notna(row["latency_ms"]):
                count += 1
                points.append((row["latency_ms"], -row["accuracy"]))
                best = row["accuracy"] if math.isnan(best) else max(best, row["accuracy"])
            volume = pareto.hypervolume(points, (reference[0], -reference[1]))
            rows.append((phase, row["number"], count, cost, best, volume))
    return pd.DataFrame(rows, columns=["phase", "number", "trials", "cost_s", "best_accuracy", "hypervolume_ms"])


def plot_progress(progress: pd.DataFrame, column: str = "best_accuracy", ax: Axes | None = None) -> Axes:
    """`best_accuracy` or `hypervolume_ms` of a `progress_frame` over the cost; a mark where a trial changed it.

    Raises:
        NasbenchError: a column without a label.
    """
    import seaborn as sns

    ax = axes(ax)
    x, y = metric("cost_s"), metric(column)
    end = float(progress["cost_s"].max()) if len(progress) else 0.0
    for phase, color, style in zip(ARMS, sns.color_palette("colorblind", 2), ("-", "--"), strict=True):
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
    """The search's front after a quarter, a half, three quarters and all of its cost. The data are `fronts_over_time`."""
    import seaborn as sns

    ax = axes(ax)
    x, y = metric("latency_ms"), metric("accuracy")
    fronts = fronts_over_time(trials)
    widths = [1.4 + 1.2 * i for i in reversed(range(len(fronts)))]  # an earlier front shows on both sides of a later one that is the same
    for (share, points), color, width in zip(fronts.items(), sns.color_palette("flare", len(fronts)), widths, strict=True):
        if points:
            ms, accuracy = zip(*points, strict=True)
            # To the right end, since whatever is found holds for every larger limit too.
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
    """The search's front once some shares of its cost were spent: (latency_ms, accuracy) by latency."""
    progress = progress_frame(trials, (math.inf, 0.0))
    mine = progress[progress["phase"] == "search"]
    cost = dict(zip(mine["number"], mine["cost_s"], strict=True))
    whole = max(cost.values(), default=0.0)
    df = usable(trials[trials["phase"] == "search"])
    found = {}
    for share in shares:
        done = df[[cost[n] <= share * whole + 1e-9 for n in df["number"]]]
        points = [(float(a), float(b)) for a, b in zip(done["latency_ms"], done["accuracy"], strict=True)]
        found[share] = [points[i] for i in pareto.front(pareto.signed(points, [False, True]))]
    return found
