"""The Zen-score: how much the last map of a network changes with its input, as if it had no norms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nasbench.evaluate.zero_cost.modules import NORMS, working_copy

ALPHA = 0.01  # size of the change of the input
BATCH = 16  # images, at most; as in the authors' code
_POOLS = ("adaptive_avg_pool2d", "adaptive_max_pool2d")


def zen(net: nn.Module, images: Tensor, labels: Tensor | None = None) -> float:
    """log E|f(x) - f(x + 0.01 e)| + the sum over batch norms of the logarithm of the deviation that they divide by (Lin et al. 2021,
    "Zen-NAS", algorithm 1).

    f is the map before the global pooling, the weights, x and e are drawn from N(0, 1), and |.| sums absolute values, as in the authors'
    code (the paper writes a Frobenius norm). The deviation of a norm is the root of the mean variance of its channels in the batch x.
    The paper removes all shortcuts from a network; here it is scored as it is. Random numbers come from torch's global generator: the
    score is repeated with other seeds and averaged.

    Args:
        images: only their size and, up to `BATCH`, their number matter.
    """
    net = working_copy(net, batch_statistics=True, dtype=torch.float64)
    _draw_weights(net)
    shape = (min(BATCH, len(images)), *images.shape[1:])
    x, change = (torch.randn(shape, dtype=torch.float64, device=images.device) for _ in range(2))
    deviations: list[float] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        over = tuple(d for d in range(inputs[0].dim()) if d != 1)
        deviations.append(float(inputs[0].var(over, correction=0).mean().sqrt()))

    hooks = [m.register_forward_pre_hook(note) for m in net.modules() if isinstance(m, NORMS)]
    with torch.no_grad():
        before = last_map(net, x)
        for hook in hooks:
            hook.remove()
        after = last_map(net, x + ALPHA * change)
    difference = float((before - after).abs().flatten(1).sum(1).mean())
    factors = [difference, *deviations]
    return sum(map(math.log, factors)) if all(0 < f < math.inf for f in factors) else math.nan


def last_map(net: nn.Module, images: Tensor) -> Tensor:
    """What the global pooling of a network reads; without one what is flattened, else the output."""
    with _Pooling() as pooling:
        output: Tensor = net(images)
    return next((value for value in (pooling.pooled, pooling.flattened) if value is not None), output)


@torch.no_grad()
def _draw_weights(net: nn.Module) -> None:
    """Weights from N(0, 1), biases 0, norms as they begin."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, NORMS):
            module.reset_parameters()


class _Pooling(TorchFunctionMode):
    """Keeps the map that was pooled last over all its pixels, and the one that was flattened last."""

    def __init__(self) -> None:
        super().__init__()
        self.pooled: Tensor | None = None
        self.flattened: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        value = args[0] if args else None
        if isinstance(value, Tensor) and value.dim() == 4:
            over = args[1] if len(args) > 1 else kwargs.get("dim")
            if name in _POOLS or (name == "mean" and isinstance(over, list | tuple) and {d % 4 for d in over} == {2, 3}):
                self.pooled = value
            elif name == "flatten":
                self.flattened = value
        return func(*args, **kwargs)
