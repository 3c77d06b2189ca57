"""How pictures show a column: its name, its unit, and the factor to that unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nasbench.errors import NasbenchError, nearest


class Metric(NamedTuple):
    """How a column is shown: its name, its unit (empty for plain counts), and the factor to that unit."""

    name: str
    unit: str = ""
    factor: float = 1.0

    @property
    def label(self) -> str:
        """The name with the unit, for an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric("proxy accuracy on validation images", "%", 100),
    "best_accuracy": Metric("best proxy accuracy so far", "%", 100),
    "latency_ms": Metric("latency", "ms"),
    "predicted_ms": Metric("predicted latency", "ms"),
    "measured_ms": Metric("measured latency", "ms"),
    "hypervolume_ms": Metric("hypervolume", "ms x accuracy"),
    "macs": Metric("multiply-adds", "millions", 1e-6),
    "params_count": Metric("parameters", "millions", 1e-6),
    "activations_count": Metric("activations", "millions", 1e-6),
    "peak_bytes": Metric("memory to run", "MiB", 2**-20),
    "size_bytes": Metric("size of the model", "MiB", 2**-20),
    "cost_s": Metric("training so far", "minutes of one worker", 1 / 60),
    "share": Metric("share of networks", "%", 100),
    "top1_percent": Metric("published ImageNet top-1", "%"),
    "seen_px": Metric("receptive field", "pixels"),
    "depth_layers": Metric("convolutions so far"),
    "year": Metric("year of the paper"),
}


def metric(column: str) -> Metric:
    """How a column is shown.

    Raises:
        NasbenchError: a column without a label.
    """
    if column not in METRICS:
        raise NasbenchError(f"a picture shows one of {', '.join(METRICS)}; got {column!r}{nearest(column, METRICS)}")
    return METRICS[column]
