"""Built networks against torchvision's, in turns: `python benchmarks/network.py [--json FILE] [NAME ...]`.

forward: inference at 224 pixels, batch 1 and 8; step: a training step (forward, backward, SGD) at 96 pixels, batch 8;
meta: building on the meta device. The ratio is ours / theirs, the median over pairs with its quartiles: below 1, ours is
faster. `compiles`: `torch.compile(fullgraph=True)`, traced by Dynamo and run.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import torch
import torchvision
from side_by_side import NETWORKS, in_turns, report
from torch import nn

from nasbench.genotype import adapt
from nasbench.network import build
from nasbench.zoo import facts, known

LARGE = ("alexnet", "vgg16")  # their heads need about 224 pixels, and minutes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these networks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(2)
    rows: dict[str, dict[str, Any]] = {}
    for name in asked.names or NETWORKS:
        rows[f"{name}, compiles"] = {"whole graph": compiles(name)}
        if any(r.startswith("torchvision") for r in facts()[name].references):
            rows |= compared(name)
    report("network", " ".join(__doc__.split()), rows, asked.json)


def compiles(name: str) -> str:
    """`yes`, after a run; Dynamo raises at a break of the graph."""
    torch._dynamo.reset()
    net = torch.compile(build(adapt(known(name), classes=10)).eval(), fullgraph=True, backend="eager")
    with torch.no_grad():
        net(torch.zeros(1, *known(name).input))
    return "yes"


def compared(name: str) -> dict[str, dict[str, Any]]:
    """Rows of one network."""
    more = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}

    def make() -> nn.Module:
        return getattr(torchvision.models, name)(weights=None, **more)

    def meta() -> None:
        with torch.device("meta"):
            make()

    rows = {f"{name}, meta": in_turns(lambda: build(known(name), "meta"), meta, max_seconds=1.5)}
    ours, theirs = build(known(name)), make()
    ours.eval(), theirs.eval()
    with torch.inference_mode():
        for batch in (1, 8):
            images = torch.randn(batch, 3, 224, 224)
            rows[f"{name}, forward {batch}"] = in_turns(lambda images=images: ours(images), lambda images=images: theirs(images))
    if name not in LARGE:
        images = torch.randn(8, 3, 96, 96)
        ours.train(), theirs.train()
        mine, other = (torch.optim.SGD(net.parameters(), lr=1e-4) for net in (ours, theirs))
        rows[f"{name}, step"] = in_turns(lambda: step(ours, mine, images), lambda: step(theirs, other, images))
    return rows


def step(net: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor) -> None:
    """Forward, backward, update."""
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(images), torch.zeros(len(images), dtype=torch.long)).backward()
    optimizer.step()


if __name__ == "__main__":
    main()
