"""A training for use, from the images to the delivered files. A killed one continues; a finished one gives its result again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from nasbench.errors import DataError, DeviceError, NasbenchError
from nasbench.files import MALFORMED, write_atomic
from nasbench.genotype import Genotype
from nasbench.training.data import load_images
from nasbench.training.delivery import SUMMARY
from nasbench.training.delivery.best import finish_best, write_best
from nasbench.training.delivery.config import NONE, TrainConfig, check_processes
from nasbench.training.delivery.files import deliver, load_summary, write_metrics
from nasbench.training.delivery.folder import Folder, open_folder, versions
from nasbench.training.delivery.listener import Listener
from nasbench.training.delivery.logs import open_logs
from nasbench.training.delivery.plan import TIMED_S, TIMED_SHARE, Pace, TrainPlan, measure_pace, plan_training
from nasbench.training.delivery.processes import run_in_processes
from nasbench.training.delivery.warm_start import GivenWeights
from nasbench.training.group import ALONE, Group
from nasbench.training.images import Images, LabeledImages, training_and_validation
from nasbench.training.network import initial_network
from nasbench.training.recipe import Recipe, proxy_input
from nasbench.training.result import Epoch
from nasbench.training.trainer import train

CHECKPOINT = "checkpoint.bin"


@dataclass(frozen=True, eq=False)
class _Job:
    """A training with everything that it needs."""

    config: TrainConfig
    images: Images
    training: LabeledImages
    validation: LabeledImages | None
    shape: tuple[int, int, int]
    folder: Folder
    given: GivenWeights | None
    threads: int
    began: float

    @property
    def counts(self) -> tuple[int, int, int]:
        """Numbers of training, validation and test images."""
        return len(self.training), len(self.validation or ()), len(self.images.test)

    def network(self) -> tuple[Genotype, torch.nn.Module, frozenset[str]]:
        """The genotype as it is trained, its network, and the names of its tensors that hold given weights."""
        genotype, net = initial_network(self.config.network, self.shape, len(self.images.classes), self.config.seed)
        return genotype, net, frozenset() if self.given is None else self.given.put_into(net)


def run_training(
    config: TrainConfig,
    path: Path,
    listener: Listener,
    began: float | None = None,
    lock: AbstractContextManager[None] | None = None,
) -> dict[str, Any]:
    """Train a network for use in the folder `path`; returns what `summary.json` holds.

    The same call continues a training that was killed, from its last checkpoint, and ends with the same bits on a CPU with the same number
    of threads and versions. The result of a finished training is read back.

    Args:
        began: `time.monotonic()` of the moment from which `--time` counts; default: now.
        lock: entered while this process computes, such as the machine's measuring lock.

    Raises:
        NasbenchError: the images, the network, the device or the folder do not allow the training; the loss diverged; or not a single
            epoch fits into the time.
    """
    began = time.monotonic() if began is None else began
    if config.device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("a GPU is needed for --device cuda; torch sees none; use --device cpu, or install a torch for your GPU")
    if config.device == "cuda" and config.processes > torch.cuda.device_count():
        raise DeviceError(
            f"every process needs a GPU of its own; got --processes {config.processes}, and torch sees {torch.cuda.device_count()}; "
            "give fewer processes, or use --device cpu"
        )
    with open_folder(path, config.command()) as folder:
        if folder.stored is not None and (path / SUMMARY).exists():
            (path / CHECKPOINT).unlink(missing_ok=True)  # the earlier process may have ended before it removed the file
            return load_summary(path)
        with _threads(_thread_count(config, folder)), lock or nullcontext():
            job = _load(config, folder, listener, began)
            if config.processes == 1:
                return _run(job, ALONE, listener)
            job = replace(job, given=None)  # each process reads them: as shared tensors, each would take a file handle
            summary: dict[str, Any] = run_in_processes(config.processes, config.device, _run, job, listener)
            return summary


def _load(config: TrainConfig, folder: Folder, listener: Listener, began: float) -> _Job:
    recipe = config.recipe
    given = GivenWeights.of(config)
    listener.stage(f"loading the images of {config.data}")
    root = None if config.data_root is None else Path(config.data_root)
    images = load_images(config.data, root, size=recipe.decoded_size, progress=listener.rounds)
    if config.validation == NONE:
        if images.validation is not None:
            raise DataError(f"--validation none trains on the images kept for validation; {images.name} has its own; leave the option out")
        training, validation = images.train, None
    else:
        training, validation = training_and_validation(images)
    check_processes(config.processes, min(recipe.batch_size, recipe.images or len(training), len(training)), "all training images")
    shape = proxy_input(config.network.input, recipe)
    return _Job(config, images, training, validation, shape, folder, given, torch.get_num_threads(), began)


def _run(job: _Job, group: Group, listener: Listener) -> dict[str, Any]:
    """Train in this process, which is alone or one of a group; the first one writes the files and returns the summary."""
    config, path = job.config, job.folder.path
    torch.set_num_threads(job.threads)
    job = replace(job, given=GivenWeights.of(config)) if job.given is None else job
    plan, recipe = _planned(job, group, listener)
    genotype, net, given = job.network()
    if job.given is not None:
        for line in (job.given.words(net, given), *job.given.notes):
            listener.say(line)
    epochs: list[Epoch] = []
    logs = open_logs(config.logs, path, config.name, config.command()) if group.is_first else []

    def on_start(done: int, steps: int) -> None:
        if steps:
            listener.say(f"continuing within epoch {done + 1} of {recipe.epochs}, after {steps} of its steps")
        elif done:
            listener.say(f"continuing after epoch {done} of {recipe.epochs}")
        listener.stage(f"training {genotype.name}", recipe.epochs)
        restored.append(done)

    def on_epoch(epoch: Epoch) -> None:
        epochs.append(epoch)
        write_metrics(path, epochs)
        for log in logs:
            log.epoch(epoch)
        listener.step(_words(epoch) if epoch.epoch > restored[0] else None)

    restored: list[int] = []
    result = train(
        net,
        job.training,
        job.validation,
        recipe,
        shape=job.shape,
        seed=config.seed,
        device=config.device,
        on_epoch=on_epoch if group.is_first else None,
        checkpoint=path / CHECKPOINT,
        on_start=on_start,
        on_best=(lambda epoch, best: write_best(path, epoch, best)) if group.is_first else None,
        given=given,
        group=group,
    )
    if result.status != "ok":
        raise NasbenchError(f"a training needs finite losses; {result.reason}; give a recipe with a lower lr, or with clip: 1.0")
    if not group.is_first:
        return {}
    summary = deliver(path, genotype, net, job.images, job.counts, job.shape, recipe, result, config)
    summary["best"] = finish_best(path, result.history, summary["weights_sha256"])
    summary["plan"] = plan.to_json()
    for log in logs:
        log.end(summary)
    write_atomic(path / SUMMARY, json.dumps(summary, indent=1, allow_nan=False) + "\n")
    (path / CHECKPOINT).unlink(missing_ok=True)
    return summary


def _planned(job: _Job, group: Group, listener: Listener) -> tuple[TrainPlan, Recipe]:
    """The plan, and the recipe with its epochs: those of `train.yaml`, or new ones, which are then stored there."""
    config, recipe = job.config, job.config.recipe
    sha256 = images_sha256(job.images)
    stored = job.folder.stored
    if stored is not None:
        try:
            plan = TrainPlan(**stored["plan"])
            recipe, before = config.recipe_of(plan.epochs), stored["data"]["sha256"]
        except MALFORMED:
            raise NasbenchError(f"{job.folder.path}/train.yaml lacks its plan; delete the folder, or name another one with --out") from None
        if before != sha256:
            raise DataError(f"{job.folder.path} was begun with other images of {config.data}; restore them, or name another --out")
        _say_versions(stored.get("versions"), listener)
        return plan, recipe
    listener.stage("measuring how long an epoch takes")
    longest_s = TIMED_S if config.time_s is None else min(TIMED_S, TIMED_SHARE * config.time_s)
    pace, spent_s = _pace(job, recipe, group, longest_s)
    plan = plan_training(recipe, pace, job.counts, max(job.shape[1:]), config.time_s, spent_s)
    listener.say(plan.words(datetime.now()))
    command = config.command() | {"threads": torch.get_num_threads()}
    about = {"sha256": sha256, "classes": list(job.images.classes), "licence": job.images.licence}
    if group.is_first:
        job.folder.begin({"command": command, "recipe_name": config.named.name, "data": about, "plan": plan.to_json()})
    return plan, config.recipe_of(plan.epochs)


def _pace(job: _Job, recipe: Recipe, group: Group, longest_s: float) -> tuple[Pace, float]:
    """The pace of the training, and the seconds since its beginning; the same in all processes."""
    device = torch.device(job.config.device)
    pace = measure_pace(job.network()[1], job.training, recipe, job.shape, device, longest_s, group)
    (spent_s,) = group.of_first([time.monotonic() - job.began], device)
    return pace, spent_s or 0.0


def images_sha256(images: Images) -> str:
    """The SHA-256 of all pixels and labels."""
    sha256 = hashlib.sha256()
    for part in (images.train, images.validation, images.test):
        if part is not None:
            sha256.update(part.labels.numpy().tobytes())
            for chunk in part.chunks(1024):
                sha256.update(chunk.numpy().tobytes())
    return sha256.hexdigest()


def _thread_count(config: TrainConfig, folder: Folder) -> int | None:
    """The number of threads of a process: the user's, or that with which a stored training began, or this process's share of the cores."""
    stored = None if folder.stored is None else folder.stored["command"].get("threads")
    share = None if config.processes == 1 else max(1, torch.get_num_threads() // config.processes)
    return config.threads or (stored if isinstance(stored, int) and stored > 0 else share)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _say_versions(before: Any, listener: Listener) -> None:
    now = versions()
    changed = [f"{name} {before[name]} is now {now.get(name)}" for name in before if now.get(name) != before[name]] if before else []
    if changed and isinstance(before, Mapping):
        listener.say(f"{', '.join(changed)}; the weights may differ in their last bits from those of a training without a stop")


def _words(epoch: Epoch) -> str:
    accuracy = "" if epoch.accuracy is None else f", validation accuracy {epoch.accuracy:.1%}"
    return f"training loss {epoch.train_loss:.3f}{accuracy}"
