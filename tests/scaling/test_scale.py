"""Scaling every known network: by 1 it is itself, by more it costs more, and it stays a network."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasbench.errors import GenotypeError
from nasbench.genotype import cost, trace
from nasbench.scaling import of_shares, scale
from nasbench.zoo import known

NAMES = known()
# What cannot be, and why.
REFUSED = {("inception_v2", axis): "need one height and width" for axis in ("resolution", "phi")}  # its reductions agree where 32 divides
UNCHANGED = {("lenet5_modern", "depth")}  # it has no block that may repeat


@pytest.mark.parametrize("name", NAMES)
def test_by_one_it_is_the_same_network(name: str) -> None:
    g = known(name)
    for same in (scale(g), scale(g, phi=0), scale(g, phi=0, rounding="nearest", divisor=16), scale(g, resolution=g.input[1])):
        assert same == g


@pytest.mark.parametrize("axis", ["width", "depth", "resolution", "phi"])
@pytest.mark.parametrize("name", NAMES)
def test_each_axis_by_half_more(name: str, axis: str) -> None:
    g = known(name)
    how = {"resolution": round(1.5 * g.input[1])} if axis == "resolution" else {axis: 1.5}
    if (name, axis) in REFUSED:
        with pytest.raises(GenotypeError, match=REFUSED[name, axis]):
            cost(scale(g, **how))
        return
    before, after = cost(g), cost(scale(g, **how))
    if (name, axis) in UNCHANGED:
        assert after.macs >= before.macs
        return
    assert after.macs > before.macs
    assert after.activations > before.activations
    if axis == "resolution":
        assert after.depth == before.depth


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["efficientnet_b0", "resnet50", "mobilenet_v3_large", "densenet121", "resnext50_32x4d", "shufflenet_v1_g3", "vgg16"]),
    st.tuples(*[st.floats(0, 1)] * 3).filter(lambda s: sum(s) > 0.1),
    st.floats(1.05, 6),
    st.floats(1.05, 2),
)
def test_a_larger_size_never_costs_less(name: str, weights: tuple[float, ...], size: float, more: float) -> None:
    g, law = known(name), of_shares(*weights)

    def macs(s: float) -> int:
        phi = law.steps(s)
        return cost(scale(g, phi=phi, alpha=law.alpha, beta=law.beta, gamma=law.gamma)).macs

    assert cost(g).macs <= macs(size) * 1.12  # a width may lose a tenth of what was asked
    assert macs(size) <= macs(size * more)


@pytest.mark.parametrize("width", [0.37, 0.5, 0.7, 1.01, 1.1, 3.3])
@pytest.mark.parametrize(
    "name", ["resnext50_32x4d", "resnext101_64x4d", "senet154", "shufflenet_v1_g3", "shufflenet_v1_g8", "alexnet_original"]
)
def test_groups_come_out_even_at_any_width(name: str, width: float) -> None:
    g = known(name)
    scaled = scale(g, width=width)
    assert len(trace(scaled)) == len(trace(g))
    if width < 0.8:
        assert cost(scaled).macs < cost(g).macs
    if width > 2:
        assert cost(scaled).macs > 4 * cost(g).macs
