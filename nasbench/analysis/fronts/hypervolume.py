"""How much a front covers, and of what."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from nasbench import pareto


class Hypervolume(NamedTuple):
    """How much a front covers, and of what.

    Attributes:
        ms: the area between the front and the reference point, in milliseconds x accuracy (a share).
        latency_ms, accuracy: the reference point; networks that are slower or less accurate count nothing.
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
        """What the front's best has on average, above the reference, for a limit anywhere from 0 ms to the reference; 0 where none fits."""
        return self.ms / self.latency_ms if self.latency_ms else math.nan


def usable(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that were trained in full and keep every limit: of a frame of `Study.trials`, those a front may be made of."""
    return trials[(trials["status"] == "ok") & trials["accuracy"].notna() & trials["latency_ms"].notna()]


def hypervolume(trials: pd.DataFrame, reference: tuple[float, float]) -> Hypervolume:
    """The area that the usable trials of a frame cover below `reference`: (latency in ms, accuracy as a share)."""
    df = usable(trials)
    points = [(float(ms), -float(share)) for ms, share in zip(df["latency_ms"], df["accuracy"], strict=True)]
    return Hypervolume(pareto.hypervolume(points, (reference[0], -reference[1])), *reference)
