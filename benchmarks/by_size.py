"""An evaluator in no time, in a module that a trial's process loads at once: the more multiply-adds, the better.

So a search goes as near to its latency limit as it can, which is the hardest for the limit.
"""

from __future__ import annotations

import math
from typing import Any

from nasbench.genotype import Genotype, cost


def by_size(task: Any) -> dict[str, Any]:
    macs = cost(Genotype.from_yaml(task.genotype)).macs
    return {"status": "ok", "accuracy": 1 - 1 / math.log10(10 + macs), "seconds": 0.01}
