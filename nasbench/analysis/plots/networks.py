"""Pictures of networks: accuracy over multiply-adds, its history, shares of the stages, and receptive fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from nasbench.analysis.fronts.front import front_points
from nasbench.analysis.networks import network_frame, part_names, receptive_frame, stage_frame
from nasbench.analysis.plots.figure import axes, number_log_axis, save_picture
from nasbench.analysis.plots.labels import Bubble, place_labels
from nasbench.analysis.plots.metrics import METRICS
from nasbench.genotype import Genotype

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (9.5, 6.4)  # inches
MOST_AREA = 1100.0  # area of the largest bubble, in square points
LEAST_AREA = 9.0
ROUND = (0.01e6, 0.03e6, 0.1e6, 0.3e6, 1e6, 3e6, 10e6, 30e6, 100e6)  # numbers of parameters that the legend may show


class Point(NamedTuple):
    """A network of a picture. `top1` is in %; `like_for_like` means: tested with one crop at the network's own input size."""

    name: str
    macs: float
    params: float
    top1: float | None
    like_for_like: bool


class NetworksPicture(NamedTuple):
    """The data of `plot_networks`.

    Attributes:
        published: The networks with a published top-1, sorted by MACs.
        missing: The networks without one.
    """

    published: list[Point]
    missing: list[Point]


def networks_picture(frame: pd.DataFrame) -> NetworksPicture:
    """Collect the points of a `network_frame`."""
    points = [
        Point(str(name), float(row.macs), float(row.params_count), None if pd.isna(row.top1_percent) else float(row.top1_percent),
              bool(row.top1_like_for_like))
        for name, row in frame.sort_values("macs").iterrows()
    ]  # fmt: skip
    return NetworksPicture([p for p in points if p.top1 is not None], [p for p in points if p.top1 is None])


def plot_networks(picture: NetworksPicture, ax: Axes | None = None) -> Axes:
    """Published top-1 over multiply-adds, as bubbles whose area is the number of parameters.

    Hollow bubbles were not tested with one crop at the network's own input size. Networks without a published top-1 lie in a grey strip
    below, where the height means nothing.
    """
    import seaborn as sns

    ax = axes(ax, SIZE)
    points = [*picture.published, *picture.missing]
    most = max((p.params for p in points), default=1.0)
    blue, grey = sns.color_palette("colorblind")[0], "0.55"
    heights = _heights(picture)
    labels = []
    for p in sorted(points, key=lambda p: -p.params):  # small bubbles are drawn on top
        x, area = p.macs * METRICS["macs"].factor, _area(p.params, most)
        color = blue if p.top1 is not None else grey
        filled = p.like_for_like or p.top1 is None
        ax.scatter(
            [x], [heights[p.name]], s=area, facecolor=(*sns.desaturate(color, 1), 0.4 if filled else 0.0), edgecolor=color, linewidth=1.1
        )
        labels.append(Bubble(p.name, x, heights[p.name], math.sqrt(area / math.pi)))
    ax.set(xscale="log", xlabel=METRICS["macs"].label, ylabel=METRICS["top1_percent"].label if picture.published else "")
    _limits(picture, heights, ax)
    ax.grid(alpha=0.25)
    _key(picture, most, ax)
    place_labels(ax, labels, fontsize=8 if len(labels) <= 30 else 6.5)
    return ax


def _area(params: float, most: float) -> float:
    return max(LEAST_AREA, MOST_AREA * params / most)


STRIP = 0.09  # height of one line of the strip, as a share of the span of top-1


def _span(top1: Sequence[float]) -> tuple[float, float]:
    """The least top-1 and the span; at least four points, so that small differences look small."""
    return (min(top1), max(max(top1) - min(top1), 4.0)) if top1 else (0.0, 4.0)


def _heights(picture: NetworksPicture) -> dict[str, float]:
    """The y of each network: its top-1, or a place in the strip below, which has three lines so that names have room."""
    top1 = {p.name: p.top1 for p in picture.published if p.top1 is not None}
    low, span = _span(list(top1.values()))
    return top1 | {p.name: low - STRIP * span * (2.5 + i % 3) for i, p in enumerate(picture.missing)}


def _limits(picture: NetworksPicture, heights: Mapping[str, float], ax: Axes) -> None:
    """Make room for bubbles, names and the strip. The strip has no ticks."""
    xs = [p.macs * METRICS["macs"].factor for p in (*picture.published, *picture.missing)]
    known = [heights[p.name] for p in picture.published]
    low, span = _span(known)
    high = max(known, default=low)
    ratio = max(max(xs) / min(xs), 3.0)
    ax.set_xlim(min(xs) / ratio**0.16, max(xs) * ratio**0.16)
    rows = min(len(picture.missing), 3)
    bottom = low - STRIP * span * (2.5 + rows if rows else 2)
    top = low - STRIP * span * 1.4 if known else high - STRIP * span
    ax.set_ylim(bottom, high + STRIP * span * 2 if known else top)
    # Over a narrow range the powers of ten alone would leave the axis without numbers.
    number_log_axis(ax.xaxis, minor="235" if max(xs) / min(xs) < 30 else "")
    if picture.missing:
        ax.axhspan(bottom, top, color="0.93", zorder=0)
        ax.text(
            0.01,
            0.012,
            "no published top-1: the height means nothing here",
            transform=ax.transAxes,
            fontsize=8,
            color="0.35",
            style="italic",
        )
        ax.set_yticks([t for t in ax.get_yticks() if known and top <= t <= ax.get_ylim()[1]])


def _key(picture: NetworksPicture, most: float, ax: Axes) -> None:
    """The legend of area and filling, above the axes, where it hides no bubble."""
    from matplotlib.lines import Line2D

    least = min(p.params for p in (*picture.published, *picture.missing))
    sizes = [n for n in ROUND if least / 2 <= n <= most][-3:] or [most]
    widest = 2 * math.sqrt(_area(sizes[-1], most) / math.pi)
    handles: list[Any] = [
        Line2D(
            [],
            [],
            ls="",
            marker="o",
            color="0.3",
            mfc="none",
            ms=2 * math.sqrt(_area(n, most) / math.pi),
            label=f"{n * 1e-6:.3g}M parameters",
        )
        for n in sizes
    ]
    if any(not p.like_for_like for p in picture.published):
        handles.append(
            Line2D([], [], ls="", marker="o", color="0.3", mfc="none", ms=7, label="hollow: 10 crops, dense or another image size")
        )
    ax.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(handles), frameon=False, fontsize=8,
        borderpad=widest / 16 + 0.2, handlelength=widest / 8, handletextpad=0.6, columnspacing=1.5,
    )  # fmt: skip


def save_networks(networks: Mapping[str, Genotype], path: Path) -> Path:
    """Write the picture of `plot_networks`; the file's extension gives the format.

    Raises:
        NasbenchError: an extension without a format.
    """
    picture = networks_picture(network_frame(networks))
    return save_picture(path, lambda figure: plot_networks(picture, figure.subplots()), SIZE)


class History(NamedTuple):
    """Published accuracy over the years.

    Attributes:
        points: (name, macs, top1 in %, year, like_for_like) of every network with a published top-1, sorted by year.
        fronts: By year, the Pareto front (macs, top1) of the networks that were published by then and tested like for like.
    """

    points: list[tuple[str, float, float, int, bool]]
    fronts: dict[int, list[tuple[float, float]]]


def history(frame: pd.DataFrame, years: Sequence[int] = (2014, 2016, 2018, 2021)) -> History:
    """Collect the points of a `network_frame`, and the fronts at the end of the given years."""
    df = frame[frame.top1_percent.notna() & frame.year.notna()].sort_values(["year", "macs"])
    points = [(str(n), float(r.macs), float(r.top1_percent), int(r.year), bool(r.top1_like_for_like)) for n, r in df.iterrows()]
    fronts = {}
    for year in years:
        published = [(macs, top1) for _, macs, top1, y, alike in points if alike and y <= year]
        fronts[year] = front_points(published)
    return History(points, fronts)


def plot_history(data: History, names: Sequence[str] = (), ax: Axes | None = None) -> Axes:
    """Top-1 over multiply-adds, coloured by year, with the fronts of some years; the networks in `names` are labelled."""
    import seaborn as sns
    from matplotlib.colors import Normalize

    ax = axes(ax, SIZE)
    colors = sns.color_palette("viridis_r", as_cmap=True)
    years = [p[3] for p in data.points]
    norm = Normalize(min(years) - 1, max(years))
    for alike in (True, False):
        shown = [p for p in data.points if p[4] == alike]
        color = [colors(norm(p[3])) for p in shown]
        ax.scatter(
            [p[1] * METRICS["macs"].factor for p in shown], [p[2] for p in shown], s=34, facecolor=color if alike else "none",
            edgecolor=color, linewidth=1.2, zorder=3, label="one crop, own image size" if alike else "10 crops, dense or another size",
        )  # fmt: skip
    for year, front in data.fronts.items():
        if front:
            x, y = [m * METRICS["macs"].factor for m, _ in front], [t for _, t in front]
            ax.step(x, y, where="post", color=colors(norm(year)), lw=1.5, alpha=0.8, label=f"best by the end of {year}")
    ax.set(xscale="log", xlabel=METRICS["macs"].label, ylabel=METRICS["top1_percent"].label)
    number_log_axis(ax.xaxis)
    ax.grid(alpha=0.25)
    ax.margins(0.08)
    ax.legend(fontsize=8, loc="lower right", framealpha=0.9)
    wanted = set(names)
    bubbles = [Bubble(p[0], p[1] * METRICS["macs"].factor, p[2], 3.5) for p in data.points]
    place_labels(ax, [b for b in bubbles if b.name in wanted], [b for b in bubbles if b.name not in wanted])
    return ax


def stage_shares(networks: Mapping[str, Genotype], column: str = "macs") -> pd.DataFrame:
    """For each network, one a row, the share of `column` in the stem, each stage and the head, in %; see `stage_frame` for the columns."""
    parts = {name: stage_frame(g)[column] for name, g in networks.items()}
    shares = pd.DataFrame({name: 100 * part / part.sum() for name, part in parts.items()}).T.fillna(0.0)
    return shares[[part for part in part_names(networks.values()) if part in shares.columns]]


def plot_shares(shares: pd.DataFrame, what: str, ax: Axes | None = None) -> Axes:
    """The bars of `stage_shares`; `what` names the column on the axis, such as `multiply-adds`."""
    import seaborn as sns

    ax = axes(ax, SIZE)
    body = [c for c in shares.columns if c.startswith("stage")]
    shades = dict(zip(body, sns.color_palette("crest", len(body)), strict=True)) | {
        "stem": (0.75,) * 3,
        "head": sns.color_palette("colorblind")[3],
    }
    left = pd.Series(0.0, index=shares.index)
    for part in shares.columns:
        ax.barh(shares.index, shares[part], left=left, color=shades[part], edgecolor="white", linewidth=0.6, label=part)
        left += shares[part]
    ax.set(xlabel=f"share of the {what} (%)", xlim=(0, 100))
    ax.set_ylim(len(shares) - 0.4, -0.6)  # the first network on top, even where two pictures share the axis
    ax.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(shares.columns) // 2 + 1, frameon=False)
    return ax


def plot_receptive(networks: Mapping[str, Genotype], ax: Axes | None = None) -> Axes:
    """Receptive field over depth, with a dotted line for each size of input image. The data come from `receptive_frame`."""
    import seaborn as sns

    ax = axes(ax, SIZE)
    for (name, g), color in zip(networks.items(), sns.color_palette("colorblind", len(networks)), strict=True):
        seen = receptive_frame(g).groupby("depth_layers").seen_px.max().cummax()
        ax.plot(seen.index, seen * METRICS["seen_px"].factor, marker=".", ms=4, color=color, label=name)
    sides = sorted({g.input[1] for g in networks.values()})
    for side in [b for a, b in zip([0, *sides], sides, strict=False) if b > 1.1 * a]:  # 224 and 227 are one line
        ax.axhline(side, color="0.5", ls=":", lw=1)
        ax.annotate(f"image, {side}", (1, side), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8, color="0.35")
    ax.set(xlabel=METRICS["depth_layers"].label, ylabel=METRICS["seen_px"].label, xscale="log", yscale="log")
    for axis in (ax.xaxis, ax.yaxis):
        number_log_axis(axis)
    ax.grid(alpha=0.25)
    ax.legend(fontsize=8)
    return ax
