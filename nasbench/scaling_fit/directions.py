"""Directions of growth: the shares of depth, width and resolution in the growth of the multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping

from nasbench.scaling import PUBLISHED, fast

Shares = tuple[float, float, float]
"""Shares of depth, width and resolution, which sum to 1; see `nasbench.scaling.law`."""

BASE, LATTICE, FITTED = "base", "lattice", "fitted"  # the network that does not grow, any direction of the lattice, the fitted law
AXES: Mapping[str, Shares] = {"depth": (1.0, 0.0, 0.0), "width": (0.0, 1.0, 0.0), "resolution": (0.0, 0.0, 1.0)}


def lattice(parts: int) -> list[Shares]:
    """The simplex lattice: all shares that are multiples of 1/parts (Scheffe 1958, "Experiments with mixtures", section 2).

    >>> len(lattice(3)), len(lattice(4))
    (10, 15)
    """
    return [(i / parts, j / parts, (parts - i - j) / parts) for i in range(parts, -1, -1) for j in range(parts - i, -1, -1)]


def compared_directions(fitted: Shares) -> dict[str, Shares]:
    """The directions of the curves: each axis alone, EfficientNet's law, fast scaling, and the fitted law."""
    return {**AXES, "EfficientNet's": PUBLISHED.shares, "fast (d1_w8_r1)": fast().shares, FITTED: fitted}


def show_shares(shares: Shares) -> str:
    """Shares as text.

    >>> show_shares((0.25, 0.5, 0.25))
    '0.25, 0.50, 0.25'
    """
    return ", ".join(f"{share:.2f}" for share in shares)
