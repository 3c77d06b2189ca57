"""What a training for use was asked for, as the user gave it; nothing here loads torch, unless pretrained weights are asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.errors import DeviceError, GenotypeError, NasbenchError
from nasbench.genotype import Genotype, as_genotype, class_count, digest, trace
from nasbench.genotype.units import parse_duration
from nasbench.training.delivery.logs import check_logs
from nasbench.training.recipe import Recipe
from nasbench.training.recipes import NamedRecipe, default_recipe, find_recipe

FINETUNE = "finetune"  # the recipe for a training that begins with given weights
KEPT, NONE = "kept", "none"  # whether images are kept for validation
_MOST_THREADS = 1024


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The options of `nasbench train`, checked.

    Attributes:
        network: the network; it is trained with the classes of the data, at the resolution of the recipe.
        data, data_root: the images, as `load_images` takes them.
        named: the recipe; `epochs` and `time_s` decide the number of epochs in its place.
        epochs: passes over the training images; None where the time or the recipe decides.
        time_s: time in seconds for the whole command; None without a limit.
        validation: `kept` or `none`; `none` trains on all training images.
        seed: decides initial weights, order of the images and augmentation.
        device: `cpu` or `cuda`.
        threads: torch threads on a CPU; None for all cores. Another number may change the last bits of the weights.
        weights: a file of weights to begin with; None for random ones.
        weights_sha256: of that file; like: see `nasbench.load_weights`.
        slices_of: the network whose weights the file holds, where it is another one, and slices of them are taken.
        processes: number of processes that train together; each takes a share of every batch, on a GPU of its own with `cuda`.
        logs: names of `nasbench.training.delivery.logs`; they change no result.
    """

    network: Genotype
    data: str
    data_root: str | None
    named: NamedRecipe
    epochs: int | None
    time_s: float | None
    validation: str
    seed: int
    device: str
    threads: int | None
    weights: str | None = None
    weights_sha256: str = ""
    like: str | None = None
    slices_of: Genotype | None = None
    processes: int = 1
    logs: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """The recipe with the epochs of the user; where the time decides, those of the recipe."""
        return self.recipe_of(self.named.recipe.epochs if self.epochs is None else self.epochs)

    def recipe_of(self, epochs: int) -> Recipe:
        """The recipe for so many epochs, with a validation after each wherever there are validation images."""
        recipe = self.named.of(epochs)
        recipe = replace(recipe, identity_start=False) if self.weights else recipe  # branches that start at zero would lose their weights
        if self.validation == KEPT:
            return replace(recipe, validate_epochs=True)
        if recipe.schedule == "plateau":
            raise NasbenchError(
                f"the schedule plateau follows the validation loss; the recipe {self.named.name} has it, and --validation none keeps no "
                "images; leave --validation out, or choose another recipe"
            )
        return replace(recipe, validate_epochs=False)

    @property
    def name(self) -> str:
        """The default name of the output folder, such as `train-lenet5-embedded`."""
        data = re.sub(r"[^\w.-]+", "-", Path(self.data).name) or "images"
        return f"train-{re.sub(r'[^A-Za-z0-9_.-]+', '-', self.network.name) or 'network'}-{data}"[:100]

    def command(self) -> dict[str, Any]:
        """Everything that decides the result, as plain data."""
        fields = self.recipe.to_dict()
        if self.time_s is not None:
            del fields["epochs"]
            few = self.named.few_epochs
            fields |= {"few_epochs": {"below": few.below, **few.fields}} if few else {}
        return {
            "network": f"{self.network.name} {digest(self.network)}",
            "data": self.data,
            "data_root": self.data_root,
            "recipe": fields,
            "time_s": self.time_s,
            "validation": self.validation,
            "seed": self.seed,
            "device": self.device,
            "threads": self.threads,
            **({"weights": self.weights_sha256} if self.weights else {}),
            **({"like": self.like} if self.like else {}),
            **({"slices_of": f"{self.slices_of.name} {digest(self.slices_of)}"} if self.slices_of else {}),
            **({"processes": self.processes} if self.processes > 1 else {}),
        }


def train_config(
    network: Genotype,
    *,
    data: str = "embedded",
    data_root: str | Path | None = None,
    recipe: str | Path | Recipe | Mapping[str, Any] | None = None,
    epochs: int | None = None,
    time: str | None = None,
    validation: str = KEPT,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    weights: str | Path | None = None,
    like: str | None = None,
    pretrained: bool = False,
    slices: bool = False,
    processes: int = 1,
    log: str | Sequence[str] = (),
) -> TrainConfig:
    """The configuration of options as a user gives them.

    Args:
        pretrained: begin with torchvision's weights of the network; they are downloaded if torch's cache lacks them.
        slices: the weights are of another network, `like`, a known one or a .yaml file; slices of them are taken.

    Raises:
        NasbenchError: an option that cannot be, a network without logits, or weights that are not to be had.
    """
    if time is not None and epochs is not None:
        raise NasbenchError(f"--time and --epochs both decide the number of epochs; got {time} and {epochs}; leave one out")
    if validation not in (KEPT, NONE):
        raise NasbenchError(f"--validation is {KEPT} or {NONE}; got {validation!r}; {KEPT} is the default")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise NasbenchError(f"a seed is a whole number from 0; got {seed!r}; leave it out for 0")
    if device not in ("cpu", "cuda"):
        raise DeviceError(f"a network is trained on cpu or cuda; got {device!r}; choose one of them")
    if threads is not None and not 1 <= threads <= _MOST_THREADS:
        raise NasbenchError(f"--threads is a whole number from 1 to {_MOST_THREADS}; got {threads}; leave it out for all cores")
    if pretrained and (weights is not None or (like is not None and not slices)):
        other = "--weights" if weights is not None else "--like"
        raise NasbenchError(f"--pretrained begins with torchvision's weights; got {other}, too; leave one of them out")
    other_network = _other_network(like, weights is not None or pretrained) if slices else None
    if like is not None and weights is None and not pretrained:
        raise NasbenchError("--like says which network --weights are of; got no --weights; add --weights FILE, or leave --like out")
    class_count(trace(network), network.name)
    if pretrained:
        from nasbench.training.delivery.pretrained import pretrained_file

        weights = pretrained_file(other_network or network)
    config = TrainConfig(
        network=network,
        data=data,
        data_root=None if data_root is None else str(data_root),
        named=_named(recipe, data, FINETUNE if weights else None),
        epochs=epochs,
        time_s=None if time is None else parse_duration(time),
        validation=validation,
        seed=seed,
        device=device,
        threads=threads,
        weights=None if weights is None else str(weights),
        weights_sha256="" if weights is None else _sha256(Path(weights)),
        like=None if slices else like,
        slices_of=other_network,
        processes=processes,
        logs=check_logs([log] if isinstance(log, str) else log),
    )
    check_processes(processes, config.recipe.batch_size, "the recipe's batch_size")
    return config


def _other_network(like: str | None, has_weights: bool) -> Genotype:
    """The network of which slices are taken."""
    if like is None or not has_weights:
        lacking = "--like" if has_weights else "--weights FILE, or --pretrained"
        raise NasbenchError(f"--slices takes slices of the weights of another network, which --like names; add {lacking}")
    try:
        return as_genotype(like)
    except GenotypeError as error:
        raise NasbenchError(f"with --slices, --like is a known network or the .yaml file of one: {error}") from None


def check_processes(processes: int, batch: int, what: str) -> None:
    """Check that every process gets at least two images of a batch.

    Raises:
        NasbenchError: it does not, or there is no process.
    """
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise NasbenchError(f"--processes is a whole number from 1; got {processes!r}; leave it out for one process")
    if processes > 1 and 2 * processes > batch:
        raise NasbenchError(
            f"every process takes two images of a batch or more; got --processes {processes} and {batch} images, {what}; "
            f"give at most {max(1, batch // 2)} processes"
        )


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise NasbenchError(f"cannot read the weights {path}: {error.strerror}; name a .safetensors or .pth file") from None


def _named(recipe: str | Path | Recipe | Mapping[str, Any] | None, data: str, usual: str | None) -> NamedRecipe:
    """The recipe; where none is given, the `usual` one, or that for the data."""
    if recipe is None:
        return find_recipe(usual or default_recipe(data))
    if isinstance(recipe, Recipe):
        return NamedRecipe("given", "", "", recipe)
    if isinstance(recipe, Mapping):
        return NamedRecipe("given", "", "", Recipe.from_dict({"images": None, **recipe}))
    return find_recipe(recipe)
