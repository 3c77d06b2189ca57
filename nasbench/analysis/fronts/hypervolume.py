"""Hypervolume: the area that a front covers, seen from a reference point."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from nasbench import pareto
from nasbench.analysis.fronts.front import points


class Hypervolume(NamedTuple):
    """The area that a front covers, with its reference point.

    Attributes:
        ms: The area between the front and the reference point, in milliseconds x accuracy (a share).
        latency_ms, accuracy: The reference point. Networks that are slower or less accurate add nothing.
    """

    ms: float
    latency_ms: float
    accuracy: float

    def __float__(self) -> float:
        return self.ms

    def __str__(self) -> str:
        return f"{self.ms:.3f} ms x accuracy (reference {self.latency_ms:g} ms, accuracy {self.accuracy:.0%})"

    @property
    def mean_accuracy(self) -> float:
        """The accuracy of the front's best network, above the reference, averaged over all limits from 0 ms to the reference.

        A limit that no network keeps counts as 0.
        """
        return self.ms / self.latency_ms if self.latency_ms else math.nan


def usable(trials: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Study.trials` from which a front is made: trials that were trained in full and keep every limit."""
    return trials[(trials["status"] == "ok") & trials["accuracy"].notna() & trials[cost_column(trials)].notna()]


def cost_column(trials: pd.DataFrame) -> str:
    """The column that says what a network costs: `latency_ms`, or `macs` in a study in which nothing asked for latencies."""
    has_macs = "macs" in trials and trials["macs"].notna().any()
    return "macs" if has_macs and trials["latency_ms"].isna().all() else "latency_ms"


def comparable(trials: pd.DataFrame, phase: str | None = None) -> pd.DataFrame:
    """The usable rows that were evaluated alike: those of one phase, by default of all but the final round.

    The final round trains networks of the other phases again, beside known networks.
    """
    df = usable(trials)
    return df[df["phase"] != "final"] if phase is None else df[df["phase"] == phase]


def hypervolume(trials: pd.DataFrame, reference: tuple[float, float]) -> Hypervolume:
    """The area that the usable trials of a frame cover below `reference`: (latency in ms, accuracy as a share)."""
    losses = pareto.signed(points(usable(trials)), [False, True])
    return Hypervolume(pareto.hypervolume(losses, (reference[0], -reference[1])), *reference)
