"""The reference implementations, and weights that a comparison can see through.

With default initialisation such a comparison is blind: EfficientNet-B0's largest logit is 4e-14 then, and any tolerance passes
any network. So convolutions and linear layers are drawn with fan-in scale, norm weights and variances from [0.5, 1.5].
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from nasbench.genotype import Genotype, Trace, trace
from nasbench.network import build_trace, load_weights
from nasbench.network.references import make_reference, references
from nasbench.zoo import facts, known


def lenet() -> nn.Module:
    """No library has it; written by hand after the layer table."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Flatten(), nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def reference(name: str, call: str | None = None) -> nn.Module:
    """What the given reference, or else the first, makes, in inference mode with weights of fan-in scale."""
    with skipping_initialisation():
        net = make_reference(call or references(name)[0]) if references(name) else lenet()
    scramble(net)
    image = images(resized(name, call), 4)
    if not spread(net.eval(), image) > 0.01:
        calibrate(net, image)
    return net.eval()


@contextlib.contextmanager
def skipping_initialisation() -> Iterator[None]:
    """The reference's own initialisation would take a minute in all, and is overwritten."""
    kept = {
        name: getattr(nn.init, name)
        for name in ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_", "xavier_uniform_")
    }
    try:
        for name in kept:
            setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)
        yield
    finally:
        for name, function in kept.items():
            setattr(nn.init, name, function)


@torch.no_grad()
def scramble(net: nn.Module) -> None:
    """Fan-in scale: fan-out counts all groups, so that a depthwise signal would die."""
    draw = torch.Generator().manual_seed(1)
    for name, value in net.state_dict().items():
        if not value.is_floating_point():
            continue
        if value.dim() > 1:
            value.normal_(std=(2 / value[0].numel()) ** 0.5, generator=draw)
        elif name.endswith(("weight", "running_var")):
            value.uniform_(0.5, 1.5, generator=draw)
        else:
            value.normal_(std=0.1, generator=draw)


@torch.no_grad()
def spread(net: nn.Module, image: Tensor) -> float:
    """How far the logits of the first two images are apart, relative to the largest; nan where numbers ran over."""
    logits = net(image[:2])
    return float((logits[0] - logits[1]).abs().max() / logits.abs().max())


@torch.no_grad()
def calibrate(net: nn.Module, image: Tensor) -> None:
    """Running statistics near those of the signal, so that a thousand layers neither lose it nor let it grow beyond all numbers."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    kept = [m.momentum for m in norms]
    for m in norms:
        m.momentum = 1.0
    net.train()(image)
    draw = torch.Generator().manual_seed(3)
    for m, momentum in zip(norms, kept, strict=True):
        m.momentum = momentum
        m.num_batches_tracked.zero_()
        m.running_var.mul_(torch.rand(m.running_var.shape, generator=draw) + 0.5)
        m.running_mean.add_(0.1 * torch.randn(m.running_mean.shape, generator=draw))


def size_for(name: str, call: str | None = None) -> int:
    """Small where the reference takes any size."""
    own = known(name).input[1]
    library = (call or next(iter(references(name)), "")).split(".")[0]
    # pytorchcv's end in a pool of fixed size; the first networks have a head for one size.
    fixed = own <= 32 or library == "pytorchcv" or facts()[name].family in ("alexnet", "vgg")
    return own if fixed else 128 if own == 299 else 96


def images(g: Genotype, n: int = 2) -> Tensor:
    drawn = torch.randn(n, *g.input, generator=torch.Generator().manual_seed(2))
    if g.name == "squeezenet1_0_simple_bypass":  # its last average over 13x13 pixels makes all noise of one contrast alike
        drawn[1] *= 2
    return drawn


def resized(name: str, call: str | None = None) -> Genotype:
    g = known(name)
    return replace(g, input=(g.input[0], size_for(name, call), size_for(name, call)))


@torch.no_grad()
def error(layers: Trace, theirs: nn.Module, image: Tensor, like: nn.Module | None = None) -> float:
    """Largest difference of the logits, relative to the largest logit, once ours has the reference's weights.

    `like` is for a reference that is none of the known networks, whose names tell nothing.
    """
    ours = build_trace(layers).to_empty(device="cpu").to(image.dtype).eval()
    load_weights(ours, theirs.state_dict(), like)
    expected = theirs(image)
    assert spread(theirs, image) > 0.01, "the reference answers the same to two images: nothing could be seen"
    return float((ours(image) - expected).abs().max() / expected.abs().max())


def trace_of(name: str) -> Trace:
    return trace(resized(name))
