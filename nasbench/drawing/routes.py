"""Lines that cannot go straight down from a block to the next: to another column, or past a block in between.

Each runs in lanes of the gutters, the empty strips left of each column, and so crosses no block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nasbench.drawing.picture import Rect

LANE = 10.0  # between two lines of a gutter
STEP = 26.0  # at most between two lines that end at one block

Points = tuple[tuple[float, float], ...]


class Route(NamedTuple):
    """A line from block `source` in column `leaves` to block `target` in column `enters`."""

    source: int
    target: int
    leaves: int
    enters: int

    @property
    def far(self) -> bool:
        """Whether it passes whole columns, above them."""
        return self.enters - self.leaves > 1


class Plan(NamedTuple):
    """Where lines run.

    Attributes:
        exits, entries: heights at which a line leaves and reaches its blocks.
        lanes: per line and gutter, counted from the left.
        over: height of a line that passes columns.
    """

    exits: Mapping[Route, float]
    entries: Mapping[Route, float]
    lanes: Mapping[tuple[Route, int], int]
    over: Mapping[Route, float]

    def width(self, gutter: int) -> float:
        """Pixels that the lines of a gutter need."""
        return LANE * max((lane + 1 for (_, at), lane in self.lanes.items() if at == gutter), default=0)

    def points(self, r: Route, source: Rect, target: Rect, gutters: Sequence[float]) -> Points:
        """The corners of a line; `gutters` are the x of their first lanes."""
        out, into = self.exits[r], self.entries[r]
        x = gutters[r.enters] + LANE * self.lanes[r, r.enters]
        end = ((x, into), (target.x, into))
        if r.leaves == r.enters:
            return ((source.x, out), (x, out), *end)
        if not r.far:
            return ((source.right, out), (x, out), *end)
        up = gutters[r.leaves + 1] + LANE * self.lanes[r, r.leaves + 1]
        return ((source.right, out), (up, out), (up, self.over[r]), (x, self.over[r]), *end)


def find_routes(edges: Iterable[tuple[int, int]], column: Sequence[int]) -> list[Route]:
    """The edges that need one; `column` is that of each block."""
    return [Route(i, j, column[i], column[j]) for i, j in edges if column[i] != column[j] or j - i > 1]


def plan_routes(routes: Sequence[Route], tops: Sequence[float], heights: Sequence[float], top: float) -> Plan:
    """Give each line heights and lanes of its own; blocks reach from `tops` over `heights`, and the highest begins at `top`."""
    exits: dict[Route, float] = {}
    entries: dict[Route, float] = {}
    for block, (y, height) in enumerate(zip(tops, heights, strict=True)):
        into = [r for r in routes if r.target == block]
        out = [r for r in routes if r.source == block]
        step = min(STEP, height / (len(into) + len(out) + 1))
        entries |= {r: y + step * (k + 1) for k, r in enumerate(into)}
        exits |= {r: y + height - step * (k + 1) for k, r in enumerate(out)}
    far = [r for r in routes if r.far]
    over = {r: top - LANE * (k + 1) for k, r in enumerate(far)}
    ends_of = [(r.enters, over.get(r, exits[r]), entries[r], r) for r in routes] + [(r.leaves + 1, over[r], exits[r], r) for r in far]
    lanes: dict[tuple[Route, int], int] = {}
    busy: dict[int, list[float]] = {}  # per gutter, where the last line of each lane ends
    for gutter, low, high, r in sorted((gutter, min(a, b), max(a, b), r) for gutter, a, b, r in ends_of):
        ends = busy.setdefault(gutter, [])
        lane = next((n for n, end in enumerate(ends) if end + LANE / 2 < low), len(ends))
        ends[lane : lane + 1] = [high]
        lanes[r, gutter] = lane
    return Plan(exits, entries, lanes, over)
