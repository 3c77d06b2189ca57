"""Whether two networks answer alike: the last word where their structure leaves a choice of pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

IMAGES = 3
ALIKE = 1e-6  # of the largest logit, in double precision; a wrong pair shows as more than a thousandth
APART = 1e-9  # two images must differ by so much, or the comparison would see nothing


@torch.no_grad()
def outputs_agree(ours: nn.Module, theirs: nn.Module, pairs: Mapping[str, str], shape: Sequence[int]) -> bool:
    """Whether both networks give the same logits for random images of `shape`, with equal random weights in the paired tensors.

    Neither network is changed. The answer is False too where one of them does not run, or all images get the same logits.
    """
    draw = torch.Generator().manual_seed(0)
    mine = {name: _drawn(name, value.shape, draw) for name, value in ours.state_dict().items() if value.is_floating_point()}
    other = {name: _drawn(name, value.shape, draw) for name, value in theirs.state_dict().items() if value.is_floating_point()}
    for name, counterpart in pairs.items():
        other[counterpart] = mine[name].reshape(len(mine[name]), *other[counterpart].shape[1:])
    images = torch.randn(IMAGES, *shape, generator=draw, dtype=torch.float64)
    try:
        a, b = _answer(ours, mine, images), _answer(theirs, other, images)
    except Exception:  # noqa: BLE001 - whatever hinders a module of somebody else, it is not compared
        return False
    if a.shape != b.shape or not bool(torch.isfinite(a).all()):
        return False
    largest = float(a.abs().max())
    return float((a - b).abs().max()) <= ALIKE * largest and float((a[0] - a[1]).abs().max()) > APART * largest


def _answer(net: nn.Module, tensors: Mapping[str, Tensor], images: Tensor) -> Tensor:
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        output = functional_call(net, dict(tensors), (images,))
    finally:
        for module, mode in modes:
            module.training = mode
    return (output if isinstance(output, Tensor) else output[0]).flatten(1)


def _drawn(name: str, shape: Sequence[int], draw: torch.Generator) -> Tensor:
    """Numbers with which signals neither vanish nor explode."""
    if len(shape) > 1:
        return torch.randn(*shape, generator=draw, dtype=torch.float64) * math.sqrt(2 / math.prod(shape[1:]))
    if name.endswith(("weight", "running_var")):
        return torch.rand(*shape, generator=draw, dtype=torch.float64) + 0.5
    return 0.1 * torch.randn(*shape, generator=draw, dtype=torch.float64)
