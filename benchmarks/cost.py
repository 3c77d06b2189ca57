"""Trace and cost of a genotype against fvcore on the network: `python benchmarks/cost.py [--json FILE] [NAME ...]`.

`analysis` is FlopCountAnalysis alone, `whole` has the construction of torchvision's network in it, which one cannot go
without. `cold`: the memory of blocks is cleared before each call; `warm`: as in a search, where most were written before.
`times` is how often ours fits into theirs. The last row is the mean of drawing a network of `mbconv` and counting it.
"""

from __future__ import annotations

import argparse
import logging
import random
import warnings
from pathlib import Path

import torch
import torchvision
from fvcore.nn import FlopCountAnalysis
from side_by_side import NETWORKS, in_turns, report, seconds

from nasbench.genotype import cost, tracer
from nasbench.spaces import load_space
from nasbench.zoo import facts, known

TARGETS = ("resnet50", "efficientnet_b0")  # at least 400 times faster than the analysis alone, 1,000 times than the whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these networks")
    asked = parser.parse_args()
    path = asked.json
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    image = torch.zeros(1, 3, 224, 224)
    rows = {}
    for name in asked.names or sorted(NETWORKS, key=lambda name: name not in TARGETS):
        if not any(r.startswith("torchvision") for r in facts()[name].references):
            continue
        g = known(name)
        make = getattr(torchvision.models, name)
        more = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}

        def warm(g=g) -> None:
            cost(g)

        def cold(g=g) -> None:
            tracer._memory.cache_clear()
            cost(g)

        built = make(weights=None, **more).eval()

        @torch.no_grad()
        def analysis(net=built) -> None:
            FlopCountAnalysis(net, image).total()

        def whole(make=make, more=more) -> None:
            analysis(make(weights=None, **more).eval())

        least, budget = (9, 12.0) if name in TARGETS else (3, 1.0)
        for label, ours in (("cold", cold), ("warm", warm)):
            for other, theirs in (("analysis", analysis), ("whole", whole)):
                found = in_turns(ours, theirs, max_seconds=budget, least=least, repeat_ours=50)
                times = {"times": 1 / found["ratio"], "times_q1": 1 / found["q3"], "times_q3": 1 / found["q1"]}
                rows[f"{name}, {label} / {other}"] = {k: found[k] for k in ("ours_ms", "theirs_ms")} | times | {"n": found["n"]}
    space, rng = load_space("mbconv"), random.Random(0)
    tracer._memory.cache_clear()
    rows["mbconv, sample and cost"] = {"mean_ms": 1e3 * seconds(lambda: cost(space.sample(rng)), 2000), "n": 2000}
    report("cost", " ".join(__doc__.split()), rows, path)


if __name__ == "__main__":
    main()
