"""Pictures: each plot takes data computed elsewhere and an Axes, and returns the Axes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from nasbench import pareto
from nasbench.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nasbench.analysis.study import Study


class Metric(NamedTuple):
    """How a column is shown: label with unit, and the factor to that unit."""

    label: str
    factor: float = 1.0


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric("proxy accuracy on validation images (%)", 100),
    "latency_ms": Metric("latency (ms)"),
    "macs": Metric("multiply-adds (millions)", 1e-6),
    "params_count": Metric("parameters (millions)", 1e-6),
    "activations_count": Metric("activations (millions)", 1e-6),
    "peak_bytes": Metric("memory to run (MiB)", 2**-20),
    "top1_percent": Metric("published ImageNet top-1 (%)"),
    "seen_px": Metric("receptive field (pixels)"),
    "depth_layers": Metric("convolutions so far"),
    "year": Metric("year of the paper"),
}


class FrontPicture(NamedTuple):
    """What the picture of a study shows: (latency_ms, accuracy) points.

    Attributes:
        search, random: trained trials of the two arms; front: of the search's, by latency.
        finals: (name, latency_ms, mean accuracy, is winner) of the last round.
        target_ms: the budget, or None; device: whose latencies they are.
        how: those of the last round are `measured`, or `predicted` for a device that is elsewhere.
        stopped: trials of both arms that successive halving stopped, with what they had reached by then.
    """

    search: list[tuple[float, float]]
    random: list[tuple[float, float]]
    front: list[tuple[float, float]]
    finals: list[tuple[str, float, float, bool]]
    target_ms: float | None
    device: str
    how: str = "measured"
    stopped: Sequence[tuple[float, float]] = ()


def front_picture(trials: pd.DataFrame, summary: Sequence[Mapping[str, Any]], target_ms: float | None, device: str = "") -> FrontPicture:
    """Collect the points; trials without an accuracy are left out."""

    def points(phase: str, *statuses: str) -> list[tuple[float, float]]:
        df = trials[(trials["phase"] == phase) & trials["status"].isin(statuses) & trials["accuracy"].notna()]
        return [(float(x), float(y)) for x, y in zip(df["latency_ms"], df["accuracy"], strict=True)]

    found = points("search", "ok")
    stopped = [point for phase in ("search", "random") for point in points(phase, "stopped", "paused")]
    front = [found[i] for i in pareto.front(pareto.signed(found, [False, True]))]
    finals = [(str(r["network"]), float(r["latency_ms"]), float(r["accuracy"]), bool(r["winner"])) for r in summary]
    how = "measured" if all(r.get("measured", True) for r in summary) else "predicted"
    return FrontPicture(found, points("random", "ok"), front, finals, target_ms, device, how, stopped)


def plot_front(picture: FrontPicture, ax: Axes | None = None) -> Axes:
    """Accuracy over latency: both arms, the front, the known networks, the winner and the budget."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    if ax is None:
        _, ax = plt.subplots(figsize=(8, 5.2), layout="constrained")
    percent = METRICS["accuracy"].factor
    blue, orange, green = sns.color_palette("colorblind", 3)
    red = sns.color_palette("colorblind")[3]
    if picture.stopped:
        x, y = zip(*picture.stopped, strict=True)
        label = f"stopped before the end ({len(picture.stopped)} trials)"
        ax.scatter(x, [percent * v for v in y], s=9, color="0.6", marker=".", alpha=0.8, zorder=1, label=label)
    for name, points, color, marker in (("random", picture.random, orange, "x"), ("search", picture.search, blue, "o")):
        if points:
            x, y = zip(*points, strict=True)
            ax.scatter(x, [percent * v for v in y], s=26, color=color, marker=marker, alpha=0.75, label=f"{name} ({len(points)} trials)")
    if picture.front:
        x, y = zip(*picture.front, strict=True)
        ax.step(x, [percent * v for v in y], where="post", color=blue, lw=1.4, label="front of the search")
    for kind, shown, color, marker, size in (
        ("known network", "known", green, "s", 42),
        ("finalist", "search", blue, "D", 46),
        ("best of random", "random", orange, "D", 46),
    ):
        rows = [r for r in picture.finals if r[0].startswith(shown) and not r[3]]
        if rows:
            ax.scatter(
                [r[1] for r in rows], [percent * r[2] for r in rows], s=size, color=color, marker=marker,
                edgecolor="black", linewidth=0.7, zorder=3, label=f"{kind}, {picture.how}",
            )  # fmt: skip
        for name, latency, accuracy, _ in rows if shown == "known" else ():
            # Right of the middle the name stands to the left, where it cannot leave the picture.
            right = latency > sum(ax.get_xlim()) / 2
            ax.annotate(
                name.split()[-1], (latency, percent * accuracy), textcoords="offset points", xytext=(-8 if right else 8, -11),
                ha="right" if right else "left", fontsize=8,
            )  # fmt: skip
    for name, latency, accuracy, best in picture.finals:
        if best:
            ax.scatter(
                [latency],
                [percent * accuracy],
                s=190,
                marker="*",
                color=red,
                edgecolor="black",
                zorder=4,
                label=f"winner ({name}), {picture.how}",
            )
    if picture.target_ms is not None:
        ax.axvline(picture.target_ms, color="0.35", ls="--", lw=1.1, label=f"budget {picture.target_ms:g} ms")
    ax.set_xlabel(
        f"{METRICS['latency_ms'].label}: small marks predicted, or measured where that could not tell"
        + (f"\n{picture.device}" if picture.device else "")
    )
    ax.set_ylabel(METRICS["accuracy"].label)
    ax.grid(alpha=0.25)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=8, framealpha=0.9)
    return ax


def save_front(study: Study) -> Path:
    """Write `front.png` of a study."""
    from matplotlib.figure import Figure

    picture = front_picture(study.trials(), study.summary(), study.command.get("latency_ms"), study.device)
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    ax = plot_front(picture, figure.subplots())
    ax.set_title(f"{study.path.name}: {study.command['space']} on {study.command['data']}")
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=130)
    path = study.path / "front.png"
    write_atomic(path, buffer.getvalue())
    return path
