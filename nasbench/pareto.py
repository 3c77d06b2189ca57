"""Fronts of several objectives: which points no other dominates, and how much they cover. No torch.

Points are sequences of numbers, all to be minimised; `signed` turns round those to be maximised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nasbench.errors import NasbenchError

Point = tuple[float, ...]


def signed(points: Sequence[Sequence[float]], maximize: Sequence[bool]) -> list[Point]:
    """Points as they are to be minimised: columns to maximise are negated.

    Raises:
        NasbenchError: a point with another number of objectives.
    """
    for p in points:
        if len(p) != len(maximize):
            raise NasbenchError(f"every point needs {len(maximize)} objectives; got {tuple(p)!r}")
    return [tuple(-v if up else v for v, up in zip(p, maximize, strict=True)) for p in points]


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether `a` is nowhere worse than `b` and somewhere better."""
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def front(points: Sequence[Sequence[float]]) -> list[int]:
    """Indices of the points that no other dominates, by the first objective; points that are not finite are left out.

    Equal points stand or fall together.
    """
    finite = [i for i, p in enumerate(points) if all(math.isfinite(v) for v in p)]
    order = sorted(finite, key=lambda i: tuple(points[i]))
    if points and len(points[0]) == 2:
        found: list[int] = []
        for i in order:
            if not found or points[i][1] < points[found[-1]][1] or tuple(points[i]) == tuple(points[found[-1]]):
                found.append(i)
        return found
    return [i for i in order if not any(dominates(points[j], points[i]) for j in finite)]


def hypervolume(points: Sequence[Sequence[float]], reference: Sequence[float]) -> float:
    """Volume between the front and `reference`, by slicing along the last objective (exact; for a handful of objectives)."""
    inside = [tuple(p) for p in points if all(math.isfinite(v) and v < r for v, r in zip(p, reference, strict=True))]
    return _volume(inside, tuple(reference))


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
