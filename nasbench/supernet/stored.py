"""A trained supernet in the folder of a study."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from nasbench.errors import StudyError, first_line
from nasbench.files import read_json
from nasbench.genotype import Genotype, adapt
from nasbench.supernet.pixels import Pixels
from nasbench.supernet.plan import CALIBRATION
from nasbench.supernet.scoring import SubnetScore, score_subnet
from nasbench.supernet.shared import SharedWeights
from nasbench.training.batches import Batches, Statistics
from nasbench.training.recipe import Recipe, proxy_input

WEIGHTS, IMAGES, SUMMARY = "weights.safetensors", "images.safetensors", "summary.json"


class Supernet:
    """A trained supernet.

    Attributes:
        recipe: of its study: it says at which resolution networks train.
    """

    def __init__(self, weights: Mapping[str, Tensor], images: Mapping[str, Tensor], summary: dict[str, Any], device: str) -> None:
        self._weights, self._axes, self._device = weights, summary["axes"], device
        images = {name: tensor.to(device) for name, tensor in images.items()}
        self.recipe = Recipe.from_dict(summary["recipe"])
        self.classes, self._context = int(summary["classes"]), tuple(summary["context"])
        statistics = Statistics(tuple(summary["mean"]), tuple(summary["std"]))
        channels = int(summary["channels"])
        self._training = Pixels(
            Batches(images["training"], torch.zeros(len(images["training"]), dtype=torch.long, device=device), channels), statistics
        )
        self._validation = Pixels(Batches(images["validation"], images["labels"], channels), statistics)

    def score(self, genotype: Genotype, *, calibration: int = CALIBRATION) -> SubnetScore:
        """The accuracy of a network with its slices.

        Raises:
            GenotypeError: it cannot be built at the resolution of the supernet.
        """
        shared = SharedWeights.of(self._weights, self._axes, self._context, self._device)
        network = at_training_size(genotype, self.recipe, self.classes)
        return score_subnet(shared, network, self._training, self._validation, self.recipe, calibration=calibration)


@lru_cache(maxsize=2)
def load_supernet(folder: Path, device: str = "cpu") -> Supernet:
    """The supernet that a study has trained, on a device.

    Raises:
        StudyError: the files are missing or damaged.
    """
    try:
        summary = read_json(folder / SUMMARY)
        return Supernet(load_file(folder / WEIGHTS), load_file(folder / IMAGES), summary, device)
    except Exception as error:  # noqa: BLE001 - safetensors has errors of its own
        raise StudyError(
            f"a supernet lies in {folder}; it cannot be read ({first_line(error)}); delete the folder and give the search's command again"
        ) from None


def at_training_size(genotype: Genotype, recipe: Recipe, classes: int) -> Genotype:
    """A network at the resolution at which it trains, with the classes of the data."""
    return adapt(genotype, input=proxy_input(genotype.input, recipe), classes=classes)
