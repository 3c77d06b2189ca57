"""How many evaluations search new networks, how many train the best of them again, and what else a final round takes."""

from __future__ import annotations

import math

from nasbench.search.config import SearchConfig

FINALISTS, RIVALS = 2, 1  # networks of the search and of random search that are always trained again with fresh seeds
FACTOR = 6.0  # of B evaluations, so many times the root of B search new networks
CONTENDERS = 8  # networks of the search that may be trained again
LEADERS = 6  # networks that are trained alone at least, where the search only scored them
MEASURING_S = 75.0  # for the latency of the finalists, the second measurement of the winner, and the report
REPORT_S = 10.0  # for the report alone, where nothing is measured
DRAWS_EACH = 4  # draws beyond the first ones of the finalists for which one contender more is measured


def searching(evaluations: int) -> int:
    """How many of a number of evaluations search new networks, where the rest trains the best of them again.

    A search that goes on finds ever less, while one training of a network says little about it. The root, and its factor, were found on
    NAS-Bench-Macro; see docs/bench.md.

    Example:
        >>> [searching(n) for n in (10, 36, 50, 100, 200)]
        [10, 36, 43, 60, 85]
    """
    return min(evaluations, math.ceil(FACTOR * math.sqrt(evaluations)))


def split(evaluations: int, config: SearchConfig) -> tuple[int, int]:
    """Of the evaluations of a search, how many are of new networks, and how many train the best of them again.

    With rungs all are of new networks. A final round is always there, and in a short search it comes on top.

    Example:
        >>> from nasbench.search.limits import Limits
        >>> split(30, SearchConfig(space="macro", limits=Limits(macs=10**9)))
        (30, 4)
        >>> split(100, SearchConfig(space="macro", limits=Limits(macs=10**9)))
        (60, 40)
    """
    new = evaluations if config.rungs else searching(evaluations)
    return new, max(FINALISTS * config.final_seeds, evaluations - new)


def contenders(repeats: int, config: SearchConfig) -> int:
    """How many networks of the search take part in a final round with so many draws for them."""
    return min(CONTENDERS, FINALISTS + max(0, repeats - FINALISTS * config.final_seeds) // DRAWS_EACH)


def rival_runs(config: SearchConfig) -> int:
    """Trainings of the final round for networks of random search."""
    return RIVALS * config.final_seeds if config.control_share else 0


def after_s(config: SearchConfig) -> float:
    """Seconds of a search in which nothing is evaluated: for measuring, for the report, and for the training of the winner."""
    return report_s(config) + config.training_s


def report_s(config: SearchConfig) -> float:
    """Seconds for measuring and for the report."""
    return MEASURING_S if config.wants_latency else REPORT_S
