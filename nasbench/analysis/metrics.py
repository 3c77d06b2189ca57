"""How pictures label a column: its name with the unit, and the factor to that unit. And how a picture is written to a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nasbench.errors import NasbenchError, nearest
from nasbench.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Metric(NamedTuple):
    """How a column is shown: label with unit, and the factor to that unit."""

    label: str
    factor: float = 1.0


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric("proxy accuracy on validation images (%)", 100),
    "best_accuracy": Metric("best proxy accuracy so far (%)", 100),
    "latency_ms": Metric("latency (ms)"),
    "predicted_ms": Metric("predicted latency (ms)"),
    "measured_ms": Metric("measured latency (ms)"),
    "hypervolume_ms": Metric("hypervolume (ms x accuracy)"),
    "macs": Metric("multiply-adds (millions)", 1e-6),
    "params_count": Metric("parameters (millions)", 1e-6),
    "activations_count": Metric("activations (millions)", 1e-6),
    "peak_bytes": Metric("memory to run (MiB)", 2**-20),
    "size_bytes": Metric("size of the model (MiB)", 2**-20),
    "cost_s": Metric("training so far (minutes of one worker)", 1 / 60),
    "share": Metric("share of networks (%)", 100),
    "top1_percent": Metric("published ImageNet top-1 (%)"),
    "seen_px": Metric("receptive field (pixels)"),
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


def axes(ax: Axes | None, size: tuple[float, float] = (8, 5.2)) -> Axes:
    """`ax` itself, or the axes of a new figure of that size in inches."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def save_picture(path: Path, draw: Callable[[Figure], object], size: tuple[float, float] = (8, 5.2)) -> Path:
    """Let `draw` fill a figure, and write it to `path`, whole or not at all. The file's extension gives the format.

    Raises:
        NasbenchError: an extension without a format, or the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    formats = figure.canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".") not in formats:
        raise NasbenchError(f"the extension of a picture's file is one of {', '.join(sorted(formats))}; got {path.name}")
    draw(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.removeprefix("."), dpi=130)
    write_atomic(path, buffer.getvalue())
    return path
