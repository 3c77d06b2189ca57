"""A whole search for the tests to kill, with an engine: `whole_driver.py DIRECTORY ENGINE JOBS TRIALS [ADDRESS]`.

The environment may name another strategy than that of version 0.1, with its options: `STRATEGY='{"strategy": "tpe", "options": {}}'`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from formula import slowly
from paper_search import Silent, Stopwatch, problem, profile, run

from nasbench.engines.config import EngineConfig
from nasbench.engines.open import open_engine
from nasbench.search.limits import Limits


class Printing(Silent):
    """Prints a line for every trial."""

    def step(self, message=None):
        if message:
            print(message, flush=True)


def search(path, engine, jobs, trials, address=None):
    """A search in which some networks are surely within the limit, some are unsure, and the predictor has errors."""
    settings = {"trials": trials, "limits": Limits(latency_ms=2.0), "workers": jobs, "evaluate": slowly, "final_seeds": 2}
    settings |= json.loads(os.environ.get("STRATEGY", "{}"))
    engine_config = EngineConfig(name=engine, address=address)
    whole = problem(Stopwatch(speed=1.4), profile(error=0.1), engine=engine_config, **settings)
    return run(path, whole, Printing(), engine=open_engine)


if __name__ == "__main__":
    search(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
