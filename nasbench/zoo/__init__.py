"""Known networks: each is a genotype of a few blocks."""

from nasbench.zoo.known import Facts, Printed, facts, known, members

__all__ = ["Facts", "Printed", "facts", "known", "members"]
