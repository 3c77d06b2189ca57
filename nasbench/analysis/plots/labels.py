"""Place the names of points beside them, so that no name covers another or leaves the axes, and few cover a point.

The placement is deterministic: the same networks give the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

RINGS = (0, 6, 13, 21, 30, 40, 52, 66, 82, 100, 130)  # typographic points between a bubble's edge and its name
ANGLES = tuple(2 * math.pi * k / 24 for k in range(24))
SWEEPS = 6


class Bubble(NamedTuple):
    """A named circle: `x` and `y` in data units, `radius` in typographic points."""

    name: str
    x: float
    y: float
    radius: float


class Box(NamedTuple):
    """A rectangle on the canvas, in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Box:
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def shared(self, other: Box) -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return width * height if width > 0 and height > 0 else 0.0


class _Place(NamedTuple):
    """A possible place of a name: its cost without the other names, its gap to the bubble in points, its box and offset in pixels."""

    cost: float
    gap: float
    box: Box
    x: float
    y: float


def place_labels(ax: Axes, bubbles: Sequence[Bubble], avoid: Sequence[Bubble] = (), fontsize: float = 8) -> list[Annotation]:
    """Write the name of each bubble beside it, with a thin line to it where there was no room close by.

    Names also avoid the bubbles of `avoid`, whose own names are not written. Call it last: limits, scales and titles have to be final.
    """
    from matplotlib.patheffects import withStroke

    figure = ax.get_figure(root=True)
    if figure is None or not bubbles:
        return []
    figure.draw_without_rendering()
    pixel = figure.dpi / 72
    frame = ax.get_window_extent()
    inside = Box(frame.x0 + 2, frame.y0 + 2, frame.x1 - 2, frame.y1 - 2)
    halo = [withStroke(linewidth=2.5, foreground="white", alpha=0.85)]  # so that a line behind it does not strike a name through
    texts = [
        ax.annotate(
            b.name, (b.x, b.y), xytext=(0, 0), textcoords="offset points", ha="center", va="center", fontsize=fontsize, zorder=6,
            path_effects=halo,
        )
        for b in bubbles
    ]  # fmt: skip
    circles = []
    for b in (*bubbles, *avoid):
        x, y = ax.transData.transform((b.x, b.y))
        circles.append((float(x), float(y), b.radius * pixel))
    sizes = [(e.width + 3, e.height + 1) for e in (text.get_window_extent() for text in texts)]
    options = [_places(circle, size, circles, inside, pixel) for circle, size in zip(circles[: len(bubbles)], sizes, strict=True)]
    chosen = _settle(options, circles)
    for text, bubble, place in zip(texts, bubbles, chosen, strict=True):
        text.set_position((place.x / pixel, place.y / pixel))
        if place.gap >= RINGS[2]:
            _line(ax, bubble, place, pixel)
        text.set_in_layout(False)
    return texts


def _line(ax: Axes, bubble: Bubble, place: _Place, pixel: float) -> None:
    """Draw a line from the middle of the bubble to the nearest edge of the name's box."""
    width, height = place.box.right - place.box.left, place.box.top - place.box.bottom
    end = (max(abs(place.x) - width / 2, 0) * math.copysign(1, place.x), max(abs(place.y) - height / 2, 0) * math.copysign(1, place.y))
    line = ax.annotate(
        "", (bubble.x, bubble.y), xytext=(end[0] / pixel, end[1] / pixel), textcoords="offset points", zorder=4,
        arrowprops={"arrowstyle": "-", "lw": 0.6, "color": "0.4", "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    line.set_in_layout(False)


def _places(
    circle: tuple[float, float, float], size: tuple[float, float], circles: Sequence[tuple[float, float, float]], inside: Box, pixel: float
) -> list[_Place]:
    """The possible places of a name, the best first."""
    x, y, radius = circle
    width, height = size
    places = []
    for ring in RINGS:
        for angle in ANGLES:
            c, s = math.cos(angle), math.sin(angle)
            away = radius + (2 + ring) * pixel
            dx, dy = c * (away + width / 2 * abs(c)), s * (away + height / 2 * abs(s))
            box = Box.around(x + dx, y + dy, width, height)
            outside = width * height - box.shared(inside)
            hidden = sum(box.shared(Box.around(a, b, 1.8 * r, 1.8 * r)) for a, b, r in circles)
            places.append(_Place(ring + 0.5 * hidden + 100 * max(0.0, outside), ring, box, dx, dy))
    return sorted(places, key=lambda place: place.cost)


def _settle(options: Sequence[Sequence[_Place]], circles: Sequence[tuple[float, float, float]]) -> list[_Place]:
    """Choose one place for each name: in turns, each name takes the best place that the others leave, until no name moves."""
    chosen = [places[0] for places in options]
    # Names in crowded places come first: they have the fewest choices.
    order = sorted(range(len(chosen)), key=lambda i: sorted(math.hypot(c[0] - circles[i][0], c[1] - circles[i][1]) for c in circles)[:4])
    for _ in range(SWEEPS):
        before = list(chosen)
        for i in order:
            others = [place.box for j, place in enumerate(chosen) if j != i]
            chosen[i] = min(options[i], key=lambda place: place.cost + 20 * sum(place.box.shared(box) for box in others))
        if chosen == before:
            break
    return chosen
