"""What a network does that no tensor holds: it is said when its weights load, and offered where nasbench can do it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nasbench.errors import WeightsError, nearest
from nasbench.network.matching import Match

# torchvision's pretrained GoogLeNet and Inception v3 take images normalised for ImageNet, and change them to a mean and deviation of 0.5,
# with which the weights were trained (torchvision.models.googlenet, `_transform_input`). Factor and summand for each channel:
CHANGES: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "transform_input": (
        tuple(deviation / 0.5 for deviation in (0.229, 0.224, 0.225)),
        tuple((mean - 0.5) / 0.5 for mean in (0.485, 0.456, 0.406)),
    )
}


class Preprocessed(nn.Module):
    """A network behind a change of its images: each channel times a number, plus another."""

    scale: Tensor
    shift: Tensor

    def __init__(self, net: nn.Module, scale: Sequence[float], shift: Sequence[float]) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("scale", torch.tensor(tuple(scale)).view(-1, 1, 1), persistent=False)
        self.register_buffer("shift", torch.tensor(tuple(shift)).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The output of the network for the images x (N, c, h, w)."""
        output: Tensor | tuple[Tensor, ...] = self.net(x * self.scale + self.shift)
        return output


def preprocess(net: nn.Module, change: str) -> Preprocessed:
    """`net` behind a change of its images that the network of its weights makes inside.

    Args:
        net: a network for images (N, 3, h, w).
        change: `transform_input`, the change that torchvision's pretrained GoogLeNet and Inception v3 make: images that are normalised
            with ImageNet's mean and deviation become images normalised with 0.5 and 0.5.

    Raises:
        WeightsError: another name.

    >>> import nasbench as nb, torchvision, warnings
    >>> theirs = torchvision.models.inception_v3(weights=None, transform_input=True, init_weights=False).eval()
    >>> net = nb.build(nb.known("inception_v3")).eval()
    >>> with warnings.catch_warnings(action="ignore"):  # of the change of images
    ...     nb.load_weights(net, theirs.state_dict())
    >>> image = torch.randn(1, 3, 299, 299)
    >>> torch.allclose(nb.preprocess(net, "transform_input")(image), theirs(image), atol=1e-4)
    True
    """
    if change not in CHANGES:
        raise WeightsError(f"a change of images is one of {', '.join(CHANGES)}; got {change!r}{nearest(change, CHANGES)}")
    return Preprocessed(net, *CHANGES[change])


def unseen_behaviour(module: nn.Module, pairs: Match) -> list[str]:
    """What `module` computes otherwise than ours, although its weights fit: sentences for the user."""
    name = type(module).__name__
    notes = []
    if getattr(module, "transform_input", False) is True:
        notes.append(
            f"{name} changes its images before the first layer (transform_input), which no tensor holds; "
            'nasbench.preprocess(net, "transform_input") does the same'
        )
    differences: dict[str, list[str]] = {}
    for ours, theirs in pairs.uses:
        there = dict(theirs.numbers)
        for number, value in ours.numbers:
            if number in there and there[number] != value:
                tensor = next(iter(ours.tensors.values()))
                differences.setdefault(number, []).append(f"{value} at {tensor.rpartition('.')[0]}, {there[number]} there")
    for number, places in differences.items():
        layers = "a layer" if len(places) == 1 else f"{len(places)} layers"
        notes.append(
            f"the weights fit, but {layers} of {name} may compute otherwise: {number} is {places[0]}; compare the logits, or change "
            "the genotype"
        )
    return notes
