"""A check of the counted MACs: fvcore counts them on the built network, operator by operator."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import torch

from nasbench.genotype import Genotype, trace
from nasbench.network.build import build

_OPERATORS = ("conv", "linear")


@dataclass(frozen=True)
class Check:
    """MACs by operator, counted by nasbench and by fvcore.

    Attributes:
        ours, theirs: MACs of `conv` and `linear`.
        also: MACs that fvcore counts in addition (norms, adaptive pooling).
    """

    ours: dict[str, int]
    theirs: dict[str, int]
    also: dict[str, int]

    @property
    def equal(self) -> bool:
        return self.ours == self.theirs

    def rows(self) -> list[tuple[str, str, str, str]]:
        """For a table."""
        return [(k, f"{self.ours[k]:,}", f"{self.theirs[k]:,}", "yes" if self.ours[k] == self.theirs[k] else "NO") for k in _OPERATORS]

    def to_json(self) -> dict[str, Any]:
        return {"conv": self.theirs["conv"], "linear": self.theirs["linear"], "also": self.also, "equal": self.equal}


def verify_cost(g: Genotype) -> Check:
    """Run `FlopCountAnalysis` on `build(g)` in inference mode, on one image of zeros; random state is left as it was."""
    ours = {k: sum(x.macs for x in trace(g) if x.kind == k) for k in _OPERATORS}
    with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore traces by torch.jit, which is deprecated; that is no concern of who counts
        from fvcore.nn import FlopCountAnalysis

        net = build(g).eval()
        counter = FlopCountAnalysis(net, torch.zeros(1, *g.input))
        logging.getLogger("fvcore.nn.jit_analysis").disabled = True  # it lists every operator without a cost
        counted = {k: int(v) for k, v in counter.unsupported_ops_warnings(False).uncalled_modules_warnings(False).by_operator().items()}
    return Check(ours, {k: counted.get(k, 0) for k in _OPERATORS}, {k: v for k, v in counted.items() if k not in _OPERATORS})
