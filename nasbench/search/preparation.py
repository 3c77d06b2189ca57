"""The work that all trials of a study share, such as the training of a supernet, with what it needs of the search."""

from __future__ import annotations

import time
from pathlib import Path

from nasbench.engines.base import Engine
from nasbench.evaluate.base import Evaluator
from nasbench.evaluate.preparation import Preparation
from nasbench.genotype import Genotype, digest
from nasbench.search.final.verdict import random_networks
from nasbench.search.problem import Problem
from nasbench.search.reporting import Listener
from nasbench.search.timed_calls import evaluate_all
from nasbench.study.seeds import derive


def prepared(problem: Problem, path: Path, engine: Engine, listener: Listener) -> tuple[Evaluator, float]:
    """The evaluator that the trials use, and the seconds that its preparation took in earlier runs of the study.

    Raises:
        NasbenchError: what the preparation raises.
    """
    config = problem.config

    def networks(count: int) -> list[Genotype]:
        """Those with which the search begins, and random ones."""
        found = {digest(g): g for g, _ in problem.starts()}
        others = random_networks(problem.decode, within, count, derive(config.seed, "preparation"))
        return list((found | {other.digest: other.genotype for other in others}).values())[:count]

    def within(g: Genotype) -> bool:
        return config.limits.judge(problem.estimate(g)) == "inside"

    seconds = problem.evaluator.preparing_share * config.time_s if config.trials is None else None
    began = time.monotonic()
    evaluator = problem.evaluator.prepare_study(Preparation(path, evaluate_all(engine), listener, networks, seconds, engine.workers))
    return evaluator, max(0.0, evaluator.prepared_s - (time.monotonic() - began))
