"""What goes with what: accuracy against a figure of the networks, or a proxy against the latency it stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from nasbench.analysis.metrics import axes, metric
from nasbench.errors import NasbenchError, nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 3  # points that a rank correlation is told of


class Relation(NamedTuple):
    """Pairs of two columns.

    Attributes:
        x, y: names of the columns.
        points: by group (the phase, or the study of a comparison), in the columns' own units.
        spearman: rank correlation of all points together, ties at their mean rank; NaN for fewer than three or where one side is constant.
    """

    x: str
    y: str
    points: dict[str, list[tuple[float, float]]]
    spearman: float


def relation(frame: pd.DataFrame, x: str, y: str = "accuracy", by: str = "phase") -> Relation:
    """Pairs of a frame such as `Study.trials`, `Comparison.trials` or `space_frame`; rows without either are left out.

    Of a frame with a `status` only trials that were trained in full count.

    Raises:
        NasbenchError: a column that the frame has not.
    """
    for name in (x, y, by):
        if name not in frame.columns:
            raise NasbenchError(f"the frame has no column {name!r}{nearest(name, map(str, frame.columns))}")
    df = frame[frame["status"] == "ok"] if "status" in frame.columns else frame
    df = df[df[x].notna() & df[y].notna()]
    points = {str(k): [(float(a), float(b)) for a, b in zip(rows[x], rows[y], strict=True)] for k, rows in df.groupby(by, sort=False)}
    return Relation(x, y, points, spearman([p for group in points.values() for p in group]))


def spearman(points: Sequence[tuple[float, float]]) -> float:
    """Rank correlation of pairs."""
    df = pd.DataFrame(points, columns=["x", "y"])
    if len(df) < FEWEST or df["x"].nunique() < 2 or df["y"].nunique() < 2:
        return math.nan
    return float(df["x"].rank().corr(df["y"].rank()))


def plot_relation(found: Relation, ax: Axes | None = None) -> Axes:
    """The pairs, a colour per group, with Spearman's rank correlation above.

    Raises:
        NasbenchError: a column without a label.
    """
    import seaborn as sns

    ax = axes(ax)
    x, y = metric(found.x), metric(found.y)
    for (group, points), color, marker in zip(
        found.points.items(), sns.color_palette("colorblind", len(found.points)), "ox^sDv" * len(found.points), strict=False
    ):
        ax.scatter(
            [x.factor * a for a, _ in points], [y.factor * b for _, b in points], s=24, color=color, marker=marker, alpha=0.75,
            label=f"{group} ({len(points)})",
        )  # fmt: skip
    count = sum(map(len, found.points.values()))
    said = f"{found.spearman:+.2f}" if math.isfinite(found.spearman) else "not told"
    ax.set(xlabel=x.label, ylabel=y.label)
    ax.set_title(f"Spearman {said}, n = {count}", fontsize=10, loc="left")
    ax.grid(alpha=0.25)
    if len(found.points) > 1:  # above the title, where it hides no point
        ax.legend(
            fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=2.6, handletextpad=0.1,
            columnspacing=1,
        )  # fmt: skip
    return ax
