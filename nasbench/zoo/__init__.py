"""The classics, each a few rows in the one vocabulary."""

from nasbench.zoo.known import Facts, facts, known

__all__ = ["Facts", "facts", "known"]
