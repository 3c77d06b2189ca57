"""Squeeze-and-excitation."""

from __future__ import annotations

from nasbench.genotype.block import block
from nasbench.genotype.fields import Act, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer


@block
def se(t: Tracer, x: Value, *, width: Width = "in/16", act: Act | None = None, gate: Act | None = None) -> Value:
    """Average, 1x1 to `width`, activation, 1x1 back, gate, then each channel times its gate (Hu et al. 2017, fig. 3)."""
    with t.at("se"):
        s = t.gap(x)
        s = t.unit(s, t.width(width, x), act=act or t.style.se_act, norm=False, bias=True, order="conv-norm-act", name="reduce")
        s = t.unit(s, x.channels, act=gate or t.style.se_gate, norm=False, bias=True, order="conv-norm-act", name="expand")
        return t.scale(x, s)
