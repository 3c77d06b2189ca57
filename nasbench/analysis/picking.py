"""Picking another network from a study: chosen, measured, and trained for use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nasbench.search.limits import Limits
    from nasbench.search.pick import Pick
    from nasbench.search.reporting import Listener


def run_pick(study: Path, limits: Limits, path: Path | None, train_s: float | None, listener: Listener) -> Pick:
    """Pick a network of a study within other limits, and train it for use; the same call continues a training that was stopped.

    Args:
        path: see `pick_network`.
        train_s: seconds for the training; 0 for none; None for as long as the study trains its winner.

    Raises:
        NasbenchError: see `pick_network`.
    """
    from nasbench.analysis.training import run_train
    from nasbench.search.final.training_for_use import train_for_use
    from nasbench.search.pick import pick_network
    from nasbench.study.directory import StudyDirectory

    pick, config = pick_network(study, limits, path, listener.say)
    config = config if train_s is None else replace(config, train_s=train_s)
    if (network := pick.genotype) is not None and config.training_s:
        data = StudyDirectory.open(study).study.get("data") or {}
        train_for_use(config, pick.path, network, data, 0.0, run_train, listener)
    return pick
