"""A training for use that has ended, for Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Trained:
    """The output folder of a finished training.

    Attributes:
        path: the folder; summary: the content of its `summary.json`.
    """

    path: Path
    summary: dict[str, Any]

    @property
    def accuracy(self) -> float | None:
        """The accuracy on the validation images (0 to 1); None if there were none."""
        part = self.summary["validation"]
        return None if part is None else float(part["accuracy"])

    @property
    def test_accuracy(self) -> float | None:
        """The accuracy on the test images (0 to 1); None if there are none."""
        part = self.summary["test"]
        return None if part is None else float(part["accuracy"])

    @property
    def test_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `test_accuracy`, for other images of the same kind and the same weights."""
        part = self.summary["test"]
        return None if part is None else (float(part["low"]), float(part["high"]))

    def network(self) -> nn.Module:
        """The network with its weights, in inference mode, on the CPU."""
        from nasbench.training.delivery.files import load_trained

        return load_trained(self.path)

    def __repr__(self) -> str:
        low, high = self.test_interval or (0.0, 0.0)
        test = "" if self.test_accuracy is None else f", test accuracy {self.test_accuracy:.1%} [{low:.1%}, {high:.1%}]"
        return f"{self.path}: {self.summary['network']} on {self.summary['data']}{test}"
