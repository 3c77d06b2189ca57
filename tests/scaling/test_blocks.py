"""Which blocks grow, and how numbers are rounded."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench.genotype import Genotype, trace
from nasbench.genotype.blocks import auxiliary, branches, conv, dense, dropout, gap, linear, mbconv, pool, residual, separable, shuffle
from nasbench.scaling import scale
from nasbench.scaling.blocks import deeper, grouped, multiple, repeats
from nasbench.scaling.scale import rounded, scaled_side
from nasbench.zoo import known


@pytest.mark.parametrize(
    ("block", "may"),
    [
        (mbconv(24, stride=2), True),  # only the first of a run keeps the stride
        (conv(64, 3), True),
        (dense(32), True),
        (residual(64), True),
        (branches([[conv(8)], [conv("in")]]), True),
        (pool("max", 2, 2), False),
        (dropout(0.5), False),
        (linear(10), False),
        (auxiliary((gap(), linear(5))), False),
        (conv("in/2"), False),  # a second transition would halve again
        (conv("in"), True),
        (conv(16, 5, padding="valid"), False),  # a second one would crop again
        (conv(16, 1, padding="valid"), True),
        (branches([[conv(8, 3, 2)], [pool("max", 3, 2)]]), False),  # strides inside stay in each of a run
        (branches([[conv(8, 3, padding="valid")], [conv(8, 3, padding="valid")]], repeat=2), True),  # it says itself that it repeats
    ],
)
def test_blocks_that_may_repeat(block, may: bool) -> None:
    assert repeats(block) is may


@pytest.mark.parametrize(
    ("name", "stage", "expected"),
    [
        ("efficientnet_b0", 3, [5]),  # 3 * 1.5, up
        ("mobilenet_v1", 1, [1, 2]),  # the strided block begins a run that the next one continues
        ("mobilenet_v3_large", 3, [1, 2, 3]),
        ("nasnet_a_mobile", 1, [1, 7]),  # the reduction cell stays single
        ("densenet121", 0, [9, 1, 1]),  # dense layers, not the transition and its pool
        ("vgg11", 2, [3, 1]),
        ("alexnet", 1, [1, 2, 2, 1]),  # 3 convolutions to 5, the later ones first
        ("shufflenet_v1_g3", 0, [1, 5]),
        ("xception", 0, [1, 1, 1]),  # strides inside the paths
        ("lenet5_modern", 0, [1, 1]),
    ],
)
def test_depth_of_known_networks(name: str, stage: int, expected: list[int]) -> None:
    assert [block.repeat for block in scale(known(name), depth=1.5).stages[stage]][: len(expected)] == expected


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.floats(0.1, 4), st.sampled_from(["up", "nearest", "total"]))
def test_a_stage_gets_the_blocks_that_the_factor_asks_for(counts: list[int], by: float, rounding) -> None:
    stage = [residual(8 * (i + 1), repeat=n) for i, n in enumerate(counts)]
    found = [block.repeat for block in deeper([stage], by, rounding)[0]]
    wanted = round(by * sum(counts), 9)
    total = math.ceil(wanted) if rounding == "up" else round(wanted)
    assert min(found) >= 1
    assert sum(found) >= total
    if min(found) > 1 or len(counts) == 1:  # none had to be kept though it was less than one
        assert sum(found) == max(1, total)
    assert all(abs(after - by * before) <= 2 or after == 1 for before, after in zip(counts, found, strict=True))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.floats(1, 4))
def test_blocks_of_all_stages_together(counts: list[int], by: float) -> None:
    """The step from one depth to the next is one block; each stage is within one of its share."""
    stages = [[residual(8 * (i + 1), stride=2, repeat=n)] for i, n in enumerate(counts)]
    found = [stage[0].repeat for stage in deeper(stages, by, "total")]
    assert sum(found) == round(round(by * sum(counts), 9))
    assert all(abs(after - by * before) < 1.5 for before, after in zip(counts, found, strict=True))


@given(st.integers(1, 4096), st.fractions(Fraction(1, 20), 20), st.sampled_from([1, 2, 4, 8, 16]))
def test_papers_rounding_of_widths(width: int, by: Fraction, divisor: int) -> None:
    """A multiple of the divisor, at least one of it, that loses at most a tenth; the nearest such or the next above."""
    found, exact = rounded(width * by, divisor), width * by
    assert found % divisor == 0
    assert found >= divisor
    if divisor > 1:
        assert 10 * found >= 9 * exact
        assert found <= max(divisor, exact + divisor)
    assert rounded(width, 1) == width
    near = rounded(exact, divisor, "nearest")
    assert near == divisor or abs(near - exact) <= Fraction(divisor, 2)


@given(st.integers(1, 128), st.integers(1, 128))
def test_a_multiple_for_groups(divisor: int, need: int) -> None:
    found = multiple(divisor, need)
    assert found % need == 0
    assert found >= divisor
    assert multiple(8, 1) == 8
    assert multiple(8, 64) == 64
    assert multiple(8, 3) == 12


@pytest.mark.parametrize(
    ("block", "need"),
    [
        (conv(64, 3), 1),
        (conv(64, 3, groups="depthwise"), 1),
        (conv(64, 3, groups=2), 2),
        (residual(256, mid="out/2", groups=32), 64),
        (residual(256, mid="out", groups=64), 64),
        (residual(256, mid="out*4", groups=16), 16),
        (residual(256, mid="out/2", wide="out", groups=64), 128),
        (shuffle(240, groups=3), 12),
        (shuffle(116), 1),
    ],
)
def test_what_groups_need(block, need: int) -> None:
    assert grouped(block) == need


@given(st.integers(8, 2048), st.floats(0.1, 8))
def test_sides_are_multiples_of_four_above_64_pixels(side: int, factor: float) -> None:
    found = scaled_side(side, factor)
    step = 4 if side > 64 else 1
    assert scaled_side(side, 1.0) == side
    if factor != 1:
        assert found % step == 0
        assert found == max(step, found)
        assert abs(found - side * factor) <= step / 2 or found == step


def test_relative_widths_follow_and_classes_stay() -> None:
    g = Genotype(
        "g",
        stem=(conv(16, 3),),
        stages=((mbconv(24, expand="in*6", se="in/4", repeat=2),), (separable(48, stride=2),)),
        head=(conv(96), gap(), linear(64, "relu"), linear(10)),
    )
    wide = scale(g, width=2)
    assert [wide.stem[0].fields["width"], *(block.fields.get("width") for block in wide.head)] == [32, 192, None, 64, 10]
    assert wide.stages[0][0].fields["expand"] == "in*6"
    assert scale(g, width=2, stem=False).stem == g.stem
    assert scale(g, width=2, head=False).head == g.head
    assert trace(wide)[-1].channels == 10
