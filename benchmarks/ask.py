"""What it costs to ask a strategy for the next network, once a study is long.

    python benchmarks/ask.py --out benchmarks/results/ask.json

Random networks of a space are trials of a study in memory, with a formula as accuracy, and a limit that some of them exceed. Then
each strategy, and Optuna's TPE, is asked for networks in turn, as in a search with one worker. Times are CPU milliseconds from the
question to the proposed network, which is decoded and has its digest. The first question is apart: it includes what a strategy computes
once for all stored trials.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import random
import time
from pathlib import Path
from statistics import median
from typing import Any

import nasbench as nb
from nasbench.bench.rivals import strategy_named
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, cost
from nasbench.strategies import STRATEGIES
from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.seeds import derive
from nasbench.study.trial import judge

LIMIT = 300e6  # multiply-adds
RIVAL = "optuna:TPESampler"


def result(genotype: Genotype, rng: random.Random) -> dict[str, Any]:
    """As a search records it: an accuracy that grows with multiply-adds, and the excess over the limit."""
    macs = cost(genotype).macs
    constraints = {"macs": macs / LIMIT - 1}
    if macs > LIMIT:
        return {"status": "over_budget", "reason": "too large", "constraints": constraints}
    return {"status": "ok", "values": [1 - 1 / math.log10(10 + macs) + rng.gauss(0, 0.005)], "constraints": constraints}


def ask(study: InMemoryStudy, name: str, seed: int, space: nb.Space, rng: random.Random) -> float:
    """One question and its trial; the milliseconds of the question."""
    number = len(study.trials())
    began = time.process_time()
    proposal = study.sample(strategy_named(name, seed).sampler(derive(seed, number)), space.decode)
    took = 1000 * (time.process_time() - began)
    study.set_attributes(number, {"digest": proposal.digest})
    study.finish(number, judge(result(proposal.genotype, rng), 1))
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="mbconv")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--asked", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    space, rng = nb.space(options.space), random.Random(options.seed)
    stored = InMemoryStudy("ask", ("maximize",), [])
    for _ in range(options.trials):
        ask(stored, "random", options.seed, space, rng)
    rows = {}
    for name in (*STRATEGIES, RIVAL):
        study = InMemoryStudy("ask", ("maximize",), stored.trials())
        first, *others = (ask(study, name, options.seed + 1, space, rng) for _ in range(options.asked))
        rows[name] = {"first_ms": first, "median_ms": median(others), "highest_ms": max(others)}
        print(f"{name:18} median {median(others):6.1f} ms, highest {max(others):6.1f} ms, first {first:7.0f} ms")
    content = {
        "space": options.space, "trials": options.trials, "asked": options.asked, "seed": options.seed,
        "machine": platform.machine(), "nasbench": nb.__version__, "strategies": rows,
    }  # fmt: skip
    if options.out:
        write_atomic(options.out, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
