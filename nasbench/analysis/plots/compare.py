"""Fronts of several studies in one picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from nasbench.analysis.fronts.front import front_points, points
from nasbench.analysis.fronts.hypervolume import comparable
from nasbench.analysis.plots.figure import axes
from nasbench.analysis.plots.metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nasbench.analysis.compare import Comparison

SIZE = (9.5, 5.4)


class StudyFront(NamedTuple):
    """One study of the picture, with points (latency_ms, accuracy).

    Attributes:
        points: The trials that were trained in full and keep every limit.
        front: The Pareto front of these points, sorted by latency.
        limit_ms: The latency limit, or None.
        hypervolume_ms: The hypervolume of the front; NaN where it cannot be compared.
    """

    points: list[tuple[float, float]]
    front: list[tuple[float, float]]
    limit_ms: float | None
    hypervolume_ms: float


def fronts_picture(comparison: Comparison, phase: str | None = None) -> dict[str, StudyFront]:
    """The data of `plot_fronts`, by the name of the study.

    Args:
        phase: see `Study.front`.
    """
    volumes = comparison.hypervolumes(phase)
    picture = {}
    for name, study in comparison.studies.items():
        trained = points(comparable(study.trials(phase), phase))
        picture[name] = StudyFront(trained, front_points(trained), study.limit_ms, volumes[name].ms)
    return picture


def plot_fronts(picture: dict[str, StudyFront], ax: Axes | None = None) -> Axes:
    """The trials and the front of each study in one colour, its latency limit as a dashed line of that colour."""
    import seaborn as sns

    ax = axes(ax, SIZE)
    x, y = METRICS["latency_ms"], METRICS["accuracy"]
    lines: dict[float, int] = {}
    for (name, study), color in zip(picture.items(), sns.color_palette("colorblind", len(picture)), strict=True):
        label = f"{name}, {study.hypervolume_ms:.2f} ms x accuracy" if math.isfinite(study.hypervolume_ms) else name
        ax.scatter([ms for ms, _ in study.points], [y.factor * v for _, v in study.points], s=14, color=color, alpha=0.45, linewidth=0)
        if study.front:
            ms, accuracy = zip(*study.front, strict=True)
            ax.step(ms, [y.factor * v for v in accuracy], where="post", color=color, lw=1.6)
        ax.plot([ms for ms, _ in study.front], [y.factor * v for _, v in study.front], ls="", marker="o", ms=5, color=color, label=label)
        if study.limit_ms is not None:  # equal limits of several studies share one line, dash by dash
            turn = lines[study.limit_ms] = lines.get(study.limit_ms, -1) + 1
            ax.axvline(study.limit_ms, color=color, ls=(3 * turn, (3, 3)), lw=1.1)
    ax.set(xlabel=f"{x.label}; dashed: limits", ylabel=y.label)
    ax.grid(alpha=0.25)
    if picture:
        ax.legend(
            fontsize=8,
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            borderaxespad=0,
            frameon=False,
            title="fronts and hypervolumes",
            title_fontsize=8,
        )
    return ax
