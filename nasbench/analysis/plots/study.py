"""The picture of a study: its front, random search, known networks and the latency limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from nasbench.analysis.final_round import FinalNetwork, final_network
from nasbench.analysis.fronts.front import pareto_front, points
from nasbench.analysis.fronts.hypervolume import comparable, cost_column, usable
from nasbench.analysis.plots.figure import axes, save_picture
from nasbench.analysis.plots.labels import Bubble, place_labels
from nasbench.analysis.plots.metrics import METRICS
from nasbench.evaluate.measure import ACCURACY, SHARES, explained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nasbench.analysis.study import Study

SIZE = (9.5, 5.4)  # inches
PERCENT = METRICS["accuracy"].factor


class FrontPicture(NamedTuple):
    """The data of the picture of a study, with points (cost, accuracy): the latency in ms, or where it is not known millions of MACs.

    Attributes:
        search, random: The trials of these phases that were trained in full and keep every limit.
        front: The Pareto front of both phases, sorted by cost.
        intervals: The interval (low, high) of each cost of the front.
        finals: The networks of the final round.
        limit_ms: The latency limit, or None.
        device: The device of all latencies, in words.
        how: Latencies of the final round are `measured`, or `predicted` for a device that is elsewhere.
        stopped: Trials of both phases that successive halving stopped, with the accuracy that they had reached by then.
        column: The cost: `latency_ms` or `macs`.
        measure: What the accuracies are; see `Study.measure`.
    """

    search: list[tuple[float, float]]
    random: list[tuple[float, float]]
    front: list[tuple[float, float]]
    intervals: list[tuple[float, float]]
    finals: list[FinalNetwork]
    limit_ms: float | None
    device: str
    how: str = "measured"
    stopped: Sequence[tuple[float, float]] = ()
    column: str = "latency_ms"
    measure: str = ACCURACY

    @property
    def factor(self) -> float:
        """From an accuracy to the unit of its axis."""
        return PERCENT if self.measure in SHARES else 1.0

    @property
    def label(self) -> str:
        """Of the axis of accuracies."""
        if self.measure == ACCURACY:
            return METRICS["accuracy"].label
        return f"{self.measure}{' in %' if self.measure in SHARES else ''}, {explained(self.measure)}"

    def cost(self, network: FinalNetwork) -> tuple[float, float, float]:
        """The cost of a network of the final round, and its interval."""
        if self.column == "latency_ms":
            return network.latency_ms, network.low_ms, network.high_ms
        return (METRICS[self.column].factor * network.macs,) * 3


def front_picture(
    trials: pd.DataFrame, summary: Sequence[Mapping[str, Any]], limit_ms: float | None, device: str = "", measure: str = ACCURACY
) -> FrontPicture:
    """Collect the points from `Study.trials` and `Study.summary`."""
    trained = usable(trials)
    column = cost_column(trials)
    factor = METRICS[column].factor
    reached = trials[trials["status"].isin(["stopped", "paused"])].dropna(subset=[column, "accuracy"])
    search, random = (trained[trained["phase"] == phase] for phase in ("search", "random"))
    front = pareto_front(comparable(trials), minimize=[column], maximize=["accuracy"])
    costs = factor * front[column].astype(float)
    low, high = costs, costs
    if column == "latency_ms":
        low, high = (front.get(f"latency_{end}_ms", costs).fillna(costs).astype(float) for end in ("low", "high"))
    stopped = [point for phase in ("search", "random") for point in points(reached[reached["phase"] == phase], column, factor)]
    how = "measured" if all(r.get("measured", True) for r in summary) else "predicted"
    return FrontPicture(
        points(search, column, factor), points(random, column, factor), points(front, column, factor), list(zip(low, high, strict=True)),
        list(map(final_network, summary)), limit_ms, device, how, stopped, column, measure,
    )  # fmt: skip


def plot_front(picture: FrontPicture, ax: Axes | None = None) -> Axes:
    """Accuracy over latency: search and random search, the front, known networks, the winner and the latency limit.

    Horizontal whiskers are the interval of a latency; vertical whiskers go from the worst to the best seed.
    """
    import seaborn as sns

    ax = axes(ax, SIZE)
    blue, orange, green, red = sns.color_palette("colorblind", 4)
    if picture.stopped:
        x, y = zip(*picture.stopped, strict=True)
        label = f"stopped before the end ({len(picture.stopped)} trials)"
        ax.scatter(x, [picture.factor * v for v in y], s=9, color="0.6", marker=".", alpha=0.8, zorder=1, label=label)
    for name, trained, color, marker in (("random", picture.random, orange, "x"), ("search", picture.search, blue, "o")):
        if trained:
            x, y = zip(*trained, strict=True)
            ax.scatter(
                x, [picture.factor * v for v in y], s=26, color=color, marker=marker, alpha=0.7, label=f"{name} ({len(trained)} trials)"
            )
    if picture.front:
        x, y = zip(*picture.front, strict=True)
        ax.step(x, [picture.factor * v for v in y], where="post", color="0.3", lw=1.4, label="front of both phases")
        ends = [[ms - low, high - ms] for ms, (low, high) in zip(x, picture.intervals, strict=True)]
        ax.errorbar(
            x, [picture.factor * v for v in y], xerr=list(zip(*ends, strict=True)), fmt="none", ecolor="0.3", elinewidth=0.8, alpha=0.6
        )
    how_finals = f", {picture.how}" if picture.column == "latency_ms" else ""
    for kind, source, color, marker, size in (
        ("known network", "known", green, "s", 6.5),
        ("finalist", "search", blue, "D", 7),
        ("best of random", "random", orange, "D", 7),
    ):
        networks = [n for n in picture.finals if n.source == source and not n.winner]
        _finals(picture, networks, ax, color, marker, size, f"{kind}{how_finals}")
    for network in picture.finals:
        if network.winner:
            _finals(picture, [network], ax, red, "*", 15, f"winner ({network.name}){how_finals}")
    if picture.limit_ms is not None:
        ax.axvline(picture.limit_ms, color="0.35", ls="--", lw=1.1, label=f"limit {picture.limit_ms:g} ms")
        ax.set_xlim(right=max(ax.get_xlim()[1], 1.04 * picture.limit_ms))
    if picture.column == "latency_ms":
        how = "small marks predicted, or measured where the prediction was unsure"
        ax.set_xlabel(f"{METRICS[picture.column].label}: {how}" + (f"\n{picture.device}" if picture.device else ""))
    else:
        ax.set_xlabel(METRICS[picture.column].label)
    ax.set_ylabel(picture.label)
    ax.grid(alpha=0.25)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, frameon=False, markerscale=0.8)
    _name_known(picture, ax)
    return ax


def _finals(picture: FrontPicture, networks: Sequence[FinalNetwork], ax: Axes, color: Any, marker: str, size: float, label: str) -> None:
    if networks:
        costs = [picture.cost(n) for n in networks]
        ax.errorbar(
            [cost for cost, _, _ in costs], [picture.factor * n.accuracy for n in networks],
            xerr=[[max(0.0, cost - low) for cost, low, _ in costs], [max(0.0, high - cost) for cost, _, high in costs]],
            yerr=[[picture.factor * (n.accuracy - n.worst) for n in networks], [picture.factor * (n.best - n.accuracy) for n in networks]],
            fmt=marker, ms=size, mfc=color, mec="black", mew=0.7, ecolor="0.25", elinewidth=1, capsize=2.5, label=label,
            zorder=4 if marker == "*" else 3,
        )  # fmt: skip


def _name_known(picture: FrontPicture, ax: Axes) -> None:
    known = [Bubble(n.label, picture.cost(n)[0], picture.factor * n.accuracy, 5) for n in picture.finals if n.source == "known"]
    others = [Bubble("", ms, picture.factor * share, 3) for ms, share in (*picture.search, *picture.random)]
    others += [Bubble("", picture.cost(n)[0], picture.factor * n.accuracy, 6) for n in picture.finals if n.source != "known"]
    place_labels(ax, known, others)


def save_front(study: Study, path: Path | None = None) -> Path:
    """Write the picture of a study; default path: `front.png` in the study directory."""
    picture = front_picture(study.trials(), study.summary(), study.limit_ms, study.device, study.measure)
    file = path or study.path / "front.png"
    if not picture.finals or study.final_measure == study.measure:
        return save_picture(file, lambda figure: plot_front(picture, figure.subplots()), SIZE, study_title(study))
    scores = picture._replace(finals=[])
    alone = picture._replace(search=[], random=[], front=[], intervals=[], stopped=[], measure=study.final_measure)

    def draw(figure: Figure) -> None:
        """Scores with shared weights above, networks that were trained alone below: one has nothing to do on the axis of the other."""
        upper, lower = figure.subplots(2, 1, sharex=True)
        plot_front(scores, upper).set_xlabel("")
        plot_front(alone, lower)

    return save_picture(file, draw, (SIZE[0], 2 * SIZE[1]), study_title(study))


def study_title(study: Study) -> str:
    """The title of a picture of a study: its name, its space or network, and its data."""
    command = study.command
    return f"{study.path.absolute().name}: {command.get('space') or command.get('network')} on {command.get('data')}"
