"""Trace and cost of a genotype against fvcore on the built network: `python benchmarks/cost.py [FILE.json]`.

cold: with the memory of written blocks cleared; warm: as in a search, where most blocks were written before.
`analysis` times FlopCountAnalysis alone, `whole` constructing torchvision's network too, as one must.
"""

from __future__ import annotations

import logging
import sys
import warnings

import torch
import torchvision
from fvcore.nn import FlopCountAnalysis
from side_by_side import in_turns, report

from nasbench.genotype import cost, tracer
from nasbench.zoo import known

NAMES = ("resnet50", "efficientnet_b0", "mobilenet_v2", "densenet121")


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    image = torch.zeros(1, 3, 224, 224)
    rows = {}
    for name in NAMES:
        g, make = known(name), getattr(torchvision.models, name)
        built = make(weights=None).eval()

        def warm(g=g) -> None:
            for _ in range(20):
                cost(g)

        def cold(g=g) -> None:
            for _ in range(20):
                tracer._written.cache_clear()
                cost(g)

        @torch.no_grad()
        def analysis(net=built) -> None:
            FlopCountAnalysis(net, image).total()

        def whole(make=make) -> None:
            analysis(make(weights=None).eval())

        for label, ours in (("warm", warm), ("cold", cold)):
            for other, theirs in (("analysis", analysis), ("whole", whole)):
                found = in_turns(ours, theirs, n=9)
                found["ours_ms"] /= 20
                for key in ("ratio", "ratio_q1", "ratio_q3"):
                    found[key] *= 20
                rows[f"{name} {label} / {other}"] = found
    report("cost", rows, sys.argv[1] if len(sys.argv) > 1 else None)


if __name__ == "__main__":
    main()
