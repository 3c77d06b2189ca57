"""The engine that a configuration names, and whether there is room for its trials."""

from __future__ import annotations

import os
from collections.abc import Callable

from nasbench.engines.base import MAX_WORKERS, Engine
from nasbench.engines.config import EngineConfig
from nasbench.engines.file_transfer import FolderArgument
from nasbench.engines.gpus import GpuSlots, visible_gpus
from nasbench.errors import StudyError
from nasbench.evaluate.base import Evaluator
from nasbench.evaluate.call import call_directory, in_directory
from nasbench.latency.lock import is_measured


def room_for(config: EngineConfig) -> int:
    """How many trials at a time this machine has room for; a cluster says so itself, and lowers this number."""
    if config.address is not None:
        return MAX_WORKERS
    jobs = max(1, int(len(os.sched_getaffinity(0)) / config.cpus))
    return max(1, min(jobs, GpuSlots(visible_gpus(), config.gpus).count)) if config.gpus else jobs


def check_room(config: EngineConfig, workers: int) -> None:
    """See, before anything takes time, that this machine has what trials ask for; a cluster says so when it is joined.

    Raises:
        StudyError: this machine has too few CPUs or GPUs.
    """
    cores = len(os.sched_getaffinity(0))
    if config.address is None and config.cpus > cores:
        raise StudyError(f"a trial needs {config.cpus:g} CPUs and this machine has {cores}; ask for less with --cpus-per-trial")
    if config.address is None and config.gpus:
        GpuSlots(visible_gpus(), config.gpus).check(workers if config.name == "local" else 1)


def open_engine(config: EngineConfig, workers: int, evaluator: Evaluator, say: Callable[[str], None]) -> Engine:
    """An engine that can evaluate, ready; a context manager that ends with everything that it runs.

    Raises:
        StudyError: there is no such engine here, or it lacks what a trial needs.
        DataError: the images, which a cluster is given, cannot be read.
    """
    modules = ("nasbench.evaluate.call", *evaluator.modules)
    if config.name == "local":
        from nasbench.engines.local.engine import LocalEngine

        slots = GpuSlots(visible_gpus(), config.gpus) if config.gpus else None
        return LocalEngine(workers, preload=modules, gpus=slots, waits=is_measured)  # trials wait while a latency is measured
    from nasbench.engines.ray.engine import RayEngine

    shared = evaluator.worker_data()
    return RayEngine(
        workers,
        preload=modules,
        cpus=config.cpus,
        gpus=config.gpus,
        address=config.address,
        prepare=None if shared is None else (shared.receive, shared.data),
        prepare_bytes=0 if shared is None else shared.bytes,
        folder_argument=FolderArgument(call_directory, in_directory),
        say=say,
    )
