"""A whole search to be killed, its trials in processes of an engine: `whole_driver.py FOLDER ENGINE JOBS TRIALS [ADDRESS]`."""

from __future__ import annotations

import sys
from pathlib import Path

from formula import slowly
from paper_search import Silent, Stopwatch, problem, profile, run

from nasbench.engines.config import EngineConfig
from nasbench.engines.open import open_engine
from nasbench.search.limits import Limits


class Loud(Silent):
    """Says a line for every trial."""

    def step(self, message=None):
        if message:
            print(message, flush=True)


def whole(folder, engine, jobs, trials, address=None):
    """Some are surely within the limit, some unsure, and the predictor errs."""
    choice = EngineConfig(name=engine, address=address)
    limits = Limits(latency_ms=2.0)
    made = problem(
        Stopwatch(speed=1.4), profile(error=0.1), trials=trials, limits=limits, workers=jobs, engine=choice, evaluate=slowly, final_seeds=2
    )
    return run(folder, made, Loud(), engine=open_engine)


if __name__ == "__main__":
    whole(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
