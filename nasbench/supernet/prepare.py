"""The training of a study's supernet, in processes of its own."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from nasbench.errors import GenotypeError, StudyError
from nasbench.files import MALFORMED, checksum, read_json, write_atomic
from nasbench.genotype import Genotype, class_count, trace
from nasbench.latency import machine_lock
from nasbench.supernet.pixels import Pixels
from nasbench.supernet.plan import TOGETHER, SupernetPlan
from nasbench.supernet.scoring import score_subnet
from nasbench.supernet.stored import IMAGES, SUMMARY, WEIGHTS, at_training_size
from nasbench.supernet.training import CHECK_STEPS, SupernetTraining
from nasbench.training.data import load_images
from nasbench.training.delivery.listener import Listener
from nasbench.training.delivery.processes import run_in_processes
from nasbench.training.group import ALONE, Group
from nasbench.training.images import subset, training_and_validation
from nasbench.training.recipe import Recipe

PROGRESS, CHECKPOINT = "plan.json", "checkpoint.bin"
COMPILED = "200000"  # convolutions whose compiled form oneDNN keeps; by default 1024, which is few for hundreds of networks
HELD_OUT, PROBES = 4, 5  # networks that do not learn, and how often they are scored meanwhile
PACE_S, PACE_SHARE = 15.0, 0.1  # of the time, at most, in which the pace is measured
MARGIN = 0.95  # of the rest of the time is planned
STEPS = 3000  # where nothing limits the time
KEPT = 2048  # training images for calibration


@dataclass(frozen=True, kw_only=True)
class SupernetWork:
    """The training of a supernet as plain values.

    Attributes:
        folder: where it is stored.
        data, data_root: the images, as `load_images` takes them; split_seed: decides which are for validation.
        recipe: fields of the study's recipe: resolution, augmentation, precision.
        device: `cpu` or `cuda`.
        validation: images on which networks will be scored.
        plan: fields of a `SupernetPlan`, without `steps`.
        steps: None lets `seconds` decide.
        seconds: that everything may take; None: no limit.
        pool, held_out: networks as YAML: those that learn, and those with which the progress is shown.
        largest: the network with which the shared tensors begin, as YAML.
        threads: of each process.
    """

    folder: str
    data: str
    data_root: str | None
    recipe: Mapping[str, Any]
    split_seed: int
    device: str
    validation: int
    plan: Mapping[str, Any]
    steps: int | None
    seconds: float | None
    pool: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    largest: str = ""
    threads: int = 1

    def identity(self) -> str:
        """A hash of what decides the result, apart from the networks, which the study decides."""
        own = {
            "data": self.data,
            "recipe": dict(self.recipe),
            "split": self.split_seed,
            "validation": self.validation,
            "device": self.device,
        }
        return checksum(own | {"plan": {name: _plain(value) for name, value in self.plan.items()}, "steps": self.steps})


def prepare_supernet(
    work: SupernetWork,
    cores: int,
    networks: Callable[[], Sequence[Genotype]],
    largest: Callable[[], Genotype],
    listener: Listener,
) -> float:
    """Train a supernet, or go on with its training; returns the seconds that it took in all runs.

    Args:
        cores: that are free: each of the networks of a step gets its share of them.
        networks: those of the space that learn; a few of them are held out.
        largest: one that is as large as the space allows; it need not be within limits.

    Raises:
        StudyError: there are no networks; or the folder holds another supernet.
        NasbenchError: see `run_in_processes` and `SupernetTraining.run`.
    """
    folder = Path(work.folder)
    before = _summary(folder, work)
    if before is not None:
        return float(before["seconds"])
    folder.mkdir(exist_ok=True)
    listener.stage("drawing networks for the supernet")
    drawn = list(networks())
    if len(drawn) < 2:
        raise StudyError(f"a supernet is trained with networks within the limits; {len(drawn)} were found; loosen the limits")
    held = min(HELD_OUT, len(drawn) // 2)
    texts = tuple(g.to_yaml() for g in drawn)
    processes = min(cores, TOGETHER)
    work = replace(work, pool=texts[:-held], held_out=texts[-held:], largest=largest().to_yaml(), threads=max(1, cores // processes))
    if processes > 1:
        seconds: float = run_in_processes(processes, work.device, _train, work, listener)
        return seconds
    threads = torch.get_num_threads()
    try:
        return _train(work, ALONE, listener)
    finally:
        torch.set_num_threads(threads)


def _that_fit(texts: Sequence[str], recipe: Recipe, classes: int) -> list[Genotype]:
    """The networks that can be built at the resolution at which they train."""
    found = []
    for text in texts:
        try:
            g = at_training_size(Genotype.from_yaml(text), recipe, classes)
            class_count(trace(g), g.name)
        except GenotypeError:
            continue  # a trial with such a network is infeasible
        found.append(g)
    return found


def _summary(folder: Path, work: SupernetWork) -> dict[str, Any] | None:
    """That of a finished training; None where it is unfinished.

    Raises:
        StudyError: it is one with other options.
    """
    if not (folder / SUMMARY).exists():
        return None
    try:
        found = read_json(folder / SUMMARY)
        if found["identity"] == work.identity() and (folder / WEIGHTS).exists():
            return dict(found)
    except (OSError, *MALFORMED):
        pass
    raise StudyError(f"{folder} holds another supernet, or is damaged; delete it, or choose another --name")


def _train(work: SupernetWork, group: Group, listener: Listener) -> float:
    """Train in this process, one of the group; returns the seconds of all runs."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", COMPILED)  # before the first convolution
    if work.device == "cpu":
        torch.set_num_threads(work.threads)
    began = time.monotonic()
    folder, recipe = Path(work.folder), Recipe.from_dict(dict(work.recipe))
    listener.stage("preparing the supernet")
    images = load_images(work.data, None if work.data_root is None else Path(work.data_root), size=recipe.decoded_size)
    training, validation = training_and_validation(images, seed=work.split_seed)
    classes = len(images.classes)
    pool, held_out, largest = (_that_fit(texts, recipe, classes) for texts in (work.pool, work.held_out, (work.largest,)))
    if len(pool) < 2:
        raise StudyError(
            "a supernet is trained with networks that can be built at the resolution of the recipe; "
            f"{len(pool)} of {len(work.pool)} can at {recipe.train_size} pixels; give a --recipe with a larger train_size"
        )
    shape = max((g.input for g in (*pool, *held_out)), key=lambda s: s[1])
    pixels = Pixels.of(training, shape, device=work.device)
    scored = Pixels.of(subset(validation, work.validation, seed=work.split_seed), shape, pixels.statistics, work.device)

    def made(steps: int) -> SupernetTraining:
        plan = SupernetPlan(**work.plan, steps=steps)
        return SupernetTraining(pool, pixels, recipe, plan, torch.device(work.device), (*largest, *held_out), group)

    with machine_lock(shared=True):  # no latency is measured meanwhile
        steps, spent_s = _planned(work, folder, made, began, group, listener)
        state = made(steps)
        _run(state, folder, held_out, scored, listener, began, spent_s)
    seconds = spent_s + time.monotonic() - began
    if group.is_first:
        _save(work, folder, state, scored, classes, seconds)
    return seconds


def _planned(
    work: SupernetWork, folder: Path, made: Callable[[int], SupernetTraining], began: float, group: Group, listener: Listener
) -> tuple[int, float]:
    """The number of steps, measured once and then kept, and the seconds that earlier runs took."""
    stored: dict[str, Any] = {}
    if (folder / PROGRESS).exists():
        try:
            stored = dict(read_json(folder / PROGRESS))
        except (OSError, *MALFORMED):
            stored = {}
    if stored.get("identity") == work.identity():
        return int(stored["steps"]), float(stored["seconds"])
    steps = work.steps
    if steps is None and work.seconds is None:
        steps = STEPS
    if steps is None and work.seconds is not None:
        listener.stage("timing the supernet")
        timed_s = min(PACE_S, PACE_SHARE * work.seconds)
        left_s = work.seconds - (time.monotonic() - began) - timed_s
        steps = made(1).steps_in(MARGIN * max(0.0, left_s), timed_s)
    steps = int(group.of_first([float(steps or 1)], torch.device("cpu" if work.device == "cpu" else work.device))[0] or 1)
    if group.is_first:
        _write(folder / PROGRESS, {"identity": work.identity(), "steps": steps, "seconds": 0.0})
    return steps, 0.0


def _run(
    state: SupernetTraining, folder: Path, held_out: Sequence[Genotype], scored: Pixels, listener: Listener, began: float, spent_s: float
) -> None:
    """Train to the end, and show the progress."""
    steps = state.plan.steps
    listener.stage(f"training the supernet: {len(state.pool)} networks learn, {TOGETHER} in each of {steps:,} steps", PROBES)
    probes = [math.ceil(steps * (i + 1) / PROBES) for i in range(PROBES)]
    first = state.group.is_first

    def on_step(step: int, loss: float) -> None:
        listener.rounds(step, steps)
        if first and any(step - CHECK_STEPS < at <= step for at in probes):
            found = [score_subnet(state.shared, g, state.images, scored, state.recipe).accuracy for g in held_out]
            others = f"; networks that did not learn themselves: {100 * min(found):.0f} to {100 * max(found):.0f} %" if found else ""
            listener.step(f"loss {loss:.2f}{others}")
            stored = {"identity": read_json(folder / PROGRESS)["identity"], "steps": steps, "seconds": spent_s + time.monotonic() - began}
            _write(folder / PROGRESS, stored)

    state.run(folder / CHECKPOINT, on_step)


def _save(work: SupernetWork, folder: Path, state: SupernetTraining, scored: Pixels, classes: int, seconds: float) -> None:
    """Write the files of a finished supernet; the summary comes last."""
    picked = torch.randperm(len(state.images), generator=torch.Generator().manual_seed(work.split_seed))[:KEPT]
    kept = {
        "training": state.images.pixels[picked.to(state.device)].cpu(),
        "validation": scored.pixels.cpu().contiguous(),
        "labels": scored.batches.labels.cpu(),
    }
    write_atomic(folder / IMAGES, save(kept))
    write_atomic(folder / WEIGHTS, save({key: tensor.cpu().contiguous() for key, tensor in state.shared.tensors.items()}))
    statistics = state.images.statistics
    summary = {
        "identity": work.identity(),
        "steps": state.plan.steps,
        "images": state.plan.steps * TOGETHER * state.batch,
        "networks": len(state.pool),
        "parameters": state.shared.parameters,
        "seconds": seconds,
        "classes": classes,
        "channels": state.images.batches.channels,
        "mean": list(statistics.mean),
        "std": list(statistics.std),
        "recipe": state.recipe.to_dict(),
        "context": list(state.plan.context),
        "axes": state.shared.axes,
    }
    _write(folder / SUMMARY, summary)
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _write(path: Path, content: dict[str, Any]) -> None:
    write_atomic(path, json.dumps(content, indent=1) + "\n")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
