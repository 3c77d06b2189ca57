"""A benchmark as files: JSON, CSV and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench import __version__
from nasbench.bench.run import Bench
from nasbench.bench.statistics import HIGHER_IS_BETTER, MEASURES, frame, summary
from nasbench.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def shown_measures(bench: Bench) -> list[str]:
    """The measures that a benchmark in its mode is about."""
    if bench.config.problem.mode == "pareto":
        return ["hypervolume"]
    return [measure for measure in MEASURES if measure not in HIGHER_IS_BETTER]


def as_data(bench: Bench) -> dict[str, Any]:
    """Everything about a benchmark as JSON data, so that it can be repeated."""
    config, problem = bench.config, bench.config.problem
    return {
        "table": problem.read.name,
        "sha256": problem.read.sha256,
        "metric": problem.read.metric,
        "space": problem.space,
        "networks": len(problem.networks),
        "limits": {"macs": problem.macs, "params": problem.params},
        "mode": problem.mode,
        "best": problem.best.mean,
        "reference": list(problem.reference) if problem.mode == "pareto" else None,
        "strategies": list(config.strategies),
        "seeds": list(config.seeds),
        "nasbench": __version__,
        "summary": {m: json.loads(summary(bench, m).to_json(orient="records")) for m in shown_measures(bench)},
    }


def save(bench: Bench, folder: Path) -> None:
    """Write `bench.json` (the summary), `bench.csv` (one row for each search) and `bench.png`.

    Raises:
        NasbenchError: the folder cannot be written.
    """
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "bench.json", json.dumps(as_data(bench), indent=1) + "\n")
    write_atomic(folder / "bench.csv", frame(bench).to_csv(index=False))
    figure = plot(bench)
    figure.savefig(folder / "bench.png", dpi=150)
    plt.close(figure)


def plot(bench: Bench) -> Figure:
    """The mean of each measure against the number of evaluations, with a band of two standard errors."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    measures = shown_measures(bench)
    figure, several = plt.subplots(1, len(measures), figsize=(1 + 4.2 * len(measures), 4.2), squeeze=False, layout="constrained")
    colors = dict(zip(bench.config.strategies, sns.color_palette("colorblind", len(bench.config.strategies)), strict=True))
    for ax, measure in zip(several[0], measures, strict=True):
        for name, df in summary(bench, measure).groupby("strategy", sort=False):
            color = colors[str(name)]
            # Strategies may agree to the last digit: dashes show the line below.
            dashes = "-" if bench.config.strategies.index(str(name)) % 2 == 0 else "--"
            ax.plot(df["evaluations"], df["mean"], dashes, marker="o", ms=4, color=color, label=str(name))
            low, high = df["mean"] - 2 * df["standard_error"], df["mean"] + 2 * df["standard_error"]
            ax.fill_between(df["evaluations"], low, high, color=color, alpha=0.15, lw=0)
        ax.set(xlabel="evaluations", xticks=bench.config.evaluations)
        ax.set_title(MEASURES[measure], fontsize=9, loc="left")
        if measure not in HIGHER_IS_BETTER:
            ax.set_ylim(bottom=0)
        ax.grid(alpha=0.25)
    several[0][0].legend(fontsize=8)
    problem = bench.config.problem
    limits = f", {problem.limits.describe()}" if problem.limits.any else ""
    figure.suptitle(f"{problem.read.name}{limits}: {len(bench.config.seeds)} searches of each strategy", fontsize=11)
    return figure
