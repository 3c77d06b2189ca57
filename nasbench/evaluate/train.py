"""The evaluator `train`: one genotype trained on a proxy task, in a process of its own."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from nasbench.errors import GenotypeError, first_line
from nasbench.evaluate.base import (
    CHECKPOINT,
    EvaluateAll,
    Evaluation,
    EvaluationContext,
    EvaluationData,
    Evaluator,
    ExpectedSeconds,
    Fidelity,
    Timed,
    WorkerData,
    evaluator,
)
from nasbench.evaluate.claim import claimed
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, adapt
from nasbench.latency import machine_lock
from nasbench.network import build
from nasbench.plugins import Plugin, use_plugin
from nasbench.training.data import load_images
from nasbench.training.images import Images, split
from nasbench.training.recipe import Recipe, proxy_input
from nasbench.training.trainer import Epoch, evaluate, train

VALIDATION = 0.2  # share of the training images that is kept for validation; the same for every trial of a study
PROBE_IMAGES = 512  # of the short training that tells how long a whole one takes
RESULT = "result.json"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, kw_only=True)
class TrainTask:
    """All that a trial depends on, as plain values that travel to another process.

    Attributes:
        genotype: YAML; it keeps its channels, and gets the classes of the data and the recipe's resolution.
        data, root: as `load_images` takes them.
        recipe: fields of a Recipe.
        seed: of this trial: initial weights, order of images, augmentation.
        split_seed, validation: of the study: which share of the training images is kept for validation.
        folder: the trial's own; it must exist.
        save_weights: leave `weights.safetensors` there.
        test: also name the test images; only a final report may.
        plugins: words of the user's own that the genotype may be made of.
        until: the epoch after which to stop and leave `checkpoint.bin`, from which a call with a later one goes on; None trains to
            the end. It does not change what the end will be.
    """

    genotype: str
    folder: str
    data: str = "embedded"
    root: str | None = None
    recipe: dict[str, Any]
    seed: int = 0
    split_seed: int = 0
    validation: float = 0.2
    threads: int = 1
    device: str = "cpu"
    save_weights: bool = False
    test: bool = False
    plugins: tuple[Plugin, ...] = ()
    until: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it trains to the end of its recipe."""
        return self.until is None or self.until >= Recipe.from_dict(self.recipe).epochs

    def identity(self) -> str:
        """Changes with whatever can change the result; the folder and a stop on the way cannot."""
        fields = asdict(self)
        del fields["folder"], fields["until"]
        if own := fields.pop("plugins"):
            fields["plugins"] = [plugin.sha256 for plugin in own]  # not where they lie
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


@evaluator
@dataclass(frozen=True)
class TrainEvaluator(Evaluator):
    """Trains each network by one recipe, and names validation images that no network was trained on."""

    context: EvaluationContext
    name = "train"
    modules = ("torch", __name__)

    @property
    def data(self) -> EvaluationData:
        c = self.context
        return _described(c.data, c.data_root, self._size)

    def evaluate(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> Evaluation:
        result = as_evaluation(evaluate_training(self.task(genotype, fidelity, seed, directory)))
        return replace(result, artefacts={"weights": WEIGHTS}) if fidelity.final and result.status == "ok" else result

    def task(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> TrainTask:
        """The training that an evaluation is."""
        c = self.context
        return TrainTask(
            genotype=genotype.to_yaml(),
            folder=str(directory),
            data=c.data,
            root=c.data_root,
            recipe=dict(c.recipe),
            seed=seed % 2**31,
            split_seed=c.split_seed,
            validation=VALIDATION,
            threads=c.threads,
            device=c.device,
            save_weights=fidelity.final,
            test=fidelity.final,
            plugins=c.plugins,
            until=fidelity.epochs,
        )

    def cost(self, networks: Sequence[Genotype], evaluate_all: EvaluateAll) -> list[ExpectedSeconds]:
        """From a short training of each: one epoch of `PROBE_IMAGES` images, which tells how many images a second it takes."""
        recipe = Recipe.from_dict(dict(self.context.recipe))
        short = replace(self, context=replace(self.context, recipe={**self.context.recipe, "epochs": 1, "images": PROBE_IMAGES}))
        training = self.data.training
        images = min(recipe.images or training, training) * recipe.epochs
        return [_expected(timed, images) for timed in evaluate_all(short, networks)]

    def worker_data(self) -> WorkerData:
        """The images: workers on other machines have no such files."""
        from nasbench.training.shared_images import give_images, pack

        c = self.context
        packed = pack(_load(c.data, c.data_root, self._size), (c.data, c.data_root, self._size))
        return WorkerData(give_images, packed, packed.bytes)

    @property
    def _size(self) -> int:
        return Recipe.from_dict(dict(self.context.recipe)).decoded_size


def as_evaluation(record: dict[str, Any]) -> Evaluation:
    """The result of a training in an evaluator's terms."""
    known = {key: record[key] for key in ("status", "accuracy", "seconds", "reason") if key in record}
    details = {key: value for key, value in record.items() if key not in known}
    return Evaluation(**known, details=details)


def _expected(timed: Timed, images: int) -> ExpectedSeconds:
    record = timed.record
    if not record.get("images_per_second"):
        return ExpectedSeconds(None, str(record.get("reason")))
    starting = max(0.0, timed.wall_s - record["seconds"])
    return ExpectedSeconds(images / record["images_per_second"] + starting + timed.wall_s * 0.1)


def _load(data: str, root: str | None, size: int) -> Images:
    return load_images(data, Path(root) if root else None, size=size)


@lru_cache(maxsize=4)
def _described(data: str, root: str | None, size: int) -> EvaluationData:
    images = _load(data, root, size)
    return EvaluationData(fingerprint(images), len(images.classes), int(len(images.train) * (1 - VALIDATION)))


def fingerprint(images: Images) -> str:
    """Text that differs for other data, or another version of it, without reading all of a large data set."""
    digest = hashlib.sha256(images.train.labels.numpy().tobytes())
    for chunk in itertools.islice(images.train.chunks(256), 4):
        digest.update(chunk.numpy().tobytes())
    return f"{images.name}, {len(images.train)} + {len(images.test)} images, {digest.hexdigest()[:12]}"


def evaluate_training(task: TrainTask) -> dict[str, Any]:
    """Train as `task` says; write `metrics.jsonl` (a line an epoch), then `result.json`, and return what that holds.

    `status` is `ok`, `diverged` (the loss became infinite) or `infeasible` (shapes do not meet at the proxy resolution,
    or memory is not enough), the last two with a `reason` and no accuracy. A task that was interrupted goes on from its
    checkpoint, one that is finished is read back. Stopped before its end (`until`) it writes no `result.json`: its
    checkpoint is what it comes to. Sets the number of torch threads of this process.

    Raises:
        NasbenchError: what is wrong with every trial of a study: data, recipe, no space to write.
    """
    for plugin in task.plugins:
        use_plugin(plugin)
    with claimed(Path(task.folder)):
        return _kept(task, Path(task.folder)) or _evaluated(task, Path(task.folder))


def _kept(task: TrainTask, folder: Path) -> dict[str, Any] | None:
    """The result of this task, or of one that ended before it should; None where it is still to be trained."""
    done = _finished(folder / RESULT, task.identity())
    if done and (task.whole or done.get("status") != "ok"):
        (folder / CHECKPOINT).unlink(missing_ok=True)  # of a process that ended between the two
        return done
    return None


def _evaluated(task: TrainTask, folder: Path) -> dict[str, Any]:
    recipe = Recipe.from_dict(task.recipe)
    torch.set_num_threads(task.threads)
    images = load_images(task.data, Path(task.root) if task.root else None, size=recipe.decoded_size)
    try:
        with machine_lock(shared=True):  # nothing is timed meanwhile
            record = _trained(task, images, recipe, folder)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        record = _infeasible(f"out of memory while training at batch size {recipe.batch_size}: {first_line(error)}")
    except GenotypeError as error:
        record = _infeasible(f"cannot be built for training: {first_line(error)}")
    record = {**record, "task": task.identity()}
    if not task.whole and record["status"] == "ok":
        return record
    write_atomic(folder / RESULT, json.dumps(record, indent=1, allow_nan=False) + "\n")
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return record


def _trained(task: TrainTask, images: Images, recipe: Recipe, folder: Path) -> dict[str, Any]:
    genotype = Genotype.from_yaml(task.genotype)
    shape = proxy_input(genotype.input, recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        net: nn.Module = build(adapt(genotype, input=shape, classes=len(images.classes)))
    training, validation = split(images.train, task.validation, task.split_seed)
    lines: list[str] = []

    def on_epoch(epoch: Epoch) -> None:
        lines.append(json.dumps(_finite(asdict(epoch)), allow_nan=False) + "\n")
        write_atomic(folder / "metrics.jsonl", "".join(lines))

    result = train(
        net,
        training,
        validation,
        recipe,
        shape=shape,
        seed=task.seed,
        device=task.device,
        on_epoch=on_epoch,
        checkpoint=folder / CHECKPOINT,
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
    }
    if result.status == "ok" and result.epochs < recipe.epochs:
        return record
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    record["weights_sha256"] = _weights_digest(weights)
    if task.test and result.status == "ok":
        record["test_accuracy"] = evaluate(net, images.test, recipe, shape=shape, statistics=result.statistics, device=task.device)
    if task.save_weights and result.status == "ok":
        write_atomic(folder / WEIGHTS, save(weights))
    return record


def _finished(path: Path, identity: str) -> dict[str, Any] | None:
    """The result of an earlier run of the same task, which ended after writing it and before anyone was told."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("task") == identity else None


def _infeasible(reason: str) -> dict[str, Any]:
    return {"status": "infeasible", "reason": reason, "accuracy": None, "loss": None, "seconds": 0.0}


def _is_out_of_memory(error: Exception) -> bool:
    """torch has a class for CUDA's; the CPU's allocator raises a bare RuntimeError."""
    text = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "out of memory" in text or "DefaultCPUAllocator" in text


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


def _weights_digest(weights: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()
