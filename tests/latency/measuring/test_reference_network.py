"""The reference network's memory."""

from __future__ import annotations

from nasbench.genotype import trace
from nasbench.latency.measuring.reference_network import REFERENCE


def test_the_reference_network_holds_too_little_memory_to_depend_on_its_company() -> None:
    layers = trace(REFERENCE)
    last = {i: layer.index for layer in layers for i in layer.inputs}
    held = [sum(4 * x.elements for x in layers[: i + 1] if last.get(x.index, i) >= i) for i in range(len(layers))]
    assert max(held) < 128 * 1024
