"""An evaluator without training, in a module that a trial's process loads in no time."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

from nasbench.files import write_atomic
from nasbench.genotype import Genotype, cost


def by_size(task):
    """The more multiply-adds, the better."""
    return {"status": "ok", "accuracy": 1 - 1 / math.log10(10 + cost(Genotype.from_yaml(task.genotype)).macs), "seconds": 0.01}


def slowly(task):
    """The same in 0.3 s, as a trial does it: with a result that is found again, and a mark of every time it began."""
    folder = Path(task.folder)
    if (folder / "result.json").exists():
        return json.loads((folder / "result.json").read_text())
    with (folder / "started").open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.3)
    told = by_size(task)
    write_atomic(folder / "result.json", json.dumps(told))
    return told
