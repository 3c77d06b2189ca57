from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchvision.models._utils import _make_divisible

from nasbench.genotype.fields import MAX_WIDTH, relative, resolve, round_to


@pytest.mark.parametrize(
    ("width", "name", "factor"),
    [
        ("in", "in", Fraction(1)),
        ("in*6", "in", Fraction(6)),
        ("out/4", "out", Fraction(1, 4)),
        ("mid*2.5", "mid", Fraction(5, 2)),
        ("in*2.3", "in", Fraction(23, 10)),  # no binary fraction
        ("in*11/3", "in", Fraction(11, 3)),
        ("in/3*11", "in", Fraction(11, 3)),
        ("out*0.1/0.1", "out", Fraction(1)),
    ],
)
def test_relative_widths_are_exact_fractions(width: str, name: str, factor: Fraction) -> None:
    assert relative(width) == (name, factor)


@pytest.mark.parametrize(
    "width",
    [
        "",
        "in*",
        "in*-2",
        "in+2",
        "2*in",
        "in *2",
        "width*2",
        "in*1e3",
        "in*.5",
        "in**2",
        "In",
        "in*6 ",
        "in*1234567890",
        "in\n",
        "in" + "*2" * 9,
    ],
)
def test_what_is_no_relative_width_is_refused(width: str) -> None:
    with pytest.raises(ValueError, match=r"such as in\*6 or out/4; got"):
        relative(width)


@pytest.mark.parametrize("width", ["in*0", "in/0", "out/0.0"])
def test_a_width_times_or_over_zero_is_refused(width: str) -> None:
    with pytest.raises(ValueError, match="by 0"):
        relative(width)


@given(st.integers(1, 5000), st.sampled_from([2, 4, 8, 16, 32]))
def test_rounding_is_torchvisions_for_whole_numbers(value: int, divisor: int) -> None:
    assert round_to(Fraction(value), divisor) == _make_divisible(value, divisor)


@given(st.integers(1, 2000), st.fractions(Fraction(1, 8), 8, max_denominator=8), st.sampled_from([4, 8]))
def test_rounding_is_torchvisions_for_fractions(value: int, factor: Fraction, divisor: int) -> None:
    """Eighths are exact as floats too, so that no tie falls differently there."""
    if factor.denominator in (1, 2, 4, 8):
        assert round_to(value * factor, divisor) == _make_divisible(float(value * factor), divisor)


@given(st.fractions(1, 5000, max_denominator=1000), st.integers(2, 64))
def test_rounding_gives_a_near_multiple_and_loses_at_most_a_tenth(value: Fraction, divisor: int) -> None:
    rounded = round_to(value, divisor)
    assert rounded % divisor == 0
    assert rounded >= divisor
    assert 10 * rounded >= 9 * value
    assert rounded - value < Fraction(3, 2) * divisor


@pytest.mark.parametrize(
    ("width", "divisor", "cin", "out", "mid", "channels"),
    [
        (24, 8, 16, None, None, 24),  # a number stays, whatever the divisor
        (25, 8, 16, None, None, 25),
        ("in*6", 1, 16, None, None, 96),
        ("in*2.3", 8, 80, None, None, 184),  # MobileNetV3 large, table 1
        ("in*11/3", 8, 24, None, None, 88),  # MobileNetV3 small, table 2
        ("in*4.5", 8, 16, None, None, 72),
        ("mid/4", 8, 16, None, 72, 24),  # its squeeze-and-excitation: 18 loses too much, so 24
        ("mid/4", 8, 16, None, 16, 8),
        ("in/4", 1, 10, None, None, 2),  # 1 rounds down
        ("in/4", 1, 3, None, None, 1),  # but never to nothing
        ("out/4", 1, 3, 256, None, 64),
    ],
)
def test_channels(width: int | str, divisor: int, cin: int, out: int | None, mid: int | None, channels: int) -> None:
    assert resolve(width, divisor, cin, out, mid) == channels


def test_a_product_that_floats_would_lose_is_exact() -> None:
    assert int(100 * 2.3) == 229  # what a float makes of in*2.3
    assert resolve("in*2.3", 1, 100) == 230


def test_a_name_that_the_field_cannot_know_is_refused() -> None:
    with pytest.raises(ValueError, match="'mid/4' names 'mid', which this field cannot know"):
        resolve("mid/4", 1, 16)


def test_too_many_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=f"at most {MAX_WIDTH} channels; 'in\\*6' of 60000 is 360000"):
        resolve("in*6", 1, 60_000)
