"""Initial weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nasbench.errors import GenotypeError


@torch.no_grad()
def initialise(net: nn.Module, scheme: str) -> None:
    """Fill every weight of `net` from torch's current random state.

    `he_fan_out` and `he_fan_in` draw convolutions from a normal distribution of variance 2 / fan (He et al. 2015,
    eq. 10 and 14), the fan counted within a group, biases 0; linear layers uniformly within 1 / sqrt(inputs)
    (`he_fan_in` with ReLU between them: He's normal). `torch` calls each module's own `reset_parameters`. Norms, and modules
    of your own layer kinds, do so under every scheme.

    Raises:
        GenotypeError: a module has weights, and no method `reset_parameters`.
    """
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d) or (scheme == "torch" and isinstance(module, nn.Conv2d | nn.Linear)):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d):
            area = math.prod(module.kernel_size)
            fan = area * (module.out_channels if scheme == "he_fan_out" else module.in_channels) // module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            if scheme == "he_fan_in":
                nn.init.normal_(module.weight, std=math.sqrt(2 / module.in_features))
            else:
                bound = 1 / math.sqrt(module.in_features)
                nn.init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif module._parameters or module._buffers:
            reset = getattr(module, "reset_parameters", None)
            if reset is None:
                raise GenotypeError(
                    f"a module with weights fills them in its method reset_parameters; {type(module).__name__} has none; write one"
                )
            reset()


@torch.no_grad()
def settle(net: nn.Module, image: Tensor) -> None:
    """Give the norms the statistics of these images, so that with random weights the signal neither overflows nor vanishes."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
    before = [(m.training, m.momentum) for m in norms]
    for m in norms:
        m.train()
        m.momentum = 1.0
    net(image)
    for m, (training, momentum) in zip(norms, before, strict=True):
        m.train(training)
        m.momentum = momentum
