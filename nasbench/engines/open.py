"""Opens the engine that the user chose, and checks whether this machine has room for its trials."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nasbench.engines.base import MAX_WORKERS, Engine
from nasbench.engines.config import EngineConfig
from nasbench.engines.gpus import GpuSlots, visible_gpus
from nasbench.errors import StudyError

if TYPE_CHECKING:
    from nasbench.training.recipe import Recipe


class Training(Protocol):
    """What a request says of its trials; see `Request`."""

    @property
    def engine(self) -> EngineConfig: ...
    @property
    def workers(self) -> int: ...
    @property
    def data(self) -> str: ...
    @property
    def data_root(self) -> str | None: ...
    @property
    def recipe(self) -> Recipe: ...
    @property
    def seed(self) -> int: ...


def room_for(choice: EngineConfig) -> int:
    """How many trials can run at a time on this machine. With `address`, the engine lowers this number to what the cluster has."""
    if choice.address is not None:
        return MAX_WORKERS
    jobs = max(1, int(len(os.sched_getaffinity(0)) / choice.cpus))
    return max(1, min(jobs, GpuSlots(visible_gpus(), choice.gpus).count)) if choice.gpus else jobs


def check_room(choice: EngineConfig, workers: int) -> None:
    """Check that this machine has what trials need, before anything takes time. A cluster is checked when the engine connects to it.

    Raises:
        StudyError: this machine has too few CPUs or GPUs.
    """
    cores = len(os.sched_getaffinity(0))
    if choice.address is None and choice.cpus > cores:
        raise StudyError(f"a trial needs {choice.cpus:g} CPUs and this machine has {cores}; ask for less with --cpus-per-trial")
    if choice.address is None and choice.gpus:
        GpuSlots(visible_gpus(), choice.gpus).check(workers if choice.name == "local" else 1)


def open_engine(request: Training, evaluate: Callable[[Any], Any], say: Callable[[str], None]) -> Engine:
    """An engine with the request's workers, ready; a context manager that ends with what runs.

    Raises:
        StudyError: there is no such engine here, or it has not what a trial needs.
        DataError: the images, which a cluster is given, cannot be read.
    """
    choice, modules = request.engine, ("torch", "nasbench.evaluate.train", evaluate.__module__)
    if choice.name == "local":
        from nasbench.engines.local.engine import LocalEngine

        return LocalEngine(request.workers, preload=modules, gpus=GpuSlots(visible_gpus(), choice.gpus) if choice.gpus else None)
    from nasbench.engines.file_transfer import FolderArgument
    from nasbench.engines.ray.engine import RayEngine
    from nasbench.evaluate.train import folder_of, in_folder
    from nasbench.training.data import load_images
    from nasbench.training.shared_images import give_images, pack

    root = Path(request.data_root) if request.data_root else None
    size = request.recipe.decoded_size
    packed = pack(load_images(request.data, root, size=size), (request.data, request.data_root, size))
    return RayEngine(
        request.workers,
        preload=modules,
        cpus=choice.cpus,
        gpus=choice.gpus,
        address=choice.address,
        prepare=(give_images, packed),
        prepare_bytes=packed.bytes,
        folder_argument=FolderArgument(folder_of, in_folder),
        say=say,
    )
