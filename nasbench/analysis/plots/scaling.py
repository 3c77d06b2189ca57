"""Plots of scaling: accuracy over cost for each direction of growth, the fitted surface, and a family with its limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nasbench.analysis.plots.figure import save_picture
from nasbench.analysis.plots.metrics import METRICS
from nasbench.analysis.scaling import ScalingFit, open_fit
from nasbench.errors import NasbenchError
from nasbench.files import write_atomic
from nasbench.scaling.law import PUBLISHED
from nasbench.scaling_fit.config import GRID
from nasbench.scaling_fit.directions import BASE, FITTED
from nasbench.scaling_fit.family.delivery import FAMILY_FILE
from nasbench.scaling_fit.surface import Fit, triangle
from nasbench.study.directory import CURVES_FILE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nasbench.analysis.study import Study

MARKERS = ("v", "s", "^", "P", "X", "o")
HEIGHT = 3**0.5 / 2


class Curve(NamedTuple):
    """One direction of growth: costs, mean accuracies in percent, and half the width of their 95 % intervals; the base comes first."""

    direction: str
    cost: list[float]
    accuracy: list[float]
    half: list[float]


class CurvesPicture(NamedTuple):
    """The data of `plot_curves`.

    Attributes:
        column: The horizontal axis, `macs` or `latency_ms`.
        network: The name of the base network.
        how: The origin of the latencies in words, such as `measured on` a device.
    """

    curves: list[Curve]
    column: str
    network: str
    how: str = ""


def curves_picture(fit: ScalingFit, column: str | None = None) -> CurvesPicture:
    """Collect the curves of a fit.

    Args:
        fit: the fit.
        column: `macs` or `latency_ms`; default: the cost that doubles in the fit.

    Raises:
        NasbenchError: another column, or `latency_ms` for a fit without latencies.
    """
    df = fit.curves()
    column = column or ("latency_ms" if fit.cost == "latency" else "macs")
    if column not in ("macs", "latency_ms") or df[column].isna().any():
        raise NasbenchError(
            f"curves are drawn over macs, or over latency_ms if the device was profiled before the fit; got {column}, which "
            f"{fit.study.path} does not have for all networks; profile the device and fit again"
        )
    base = df[df["direction"] == BASE]
    lines = []
    for name in dict.fromkeys(df["direction"]):
        if name == BASE:
            continue
        rows = [*base.to_dict("records"), *df[df["direction"] == name].sort_values(column).to_dict("records")]
        half = [100 * float(r["high"] - r["accuracy"]) if r["seeds"] > 1 else 0.0 for r in rows]
        lines.append(Curve(str(name), [float(r[column]) for r in rows], [100 * float(r["accuracy"]) for r in rows], half))
    how = str(fit.report.get("latencies") or "")
    return CurvesPicture(lines, column, str(fit.report.get("network", fit.study.command["network"])), how)


def plot_curves(picture: CurvesPicture, ax: Axes | None = None) -> Axes:
    """Accuracy over cost, one line for each direction; the line of the fitted law is bold and on top."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    if ax is None:
        _, ax = plt.subplots(figsize=(7, 5), layout="constrained")
    factor = METRICS[picture.column].factor
    colors = sns.color_palette("colorblind", len(picture.curves))
    for i, curve in enumerate(picture.curves):
        bold = curve.direction == FITTED
        size, width = (8.0, 2.4) if bold else (5.5, 1.3)
        apart = 1 + 0.012 * (i - len(picture.curves) / 2)  # so that intervals at one cost do not cover each other
        x = [factor * c * (1 if k == 0 else apart) for k, c in enumerate(curve.cost)]
        ax.errorbar(
            x, curve.accuracy, curve.half, color=colors[i], marker=MARKERS[i % len(MARKERS)], ms=size, lw=width,
            elinewidth=1, capsize=2.5, zorder=4 if bold else 3, label=_name(curve.direction),
        )  # fmt: skip
    ax.set_xscale("log")
    _cost_ticks(ax, [factor * c for curve in picture.curves for c in curve.cost])
    ax.set_xlabel(METRICS[picture.column].label + (f"\n{picture.how}" if picture.column == "latency_ms" else ""))
    ax.set_ylabel(METRICS["accuracy"].label)
    ax.grid(alpha=0.25)
    ax.legend(fontsize=8, framealpha=0.9, title="all growth in", title_fontsize=8)
    return ax


def _name(direction: str) -> str:
    return {"depth": "depth alone", "width": "width alone", "resolution": "resolution alone", FITTED: "the fitted law"}.get(
        direction, f"{direction} law"
    )


def _cost_ticks(ax: Axes, costs: Sequence[float]) -> None:
    """Set a tick at the cost of the base and at each doubling of it."""
    from matplotlib.ticker import NullFormatter, NullLocator

    least, most = min(costs), max(costs)
    ticks = [least * 2**k for k in range(12) if least * 2**k < 1.3 * most]
    ax.set_xticks(ticks, [f"{t:.3g}" for t in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())


class TrianglePicture(NamedTuple):
    """The data of `plot_triangle`: the surface over shares of depth, width and resolution.

    Attributes:
        points: (depth, width, resolution, mean accuracy in percent, seeds) of each direction that was tried.
        shares: The shares of the best point.
        resampled: The shares of the best point in each resample of the bootstrap.
        grid: The shares at which the surface is drawn, one point a row.
        surface: The fitted accuracy there, in percent.
        cost: The cost that doubles in the fit.
    """

    points: list[tuple[float, float, float, float, int]]
    shares: tuple[float, float, float]
    resampled: list[tuple[float, float, float]]
    grid: np.ndarray
    surface: np.ndarray
    cost: str


def triangle_picture(fit: ScalingFit) -> TrianglePicture:
    """Collect the trials of the lattice, and the surface that was fitted to them."""
    df = fit.trials()
    df = df[(df["phase"] == GRID) & (df["direction"] != BASE) & (df["status"] == "ok")]
    keys = ["depth_share", "width_share", "resolution_share"]
    means = df.groupby(keys)["accuracy"].agg(["mean", "size"]).reset_index()
    points = [(float(d), float(w), float(r), 100 * float(a), int(n)) for d, w, r, a, n in means.itertuples(index=False)]
    law: Fit = fit.fit
    grid = triangle(20)
    resampled = [(float(d), float(w), float(r)) for d, w, r in law.resampled]
    return TrianglePicture(points, law.shares, resampled, grid, 100 * law.predict(grid.tolist()), fit.cost)


def flat(shares: Any) -> np.ndarray:
    """The x and y of shares in the picture: width alone is on the left, depth alone on the right, resolution alone on top."""
    d, _, r = np.asarray(shares, dtype=float).T
    return np.stack([d + r / 2, HEIGHT * r])


def plot_triangle(picture: TrianglePicture, ax: Axes | None = None) -> Axes:
    """The fitted surface, the directions that were tried, the best point, and the best points of the resamples."""
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 5), layout="constrained")
    x, y = flat(picture.grid)
    levels = 12
    surface = ax.tricontourf(x, y, picture.surface, levels=levels, cmap="viridis", alpha=0.85)
    ax.plot(*flat([(0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 1, 0)]), color="0.2", lw=1.2)
    rx, ry = flat(picture.resampled)
    jitter = np.random.default_rng(0).normal(0, 0.006, (2, len(rx)))
    ax.scatter(rx + jitter[0], ry + jitter[1], s=6, color="white", alpha=0.55, lw=0, zorder=3, label="best points of resamples")
    px, py = flat([p[:3] for p in picture.points])
    colors = surface.to_rgba(np.array([p[3] for p in picture.points]))
    tried = f"directions tried ({len(picture.points)})"
    ax.scatter(px, py, s=46, c=colors, edgecolor="black", lw=0.8, zorder=4, label=tried)
    ex, ey = flat([PUBLISHED.shares])
    ax.scatter(ex, ey, s=70, marker="P", color="white", edgecolor="black", zorder=5, label="EfficientNet's law")
    bx, by = flat([picture.shares])
    ax.scatter(bx, by, s=230, marker="*", color="red", edgecolor="black", zorder=6, label="best point")
    for text, at, side in (("width alone", (-0.02, -0.02), "right"), ("depth alone", (1.02, -0.02), "left")):
        ax.text(*at, text, ha=side, va="top", fontsize=9)
    ax.text(0.5, HEIGHT + 0.025, "resolution alone", ha="center", va="bottom", fontsize=9)
    ax.set_xlim(-0.2, 1.2)
    ax.set_ylim(-0.3, HEIGHT + 0.1)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.legend(loc="lower center", ncols=2, fontsize=8, framealpha=0.9, facecolor="0.85")
    bar = ax.figure.colorbar(surface, ax=ax, shrink=0.7, pad=0.02)
    bar.set_label(f"proxy accuracy at twice the {picture.cost} (%)")
    return ax


class FamilyPicture(NamedTuple):
    """The data of `plot_family`.

    Attributes:
        members: (limit, measured, low, high, label) of each member, in milliseconds.
        missed: The limits that no network keeps.
        device: The device in words.
        least_used: The least share of its limit that a member must use.
        base: The name of the base network.
    """

    members: list[tuple[float, float, float, float, str]]
    missed: list[float]
    device: str
    least_used: float
    base: str


def family_picture(data: Mapping[str, Any]) -> FamilyPicture:
    """Collect the members from the data of `family.json`."""
    members, missed = [], []
    for m in data["members"]:
        if "phi" not in m:
            missed.append(float(m["target_ms"]))
            continue
        again = m["again"]
        ms = (again["median_ms"], again["low_ms"], again["high_ms"]) if again else (m["predicted_ms"],) * 3
        label = f"phi {m['phi']:.2f}\n{m['macs'] / 1e6:.0f}M MACs\n{m['resolution']} px"
        members.append((float(m["target_ms"]), float(ms[0]), float(ms[1]), float(ms[2]), label))
    return FamilyPicture(members, missed, str(data["device"]), float(data["least_used"]), str(data["base"]))


def plot_family(picture: FamilyPicture, ax: Axes | None = None) -> Axes:
    """The measured latency of each member as a share of its limit, and the band in which it must lie."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    if ax is None:
        _, ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
    blue, orange, green = sns.color_palette("colorblind", 3)
    limits = sorted([m[0] for m in picture.members] + picture.missed)
    place = {t: i for i, t in enumerate(limits)}
    ax.axhspan(100 * picture.least_used, 100, color=green, alpha=0.15, lw=0, label=f"required: {100 * picture.least_used:.0f} to 100 %")
    ax.axhline(100, color="0.35", ls="--", lw=1.1, label="latency limit")
    for limit, ms, low, high, label in picture.members:
        share = [100 * v / limit for v in (ms, low, high)]
        ax.errorbar(
            [place[limit]], [share[0]], [[share[0] - share[1]], [share[2] - share[0]]], fmt="o", ms=8, capsize=4, color=blue, zorder=3,
            label="measured again, 95 % interval" if limit == picture.members[0][0] else None,
        )  # fmt: skip
        ax.annotate(f"{ms:.2f} ms", (place[limit], share[0]), xytext=(9, 0), textcoords="offset points", va="center", fontsize=9)
        ax.annotate(label, (place[limit], 70.5), ha="center", va="bottom", fontsize=8, color="0.25")
    for limit in picture.missed:
        ax.scatter([place[limit]], [85], marker="x", s=70, color=orange, label="missed" if limit == picture.missed[0] else None)
    ax.set_xticks(range(len(limits)), [f"{t:g} ms" for t in limits])
    ax.set_xlim(-0.5, len(limits) - 0.5)
    ax.set_ylim(70, 108)
    ax.set_xlabel(f"latency limit\n{picture.device}")
    ax.set_ylabel("latency used (% of the limit)")
    ax.grid(axis="y", alpha=0.25)
    ax.legend(fontsize=8, loc="upper center", ncols=3, framealpha=0.9)
    return ax


def save_fit(study: Study) -> Path:
    """Write `scaling.png` and `curves.csv` into the folder of a fit; return the path of the picture."""
    fit = open_fit(study.path)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
        plot_curves(curves_picture(fit), left)
        plot_triangle(triangle_picture(fit), right)
        left.set_title(f"{fit.study.command['network']}: grown in different ways")
        right.set_title("where the growth should go")

    write_atomic(study.path / CURVES_FILE, fit.curves().to_csv(index=False))
    return save_picture(study.path / "scaling.png", draw, (13, 5.4))


def save_family(path: Path) -> Path:
    """Write `family.png` into the folder of a family; return its path."""
    data = json.loads((path / FAMILY_FILE).read_text())

    def draw(figure: Figure) -> None:
        plot_family(family_picture(data), figure.subplots()).set_title(f"{data['base']}: a network for each latency")

    return save_picture(path / "family.png", draw, (7.5, 4.6))
