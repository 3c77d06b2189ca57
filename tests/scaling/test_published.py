"""What papers made by scaling is what ours makes, to the unit; counts are of the reference implementations."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from nasbench.genotype import Genotype, cost, digest
from nasbench.scaling import scale
from nasbench.scaling.published import EFFICIENTNET, MNASNET, MOBILENET_SIDES, MOBILENET_V1, MOBILENET_V2, WIDE_RESNET
from nasbench.zoo import known
from nasbench.zoo.known import Printed

B = {
    0: (5_288_548, 385_814_752),
    1: (7_794_184, 686_802_832),
    2: (9_109_994, 993_561_872),
    3: (12_233_232, 1_827_141_392),
    4: (19_341_616, 4_393_771_024),
    5: (30_389_784, 10_266_384_752),
    6: (43_040_704, 19_067_593_536),
    7: (66_347_960, 37_745_884_192),
}
MULTIPLIED = {
    ("mobilenet_v1", 0.75): (2_585_560, 325_400_448),
    ("mobilenet_v1", 0.5): (1_331_592, 149_497_088),
    ("mobilenet_v1", 0.25): (470_072, 41_030_272),
    ("mobilenet_v2", 1.4): (6_108_776, 582_195_824),
    ("mobilenet_v2", 0.75): (2_636_424, 209_069_792),
    ("mobilenet_v2", 0.5): (1_968_680, 97_131_840),
    ("mnasnet1_0", 0.5): (2_218_512, 104_455_968),
    ("mnasnet1_0", 0.75): (3_170_208, 215_493_104),
    ("mnasnet1_0", 1.3): (6_282_256, 526_362_432),
    ("mnasnet1_0", 1.4): (7_115_728, 588_799_408),
    ("mnasnet_a1", 0.5): (2_082_006, 103_162_992),
    ("mnasnet_a1", 0.75): (2_912_278, 223_448_480),
    ("mnasnet_a1", 1.4): (6_105_992, 586_317_952),
}
WIDE = {
    (16, 8): (10_961_370, 1_548_145_664),
    (16, 10): (17_116_634, 2_412_173_568),
    (28, 10): (36_479_194, 5_243_328_768),
    (40, 1): (563_930, 83_280_512),
    (40, 2): (2_243_546, 327_599_360),
    (40, 4): (8_949_210, 1_298_582_016),
    (40, 8): (35_748_314, 5_172_024_320),
}


def counts(g: Genotype) -> tuple[int, int]:
    return cost(g).params, cost(g).macs


@pytest.mark.parametrize("number", EFFICIENTNET)
def test_b1_to_b7_are_b0_scaled(number: int) -> None:
    width, depth, resolution, _ = EFFICIENTNET[number]
    g = scale(known("efficientnet_b0"), width=width, depth=depth, resolution=resolution)
    assert counts(g) == B[number]


def test_b1_to_b7_are_not_a_power_of_the_published_coefficients() -> None:
    """So a table is needed: 1.2^phi, 1.1^phi, 1.15^phi give other counts for every phi from 1 to 7, and other sides."""
    made = [scale(known("efficientnet_b0"), phi=phi) for phi in range(1, 8)]
    assert not {counts(g) for g in made} & set(B.values())
    assert [g.input[1] for g in made] != [EFFICIENTNET[n].resolution for n in range(1, 8)]


@pytest.mark.parametrize(("name", "width"), MULTIPLIED)
def test_width_multipliers(name: str, width: float) -> None:
    """MobileNetV2's last convolution never shrinks, MnasNet's stays (torchvision's)."""
    head = name == "mobilenet_v1" or (name == "mobilenet_v2" and width > 1)
    assert counts(scale(known(name), width=width, head=head)) == MULTIPLIED[name, width]


def test_the_tables_name_the_multipliers_that_are_tested() -> None:
    for name, widths in (("mobilenet_v1", MOBILENET_V1), ("mobilenet_v2", MOBILENET_V2), ("mnasnet1_0", MNASNET)):
        assert {w for n, w in MULTIPLIED if n == name} == set(widths) - {1.0}
    assert set(WIDE) == set(WIDE_RESNET)


def mobilenet_macs(alpha: Fraction, side: int) -> int:
    """Howard et al. 2017, eq. 5, summed over table 1: DK^2 * aM * DF^2 + aM * aN * DF^2 a layer, its first and last as they are."""
    widths = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    strides = [1, 2, 1, 2, 1, 2, *[1] * 5, 2, 1]
    m, at = int(alpha * 32), side // 2
    total = 9 * 3 * m * at * at
    for width, stride in zip(widths[1:], strides, strict=True):
        n, at = int(alpha * width), -(-at // stride)
        total += (9 * m + m * n) * at * at
        m = n
    return total + 1000 * m


@pytest.mark.parametrize("side", MOBILENET_SIDES)
@pytest.mark.parametrize("alpha", MOBILENET_V1)
def test_both_multipliers_of_mobilenet(alpha: float, side: int) -> None:
    g = scale(known("mobilenet_v1"), width=alpha, resolution=side)
    assert cost(g).macs == mobilenet_macs(Fraction(str(alpha)), side)
    assert cost(g).params == cost(scale(known("mobilenet_v1"), width=alpha)).params


@pytest.mark.parametrize(("side", "printed"), [(224, "569M"), (192, "418M"), (160, "290M"), (128, "186M")])
def test_resolution_multipliers_are_the_papers(side: int, printed: str) -> None:
    """Howard et al. 2017, table 7, which cuts off the digits after the millions in one place."""
    assert 0 <= cost(scale(known("mobilenet_v1"), resolution=side)).macs - Printed(printed).value + 5e5 < 1.5e6


@pytest.mark.parametrize(("depth", "k"), WIDE)
def test_wide_resnets_are_the_thin_one_scaled(depth: int, k: int) -> None:
    """k widens the stages, not the stem; a stage of WRN-d has (d - 4) / 6 blocks."""
    thin = known("wrn40_1_cifar10")
    g = scale(thin, width=k, depth=(depth - 4) / (40 - 4), stem=False)
    assert counts(g) == WIDE[depth, k]
    assert digest(g) == digest(known(f"wrn{depth}_{k}_cifar10"))
    if k > 1:
        assert counts(scale(thin, width=k, depth=(depth - 4) / (40 - 4))) != WIDE[depth, k]  # with the stem widened too


def test_the_zoo_reads_these_tables() -> None:
    for number, compound in EFFICIENTNET.items():
        g = known(f"efficientnet_b{number}")
        assert (g.input[1], [b.fields["p"] for b in g.head if b.op == "dropout"]) == (compound.resolution, [compound.dropout])
        assert counts(replace(g, name="b")) == B[number]
