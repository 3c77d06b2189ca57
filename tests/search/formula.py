"""An evaluator without training, in a module that a trial's process loads in no time."""

from __future__ import annotations

import math

from nasbench.genotype import Genotype, cost


def by_size(task):
    """The more multiply-adds, the better."""
    return {"status": "ok", "accuracy": 1 - 1 / math.log10(10 + cost(Genotype.from_yaml(task.genotype)).macs), "seconds": 0.01}
