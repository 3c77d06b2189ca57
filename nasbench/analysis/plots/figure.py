"""Axes to draw into, numbers on logarithmic axes, and figures written to files."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench.errors import NasbenchError
from nasbench.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


LETTERS_PER_INCH = 11  # of a title


def axes(ax: Axes | None, size: tuple[float, float] = (8, 5.2)) -> Axes:
    """`ax` itself, or the axes of a new figure of that size in inches."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def number_log_axis(axis: Axis, minor: str = "") -> None:
    """Write plain numbers at the powers of ten of a logarithmic axis, and at the minor ticks that begin with a digit of `minor`."""
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axis.set_minor_formatter(lambda value, _: f"{value:,.10g}" if f"{value:e}"[0] in minor else "")


def save_picture(path: Path, draw: Callable[[Figure], object], size: tuple[float, float] = (8, 5.2), title: str = "") -> Path:
    """Let `draw` fill a figure, and write it to `path`, whole or not at all. The file's extension gives the format.

    The `title` stands above the whole figure, in several lines if it is long.

    Raises:
        NasbenchError: an extension without a format, or the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    formats = figure.canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".") not in formats:
        raise NasbenchError(f"the extension of a picture's file is one of {', '.join(sorted(formats))}; got {path.name}")
    draw(figure)
    if title:
        figure.suptitle(textwrap.fill(title, int(LETTERS_PER_INCH * size[0])), fontsize=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.removeprefix("."), dpi=130)
    write_atomic(path, buffer.getvalue())
    return path
