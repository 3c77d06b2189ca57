"""Rank correlation of two columns: accuracy against a cost of the networks, or a proxy such as MACs against latency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from nasbench.analysis.plots.figure import axes
from nasbench.analysis.plots.metrics import metric
from nasbench.errors import NasbenchError, nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 3  # points from which a rank correlation is computed


class Relation(NamedTuple):
    """The points of two columns.

    Attributes:
        x, y: The names of the columns.
        points: The points by group (the phase, or the study of a comparison), in the columns' own units.
        spearman: Spearman's rank correlation of all points together; ties have their mean rank. It is NaN for fewer than three points,
            and where one column is constant.
    """

    x: str
    y: str
    points: dict[str, list[tuple[float, float]]]
    spearman: float


def relation(frame: pd.DataFrame, x: str, y: str = "accuracy", by: str = "phase") -> Relation:
    """The points of two columns of a frame such as `Study.trials`, `Comparison.trials` or `space_frame`, grouped by a third.

    Rows with a missing value are left out. Of a frame with a column `status`, only trials that were trained in full count.

    Raises:
        NasbenchError: the frame does not have such a column.
    """
    for name in (x, y, by):
        if name not in frame.columns:
            raise NasbenchError(f"the frame has no column {name!r}{nearest(name, map(str, frame.columns))}")
    df = frame[frame["status"] == "ok"] if "status" in frame.columns else frame
    df = df[df[x].notna() & df[y].notna()]
    points = {str(k): [(float(a), float(b)) for a, b in zip(rows[x], rows[y], strict=True)] for k, rows in df.groupby(by, sort=False)}
    return Relation(x, y, points, spearman([p for group in points.values() for p in group]))


def spearman(points: Sequence[tuple[float, float]]) -> float:
    """Spearman's rank correlation of points; see `Relation`."""
    from scipy.stats import spearmanr

    if len(points) < FEWEST or any(len(set(column)) < 2 for column in zip(*points, strict=True)):
        return math.nan
    return float(spearmanr(points).statistic)


def plot_relation(pairs: Relation, ax: Axes | None = None) -> Axes:
    """The points, one colour per group, with Spearman's rank correlation above.

    Raises:
        NasbenchError: a column without a label.
    """
    import seaborn as sns

    ax = axes(ax)
    x, y = metric(pairs.x), metric(pairs.y)
    for (group, points), color, marker in zip(
        pairs.points.items(), sns.color_palette("colorblind", len(pairs.points)), "ox^sDv" * len(pairs.points), strict=False
    ):
        ax.scatter(
            [x.factor * a for a, _ in points], [y.factor * b for _, b in points], s=24, color=color, marker=marker, alpha=0.75,
            label=f"{group} ({len(points)})",
        )  # fmt: skip
    count = sum(map(len, pairs.points.values()))
    rank = f"{pairs.spearman:+.2f}" if math.isfinite(pairs.spearman) else "unknown"
    ax.set(xlabel=x.label, ylabel=y.label)
    ax.set_title(f"Spearman {rank}, n = {count}", fontsize=10, loc="left")
    ax.grid(alpha=0.25)
    if len(pairs.points) > 1:  # above the title, where the legend hides no point
        ax.legend(
            fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=2.6, handletextpad=0.1,
            columnspacing=1,
        )  # fmt: skip
    return ax
