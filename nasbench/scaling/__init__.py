"""Bigger and smaller: rules that make one network from another."""

from nasbench.scaling.law import PUBLISHED, Factors, Law, fast, from_spec, of_shares
from nasbench.scaling.scale import scale

__all__ = ["PUBLISHED", "Factors", "Law", "fast", "from_spec", "of_shares", "scale"]
