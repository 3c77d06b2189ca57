"""One training of a network: the task of a trial, and the process's work on it, which survives kills."""

from __future__ import annotations

import gc
import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from nasbench.errors import GenotypeError, first_line
from nasbench.evaluate.base import CHECKPOINT, WAITED
from nasbench.evaluate.failures import is_out_of_memory
from nasbench.files import write_atomic
from nasbench.genotype import Genotype
from nasbench.latency import machine_lock
from nasbench.plugins import Plugin, use_plugin
from nasbench.processes import locked_directory
from nasbench.training.data import load_images
from nasbench.training.images import VALIDATION_SHARE, Images, training_and_validation
from nasbench.training.network import initial_network, weights_digest
from nasbench.training.preprocess import Preprocess
from nasbench.training.recipe import Recipe, proxy_input
from nasbench.training.trainer import Epoch, evaluate, train

RESULT = "result.json"
WEIGHTS = "weights.safetensors"
SMALLEST_BATCH = 2
LONG_S = 0.5  # a longer wait for the measuring lock is part of the record


@dataclass(frozen=True, kw_only=True)
class TrainTask:
    """One training as plain values that can be sent to another process.

    Attributes:
        genotype: the network as YAML. It is trained with its own channels, the classes of the data and the resolution of the recipe.
        directory: the trial's own, which exists.
        data, root: the images, as `load_images` takes them.
        recipe: fields of a `Recipe`.
        seed: decides initial weights, order of the images and augmentation.
        split_seed, validation, fold: decide which training images are used for validation, and which share, see `split`. The first two
            are the same in a whole study. Data that have validation images do not need them.
        threads: torch threads of the process.
        device: `cpu` or `cuda`.
        save_weights: write `weights.safetensors`.
        test: also evaluate on the test images; only the final round may.
        plugins: the user's plugins, whose block types the genotype may use.
        until: the epoch after which to stop and leave `checkpoint.bin`, from which a task with a later epoch continues. None trains
            to the end. The result at the end does not depend on such stops.
        half_batch: begin with half of the recipe's batch size, because an earlier attempt ran out of memory.
    """

    genotype: str
    directory: str
    data: str = "embedded"
    root: str | None = None
    recipe: dict[str, Any]
    seed: int = 0
    split_seed: int = 0
    validation: float = VALIDATION_SHARE
    threads: int = 1
    device: str = "cpu"
    save_weights: bool = False
    test: bool = False
    plugins: tuple[Plugin, ...] = ()
    until: int | None = None
    half_batch: bool = False
    fold: int = 0

    @property
    def whole(self) -> bool:
        """Whether the task trains to the end of its recipe."""
        return self.until is None or self.until >= Recipe.from_dict(self.recipe).epochs

    def identity(self) -> str:
        """A hash of everything that can change the result. The directory and the epoch of a stop cannot."""
        fields = asdict(self)
        del fields["directory"], fields["until"]
        for name in ("half_batch", "fold"):  # tasks of earlier versions do not have them
            if not fields[name]:
                del fields[name]
        if plugins := fields.pop("plugins"):
            fields["plugins"] = [plugin.sha256 for plugin in plugins]  # their paths do not matter
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def evaluate_training(task: TrainTask) -> dict[str, Any]:
    """Train a network; returns the record that `result.json` holds, and sets the number of torch threads of this process.

    The directory of the trial gets `metrics.jsonl` with a line for each epoch, then `result.json`. A task that was interrupted
    continues from its checkpoint, and the result of a finished one is read back. A task that stops before its end (`until`) leaves
    its checkpoint and no `result.json`.

    Returns:
        `status` is `ok`, `diverged` (the loss became infinite or NaN) or `infeasible` (the shapes do not fit together at the
        resolution of the recipe, or the memory is too small, also for half the batch). The last two have a `reason` and no accuracy.
        `seconds` is the time of the training alone; `waited_s` is there where the training had to wait until a measurement on this machine
        ended. A training at half the batch has `batch_size`, and `out_of_memory` says what failed before.

    Raises:
        NasbenchError: the data, the recipe or the disk does not allow any trial of the study.
    """
    for plugin in task.plugins:
        use_plugin(plugin)
    directory = Path(task.directory)
    with locked_directory(directory):  # the worker of a killed driver may still train this network for some seconds
        return _stored_result(task, directory) or _evaluate(task, directory)


def _stored_result(task: TrainTask, directory: Path) -> dict[str, Any] | None:
    """The result of an earlier run of the same task, which has ended; None if the network is still to be trained."""
    try:
        record = json.loads((directory / RESULT).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("task") != task.identity() or (not task.whole and record.get("status") == "ok"):
        return None
    (directory / CHECKPOINT).unlink(missing_ok=True)  # the earlier process may have ended before it removed the file
    return record


def _evaluate(task: TrainTask, directory: Path) -> dict[str, Any]:
    recipe = Recipe.from_dict(task.recipe)
    torch.set_num_threads(task.threads)
    images = load_images(task.data, Path(task.root) if task.root else None, size=recipe.decoded_size)
    began = time.monotonic()
    with machine_lock(shared=True):  # no latency is measured meanwhile
        waited_s = time.monotonic() - began
        record = _train_in_memory(task, images, recipe, directory)
    record = {**record, "task": task.identity(), **({WAITED: waited_s} if waited_s > LONG_S else {})}
    if not task.whole and record["status"] == "ok":
        return record
    write_atomic(directory / RESULT, json.dumps(record, indent=1, allow_nan=False) + "\n")
    (directory / CHECKPOINT).unlink(missing_ok=True)
    return record


def _train_in_memory(task: TrainTask, images: Images, recipe: Recipe, directory: Path) -> dict[str, Any]:
    """Train a network; where memory runs out, once more with half the batch."""
    whole = min(recipe.batch_size, recipe.images or len(images.train), len(images.train))  # a batch is not larger than the data
    half = replace(recipe, batch_size=max(SMALLEST_BATCH, whole // 2))
    failed: list[str] = []
    for attempt in (half,) if task.half_batch else (recipe, half):
        record, error = _attempt(task, images, attempt, directory)
        if record is not None:
            before = failed[0] if failed else "the process was killed"
            return record | ({"batch_size": attempt.batch_size, "out_of_memory": before} if attempt is half else {})
        failed.append(f"at batch size {attempt.batch_size}: {error}")
        gc.collect()  # a network's graph refers to itself
        if task.device != "cpu":
            torch.cuda.empty_cache()
    return _infeasible(f"out of memory while training {', and '.join(failed)}")


def _attempt(task: TrainTask, images: Images, recipe: Recipe, directory: Path) -> tuple[dict[str, Any] | None, str]:
    """The record of a training; None if memory ran out, with the error as text, because the error itself keeps the network alive."""
    try:
        return _train(task, images, recipe, directory), ""
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None, first_line(error)
    except GenotypeError as error:
        return _infeasible(f"cannot be built for training: {first_line(error)}"), ""


def _train(task: TrainTask, images: Images, recipe: Recipe, directory: Path) -> dict[str, Any]:
    genotype = Genotype.from_yaml(task.genotype)
    shape = proxy_input(genotype.input, recipe)
    _, net = initial_network(genotype, shape, len(images.classes), task.seed)
    training, validation = training_and_validation(images, task.validation, task.split_seed, task.fold)
    lines: list[str] = []

    def on_epoch(epoch: Epoch) -> None:
        lines.append(json.dumps(_finite(asdict(epoch)), allow_nan=False) + "\n")
        write_atomic(directory / "metrics.jsonl", "".join(lines))

    result = train(
        net,
        training,
        validation,
        recipe,
        shape=shape,
        seed=task.seed,
        device=task.device,
        on_epoch=on_epoch,
        checkpoint=directory / CHECKPOINT,
        until=task.until,
    )
    record: dict[str, Any] = {
        "status": result.status,
        "reason": result.reason,
        "accuracy": result.accuracy,
        "loss": result.loss,
        "epochs": result.epochs,
        "seconds": result.seconds,
        "images_per_second": result.images_per_second,
        "input": list(shape),
        "classes": list(images.classes),
        "mean": list(result.statistics.mean),
        "std": list(result.statistics.std),
        "decoded_size": None if images.report is None else images.train.source.shape[-1],
        "levels": {} if images.report is None else {depth: list(ends) for depth, ends in images.report.contents.levels.items()},
    }
    if result.status == "ok" and result.epochs < recipe.epochs:
        return record
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    record["weights_sha256"] = weights_digest(weights)
    if task.test and result.status == "ok":
        record["test_accuracy"] = evaluate(net, images.test, recipe, shape=shape, statistics=result.statistics, device=task.device)
    if task.save_weights and result.status == "ok":
        preprocess = Preprocess.from_record(record)
        write_atomic(directory / WEIGHTS, save(weights, None if preprocess is None else preprocess.to_metadata()))
    return record


def _infeasible(reason: str) -> dict[str, Any]:
    return {"status": "infeasible", "reason": reason, "accuracy": None, "loss": None, "seconds": 0.0}


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, but None instead of NaN and infinity, which JSON does not have."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
