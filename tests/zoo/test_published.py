"""Rules that the papers state, on the networks themselves."""

from __future__ import annotations

import pytest

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, digest, trace
from nasbench.genotype.blocks import branches, conv, gap, linear, mbconv
from nasbench.scaling import scale
from nasbench.zoo import known
from nasbench.zoo.lenet import LENET1_H3, LENET5_C3


def test_the_tables_of_connections_have_the_published_sums() -> None:
    """LeNet-5's C3: 6 maps over 3, 9 over 4, 1 over 6, each S2 map read ten times; LeNet-1's H3: 4 over one, 8 over two."""
    assert sorted(map(len, LENET5_C3)) == [3] * 6 + [4] * 9 + [6]
    assert [sum(i in maps for maps in LENET5_C3) for i in range(6)] == [10] * 6
    assert sorted(map(len, LENET1_H3)) == [1] * 4 + [2] * 8


@pytest.mark.parametrize(
    ("plain", "shortcut"), [("plain18", "resnet18_a"), ("plain34", "resnet34_a"), ("plain56_cifar10", "resnet56_cifar10")]
)
def test_option_a_adds_no_weight_and_no_mac(plain: str, shortcut: str) -> None:
    def weighed(name: str) -> list[tuple[str, int, int]]:
        return [(x.kind, x.params, x.macs) for x in trace(known(name)) if x.params]

    assert weighed(plain) == weighed(shortcut)
    assert digest(known(plain)) != digest(known(shortcut))


def test_stochastic_depth_drops_the_last_block_half_of_the_time() -> None:
    rates = [x.attrs["p"] for x in trace(known("resnet110_cifar10_stochastic_depth")) if x.kind == "drop_path"]
    assert len(rates) == 54
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(0.5 / 54)
    assert rates[-1] == 0.5


def test_scale_grows_widths_depths_and_resolution() -> None:
    g = Genotype(
        "g",
        stem=(conv(32, 3, 2),),
        stages=((mbconv(16, expand=None),), (mbconv(24, se="in/4", repeat=2), branches([[conv(20)], [conv("in")]]))),
        head=(conv(1280), gap(), linear(1000)),
    )
    bigger = scale(g, width=1.4, depth=1.8, resolution=380, name="bigger")
    assert bigger.input == (3, 380, 380)
    assert bigger.stem[0].fields["width"] == 48  # 44.8, to a multiple of 8 that loses at most a tenth
    assert [[row.repeat for row in stage] for stage in bigger.stages] == [[2], [4, 2]]
    assert bigger.stages[1][0].fields["width"] == 32
    assert bigger.stages[1][0].fields["se"] == "in/4"
    assert bigger.stages[1][1].fields["paths"][0][0].fields["width"] == 32
    assert bigger.stages[1][1].fields["paths"][1][0].fields["width"] == "in"
    assert [row.fields["width"] for row in bigger.head if "width" in row.fields] == [1792, 1000]
    assert scale(g, width=0.5, head=False).head == g.head
    assert scale(g) == g


@pytest.mark.parametrize("wrong", [{"width": 0}, {"depth": -1.0}, {"width": float("nan")}, {"width": "2"}, {"depth": 1e9}])
def test_an_impossible_factor_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(GenotypeError, match="is a factor above 0, at most 1000; got"):
        scale(known("efficientnet_b0"), **wrong)
