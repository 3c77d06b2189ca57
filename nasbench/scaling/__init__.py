"""Scaling: larger and smaller networks made from one network. Loads no torch."""

from nasbench.scaling.law import PUBLISHED, Factors, Law, fast, from_spec, of_shares
from nasbench.scaling.scale import scale

__all__ = ["PUBLISHED", "Factors", "Law", "fast", "from_spec", "of_shares", "scale"]
