"""Auxiliary heads as torch runs them: in training mode only."""

from __future__ import annotations

import re

from torch import Tensor, nn

# The beginning of a tensor's name that belongs to a head, in other libraries and in nasbench: aux1, AuxLogits, aux_head, auxiliary.
_NAME = re.compile(r"(?:.+?\.)??aux(?:iliary)?(?:_?(?:logits|head|classifier|fc))?_?\d*(?=\.)", re.IGNORECASE)


class AuxiliaryHead(nn.Module):
    """A classifier on the side; `rows` is the network of its layers."""

    def __init__(self, rows: nn.Module) -> None:
        super().__init__()
        self.rows = rows

    def forward(self, x: Tensor) -> Tensor | None:
        """The logits (N, classes) of the map (N, c, h, w) it is attached to; None in inference mode, and nothing is computed."""
        return self.rows(x) if self.training else None


class Outputs(nn.Module):
    """The end of a network with auxiliary heads; `weights` are those of their losses, beside 1 for that of the network."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, logits: Tensor, *auxiliary: Tensor) -> Tensor | tuple[Tensor, ...]:
        """In training mode the logits and then those of the heads, (N, classes) each; in inference mode the logits alone."""
        return (logits, *auxiliary) if self.training else logits


def loss_weights(net: nn.Module) -> tuple[float, ...]:
    """How much the loss at each output counts in training: 1 for the network's own, then the weights of its auxiliary heads.

    >>> import nasbench as nb
    >>> loss_weights(nb.build(nb.known("googlenet"), device="meta"))
    (1.0, 0.3, 0.3)
    """
    return (1.0, *next((module.weights for module in net.modules() if isinstance(module, Outputs)), ()))


def auxiliary_head(name: str) -> str | None:
    """The head that a tensor of this name belongs to, `aux1` of `aux1.fc.weight`; None for the network's own tensors."""
    match = _NAME.match(name)
    return None if match is None else match[0]
