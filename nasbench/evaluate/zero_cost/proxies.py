"""The table of proxies: what each one is, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Proxy(NamedTuple):
    """A score of networks that needs no training. More is better.

    Attributes:
        about: what it is, and its paper.
        function: dotted name of the function (net, images, labels) that computes it; empty for what `nasbench.cost` counts.
        log: whether its logarithm is the score: it spans many orders of magnitude.
        reads: what it reads of the data beside the size of the images: `nothing`, `images`, or images and `labels`.
    """

    about: str
    function: str = ""
    log: bool = False
    reads: str = "nothing"


_FOLDER = "nasbench.evaluate.zero_cost"
PROXIES: Mapping[str, Proxy] = {
    "synflow": Proxy(
        "how much all weights contribute to the paths from the input to the output (Tanaka et al. 2020)",
        f"{_FOLDER}.gradients.synflow",
        log=True,
    ),
    "naswot": Proxy(
        "how differently images switch the activations on and off (Mellor et al. 2021)", f"{_FOLDER}.activations.naswot", reads="images"
    ),
    "zen": Proxy("how much the last map changes with its input, norms undone (Lin et al. 2021)", f"{_FOLDER}.zen.zen"),
    "grad-norm": Proxy(
        "norm of the gradients of one batch (Abdelfattah et al. 2021)", f"{_FOLDER}.gradients.grad_norm", log=True, reads="labels"
    ),
    "jacob-cov": Proxy(
        "how little the gradients of different images correlate (Mellor et al. 2020)", f"{_FOLDER}.gradients.jacob_cov", reads="images"
    ),
    "macs": Proxy("multiply-adds of the network at its own input", log=True),
    "params": Proxy("parameters of the network", log=True),
}
