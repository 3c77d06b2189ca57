"""What a folder holds of a trained network: of a search's winner, or of a training for use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.errors import DataError, NasbenchError, first_line
from nasbench.genotype import Genotype
from nasbench.latency import Card, load_card
from nasbench.training.delivery import GENOTYPE, SUMMARY, WEIGHTS
from nasbench.training.delivery.summary import checked_summary
from nasbench.training.preprocess import PREPROCESS_FILE, Preprocess, load_preprocess

if TYPE_CHECKING:
    import torch
    from torch import nn

CARD = "card.json"
BEST = "best"  # in the folder of a study
BATCH = 64  # images of a prediction that are in memory at a time

Classes = list[tuple[str, float]]  # names and probabilities


@dataclass(frozen=True)
class Trained:
    """A folder with a trained network, and all that is known of it.

    Attributes:
        path: the folder.
        genotype: with the input at which it was trained.
        preprocess: how images become inputs, and the names of the classes.
        card: its latency limit and measurement; None without one.
        summary: the content of `summary.json`; empty for the short training of a search, whose accuracy only ranks networks.
    """

    path: Path
    genotype: Genotype
    preprocess: Preprocess
    card: Card | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Trained:
        """From the folder of a study, its `best/`, a training for use, or an export.

        Raises:
            NasbenchError: a file is missing or damaged.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise NasbenchError(f"a trained network is a folder; {path} is none; name a study, or the folder of a `nasbench train`")
        if not (folder / WEIGHTS).is_file() and (folder / BEST).is_dir():
            folder = folder / BEST
        for name in (GENOTYPE, WEIGHTS, PREPROCESS_FILE):
            if not (folder / name).is_file():
                raise NasbenchError(
                    f"a trained network has {GENOTYPE}, {WEIGHTS} and {PREPROCESS_FILE}; {folder} has no {name}; finish the search with "
                    "`nasbench resume`, or train the network with `nasbench train`"
                )
        preprocess = load_preprocess(folder / PREPROCESS_FILE)
        genotype = replace(Genotype.from_yaml(folder / GENOTYPE), input=preprocess.input)
        card = load_card(folder / CARD) if (folder / CARD).is_file() else None
        return cls(folder, genotype, preprocess, card, _summary(folder / SUMMARY))

    @property
    def accuracy(self) -> float | None:
        """The accuracy on the validation images (0 to 1); None if there were none."""
        part = self.summary.get("validation")
        return None if part is None else float(part["accuracy"])

    @property
    def test_accuracy(self) -> float | None:
        """The accuracy on the test images (0 to 1); None if there are none."""
        part = self.summary.get("test")
        return None if part is None else float(part["accuracy"])

    @property
    def test_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `test_accuracy`, for other images of the same kind and the same weights."""
        part = self.summary.get("test")
        return None if part is None else (float(part["low"]), float(part["high"]))

    @cached_property
    def weights(self) -> dict[str, torch.Tensor]:
        """Its weights by name.

        Raises:
            DataError: the file cannot be read.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self.path / WEIGHTS)
        except (OSError, SafetensorError) as error:
            raise DataError(f"cannot read {self.path / WEIGHTS}: {first_line(error)}; train the network again") from None

    def network(self) -> nn.Module:
        """The network with its weights, in inference mode, on the CPU.

        Raises:
            DataError: the weights are damaged, or of another network.
        """
        from nasbench.network import build

        net: nn.Module = build(self.genotype)
        try:
            net.load_state_dict(self.weights)
        except RuntimeError:
            raise DataError(f"{self.path} holds the weights of another network than its {GENOTYPE}; train the network again") from None
        return net.eval()

    def predict(self, files: Sequence[str | Path]) -> list[Classes]:
        """The classes of image files with their probabilities, the most probable first.

        Raises:
            DataError: a file is not an image that can be read, or the weights are damaged.
        """
        import torch

        net, found = self.network(), []
        for start in range(0, len(files), BATCH):
            images = self.preprocess.read(files[start : start + BATCH])
            with torch.no_grad():
                probabilities = net(images).double().softmax(1)
            for row in probabilities.tolist():
                found.append(sorted(zip(self.preprocess.classes, row, strict=True), key=lambda entry: -entry[1]))
        return found

    def __repr__(self) -> str:
        low, high = self.test_interval or (0.0, 0.0)
        data = f" on {self.summary['data']}" if self.summary else ""
        test = "" if self.test_accuracy is None else f", test accuracy {self.test_accuracy:.1%} [{low:.1%}, {high:.1%}]"
        return f"{self.path}: {self.genotype.name}{data}{test}"


def _summary(path: Path) -> dict[str, Any]:
    """The summary of a training for use; empty where there is none. That of a study is a list."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {} if isinstance(found, list) else checked_summary(found)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read {path}: {first_line(error)}; train the network again") from None
