"""Whether a `model.py` is the network that it was written from."""

from __future__ import annotations

import types

import torch
from torch import nn

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, Network, as_genotype
from nasbench.network.build import build
from nasbench.network.initialise import settle
from nasbench.network.source.file import module_source, name_of

IMAGES = 4
TOLERANCE = 1e-6  # of the largest logit


def checked_source(g: Network) -> str:
    """The text of `module_source`, after a comparison with the network.

    Raises:
        GenotypeError, NasbenchError: see `module_source` and `check_source`.
    """
    g = as_genotype(g)
    text = module_source(g)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build(g)
        settle(net, torch.randn(IMAGES, *g.input))
    check_source(text, name_of(g), net.eval(), g)
    return text


def check_source(text: str, name: str, net: nn.Module, g: Genotype) -> float:
    """Run the text, load the weights of `net`, and compare both on random images.

    Args:
        text: of the file; name: of its class.
        net: the network in inference mode, on the CPU.

    Returns:
        The largest difference, as a share of the largest logit.

    Raises:
        NasbenchError: names of weights or logits differ, which is an error of nasbench.
    """
    module = types.ModuleType("model")
    exec(compile(text, "model.py", "exec"), module.__dict__)  # noqa: S102 - our own text
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        own: nn.Module = getattr(module, name)().eval()
        images = torch.randn(IMAGES, *g.input)
    weights = net.state_dict()
    if [*own.state_dict()] != [*weights]:
        differing = sorted(set(own.state_dict()) ^ set(weights))[:3]
        raise NasbenchError(f"model.py has the weights of {g.name}; {differing or 'their order'} differ; please report this network")
    own.load_state_dict(weights)
    with torch.no_grad():
        expected, found = net(images), own(images)
    error = float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-12))
    if not error <= TOLERANCE:
        raise NasbenchError(f"model.py computes what {g.name} does; its logits differ by {error:.1e}; please report this network")
    return error
