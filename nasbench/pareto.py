"""Fronts of several objectives: which points no other point dominates, and how much they cover.

Points are sequences of numbers, all to be minimised; `signed` negates the objectives to be maximised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nasbench.errors import NasbenchError

Point = tuple[float, ...]


def signed(points: Sequence[Sequence[float]], maximize: Sequence[bool]) -> list[Point]:
    """The points with the objectives to be maximised negated, so that all are to be minimised.

    >>> signed([(0.9, 20)], [True, False])
    [(-0.9, 20)]

    Raises:
        NasbenchError: a point has another number of objectives than `maximize`.
    """
    for p in points:
        if len(p) != len(maximize):
            raise NasbenchError(f"every point needs {len(maximize)} objectives; got {tuple(p)!r}")
    return [tuple(-v if up else v for v, up in zip(p, maximize, strict=True)) for p in points]


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether `a` is not worse than `b` in any objective and better in at least one."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def front(points: Sequence[Sequence[float]]) -> list[int]:
    """The positions of the points that no other point dominates, sorted by the first objective.

    Points with infinite or NaN values are left out. Equal points are either all on the front or all not.

    >>> front([(3, 1), (1, 3), (3, 3), (2, 2)])
    [1, 3, 0]
    """
    finite = [i for i, p in enumerate(points) if all(math.isfinite(v) for v in p)]
    order = sorted(finite, key=lambda i: tuple(points[i]))
    if points and len(points[0]) == 2:
        indices: list[int] = []
        for i in order:
            if not indices or points[i][1] < points[indices[-1]][1] or tuple(points[i]) == tuple(points[indices[-1]]):
                indices.append(i)
        return indices
    return [i for i in order if not any(dominates(points[j], points[i]) for j in finite)]


def hypervolume(points: Sequence[Sequence[float]], reference: Sequence[float]) -> float:
    """The volume that the points dominate below `reference`, exact, for a handful of objectives.

    It is computed by slicing along the last objective.

    >>> hypervolume([(0, 1), (1, 0)], reference=(2, 2))
    3.0
    """
    inside = [tuple(p) for p in points if all(math.isfinite(v) and v < r for v, r in zip(p, reference, strict=True))]
    return _volume([inside[i] for i in front(inside)], tuple(reference))  # a point that is dominated adds nothing


def _volume(points: list[Point], reference: Point) -> float:
    if not points:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(p[0] for p in points)
    levels = sorted({p[-1] for p in points})
    total = 0.0
    for level, above in zip(levels, [*levels[1:], reference[-1]], strict=True):
        total += (above - level) * _volume([p[:-1] for p in points if p[-1] <= level], reference[:-1])
    return total
