"""Built networks against torchvision's, in turns: `python benchmarks/network.py [FILE.json]`.

forward: inference at 224 pixels, batch 1; step: a training step at 96 pixels, batch 8; meta: building on the meta device.
The ratio is theirs / ours: above 1, ours is faster. `compiles` is `torch.compile(fullgraph=True)`, traced by Dynamo.
"""

from __future__ import annotations

import sys
import warnings

import torch
import torchvision
from side_by_side import in_turns, report
from torch import nn

from nasbench.genotype import adapt
from nasbench.network import build
from nasbench.zoo import facts, known


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(2)
    rows = {}
    for name in known():
        reference = facts()[name].references[:1]
        compiled = torch.compile(build(adapt(known(name), classes=10)).eval(), fullgraph=True, backend="eager")
        with torch.no_grad():
            compiled(torch.zeros(1, *known(name).input))
        if not reference or not reference[0].startswith("torchvision"):
            rows[name] = {"compiles": "yes"}
            continue
        make = getattr(torchvision.models, name)
        more = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
        ours, theirs = build(known(name)), make(weights=None, **more)

        def meta(make=make, more=more) -> None:
            with torch.device("meta"):
                make(weights=None, **more)

        rows[f"{name} meta"] = in_turns(lambda name=name: build(known(name), "meta"), meta, n=7) | {"compiles": "yes"}
        image = torch.randn(1, 3, 224, 224)
        ours.eval(), theirs.eval()
        with torch.inference_mode():
            rows[f"{name} forward"] = in_turns(lambda net=ours, x=image: net(x), lambda net=theirs, x=image: net(x), n=15, warm=3)
        if name not in ("alexnet", "vgg16"):  # their heads need about 224 pixels, and minutes
            batch = torch.randn(8, 3, 96, 96)
            ours.train(), theirs.train()
            rows[f"{name} step"] = in_turns(lambda net=ours, x=batch: step(net, x), lambda net=theirs, x=batch: step(net, x), n=9, warm=2)
    report("network", rows, sys.argv[1] if len(sys.argv) > 1 else None)


def step(net: nn.Module, images: torch.Tensor) -> None:
    """Forward and backward."""
    net.zero_grad()
    nn.functional.cross_entropy(net(images), torch.zeros(len(images), dtype=torch.long)).backward()


if __name__ == "__main__":
    main()
