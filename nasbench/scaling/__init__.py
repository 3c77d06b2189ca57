"""Bigger and smaller: rules that make one network from another."""

from nasbench.scaling.scale import scale

__all__ = ["scale"]
