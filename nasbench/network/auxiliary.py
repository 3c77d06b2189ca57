"""Auxiliary heads as torch runs them: in training mode only."""

from __future__ import annotations

import re
from typing import NamedTuple

from torch import Tensor, nn

# The beginning of a tensor's name that stands for a head, in the libraries and in ours: aux1, AuxLogits, aux_head, auxiliary.
_NAME = re.compile(r"(?:.+?\.)??aux(?:iliary)?(?:_?(?:logits|head|classifier|fc))?_?\d*(?=\.)", re.IGNORECASE)


class TrainingOutput(NamedTuple):
    """What a network with auxiliary heads answers in training mode; in inference mode it answers the logits alone.

    Attributes:
        logits: (N, classes), of the network itself.
        auxiliary: the same of each auxiliary head, in the order of the layers they hang on.
        weights: of their losses, beside 1 for that of the network.
    """

    logits: Tensor
    auxiliary: tuple[Tensor, ...]
    weights: tuple[float, ...]


class AuxiliaryHead(nn.Module):
    """A classifier on the side; `rows` is the network of its layers."""

    def __init__(self, rows: nn.Module) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, x: Tensor) -> Tensor | None:
        """The logits (N, classes) of the map (N, c, h, w) that it hangs on; None in inference mode, and nothing is computed."""
        return self.rows(x) if self.training else None


class Outputs(nn.Module):
    """The end of a network with auxiliary heads."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, logits: Tensor, *auxiliary: Tensor) -> TrainingOutput | Tensor:
        return TrainingOutput(logits, auxiliary, self.weights) if self.training else logits


def auxiliary_head(name: str) -> str | None:
    """The head that a tensor of this name belongs to, `aux1` of `aux1.fc.weight`; None for the network's own tensors."""
    match = _NAME.match(name)
    return None if match is None else match[0]
