"""The classics, each a few rows in the one vocabulary."""

from nasbench.zoo.known import Facts, Printed, facts, known, members

__all__ = ["Facts", "Printed", "facts", "known", "members"]
