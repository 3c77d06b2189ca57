"""NASWOT: how differently the images of a batch switch the activations of a network on and off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nasbench.evaluate.zero_cost.modules import working_copy

# Functions with two regimes that meet at zero. Gates (sigmoid, hardsigmoid) and tanh have no such switch, and do not count.
SWITCHES = frozenset(
    {"relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "prelu", "elu", "elu_", "celu", "selu", "silu", "mish", "hardswish", "gelu"}
)
CHUNK = 2**18  # units that are compared at a time


def naswot(net: nn.Module, images: Tensor, labels: Tensor | None = None) -> float:
    """The logarithm of the determinant of the kernel K, where K[i, j] is the number of activations that are both on or both off for the
    images i and j (Mellor et al. 2021, "Neural Architecture Search without Training", eq. 1 and 2).

    An activation is on where its input is above zero. The paper has ReLUs; here also the others that switch at zero count (`SWITCHES`),
    by the sign of their input. Batch norms use the statistics of the batch, as in the authors' code. It is minus infinity where two
    images have the same code.
    """
    net = working_copy(net, batch_statistics=True)
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)
    with torch.no_grad(), _Switches(lambda inputs: kernel.add_(agreements(inputs > 0))):
        net(images)
    sign, logarithm = torch.linalg.slogdet(kernel)
    return float(logarithm) if sign > 0 else float("-inf")


def agreements(codes: Tensor) -> Tensor:
    """For each pair of rows of a boolean tensor (N, ...) the number of places in which they agree, float64 (N, N)."""
    total = torch.zeros(len(codes), len(codes), dtype=torch.float64, device=codes.device)
    for part in torch.split(codes.flatten(1), CHUNK, 1):
        on = part.float()
        off = 1 - on
        total += (on @ on.T + off @ off.T).double()
    return total


class _Switches(TorchFunctionMode):
    """Passes the input of each activation that switches at zero to `note`, whether it is a module or the call of a function."""

    def __init__(self, note: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self._note = note

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in SWITCHES or (name in ("hardtanh", "hardtanh_") and (args[1:2] or (kwargs.get("min_val"),))[0] == 0):
            self._note(args[0] if args else kwargs["input"])
        return func(*args, **kwargs)
