"""Predicted against measured latency: every measurement of a study beside the prediction of the study's profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nasbench.analysis.plots.figure import axes, number_log_axis
from nasbench.analysis.plots.metrics import metric
from nasbench.genotype import Genotype
from nasbench.search.final.finalists import load_finalists
from nasbench.study.measurements import MEASUREMENTS_FILE, Measurements

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nasbench.analysis.study import Study


def agreement_frame(study: Study) -> pd.DataFrame:
    """Every measurement of a study beside the prediction of its profile, both scaled to the machine's speed during profiling.

    A network is left out where the study does not store its genotype.

    Columns: where (the phase that asked for the measurement, `finalists` or `winner`), digest, predicted_ms with predicted_low_ms and
    predicted_high_ms, extrapolated (the network lies outside the profile, so its interval may be wrong), measured_ms with
    measured_low_ms and measured_high_ms, n (rounds of the measurement), noisy.

    Raises:
        StudyError: the study has no profile yet, or its measurements are damaged.
    """
    predictor = study.predictor()
    measurements = Measurements(study.path / MEASUREMENTS_FILE, predictor.profile.speed_ms)
    genotypes = {f.digest: f.genotype for f in load_finalists(study.path / "finalists.json") or ()}
    genotypes |= {t.digest: t.genotype for t in study.records() if t.digest and t.genotype}
    measured = [(m, measurements.at_speed(m.raw)) for m in measurements.all() if m.digest in genotypes]
    digests = list(dict.fromkeys(m.digest for m, _ in measured))
    predictions = predictor.predict_many([Genotype.from_yaml(genotypes[d]) for d in digests])
    predicted = dict(zip(digests, predictions, strict=True))
    return pd.DataFrame(
        [
            (m.where, m.digest, p.ms, p.low_ms, p.high_ms, bool(p.extrapolated), at.median_ms, at.low_ms, at.high_ms, at.n, at.noisy)
            for m, at in measured
            for p in [predicted[m.digest]]
        ],
        columns=[
            "where", "digest", "predicted_ms", "predicted_low_ms", "predicted_high_ms", "extrapolated", "measured_ms", "measured_low_ms",
            "measured_high_ms", "n", "noisy",
        ],
    )  # fmt: skip


def inside_intervals(agreement: pd.DataFrame) -> tuple[int, int]:
    """How many measurements lie in the interval of their prediction, and of how many. Noisy and extrapolated ones are not counted."""
    df = agreement[~agreement["noisy"] & ~agreement["extrapolated"]]
    return int(df["measured_ms"].between(df["predicted_low_ms"], df["predicted_high_ms"]).sum()), len(df)


def plot_agreement(agreement: pd.DataFrame, limit_ms: float | None = None, ax: Axes | None = None) -> Axes:
    """Measured over predicted latency with both intervals, the line where they are equal, and the limit on both axes."""
    import seaborn as sns

    ax = axes(ax, (6.2, 6.4))
    ends = ("predicted_low_ms", "predicted_high_ms", "measured_low_ms", "measured_high_ms")
    for (label, df), color in zip(
        (
            ("prediction within the profile", agreement[~agreement["extrapolated"] & ~agreement["noisy"]]),
            ("prediction outside the profile", agreement[agreement["extrapolated"] & ~agreement["noisy"]]),
            ("noisy measurement", agreement[agreement["noisy"]]),
        ),
        sns.color_palette("colorblind", 3),
        strict=True,
    ):
        if df.empty:
            continue
        left, right, down, up = (
            (df[f"{which}_{end}_ms"] - df[f"{which}_ms"]).abs() for which in ("predicted", "measured") for end in ("low", "high")
        )
        ax.errorbar(
            df["predicted_ms"], df["measured_ms"], xerr=[left, right], yerr=[down, up], fmt="o", ms=4.5, color=color, ecolor=color,
            elinewidth=0.8, alpha=0.8, label=f"{label} ({len(df)})",
        )  # fmt: skip
    if len(agreement):
        low, high = float(agreement[[*ends]].min().min()), float(agreement[[*ends]].max().max())
        span_ms = (low / 1.1, high * 1.1)
        ax.plot(span_ms, span_ms, color="0.4", lw=1, ls=":", label="equal")
        ax.set(xscale="log", yscale="log", xlim=span_ms, ylim=span_ms)
        for axis in (ax.xaxis, ax.yaxis):
            number_log_axis(axis, minor="2357")
    if limit_ms is not None and ax.get_xlim()[0] <= limit_ms <= ax.get_xlim()[1]:
        ax.axvline(limit_ms, color="0.35", ls="--", lw=1, label=f"limit {limit_ms:g} ms")
        ax.axhline(limit_ms, color="0.35", ls="--", lw=1)
    inside, count = inside_intervals(agreement)
    ax.set(xlabel=metric("predicted_ms").label, ylabel=metric("measured_ms").label, aspect="equal")
    ax.set_title(f"{inside} of {count} measurements within the interval of their prediction", fontsize=10, loc="left")
    ax.grid(alpha=0.25)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=8, loc="upper left", framealpha=0.9)
    return ax
