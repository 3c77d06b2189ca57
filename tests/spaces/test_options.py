"""One parameter: reading its options, choosing one of them, showing them."""

from __future__ import annotations

from typing import Any

import pytest

from nasbench.errors import SpaceError
from nasbench.spaces.options import ends, first, read_options, same, show, suggest


@pytest.mark.parametrize(
    ("written", "options", "shown"),
    [
        (3, [3], "3"),
        (None, [None], "null"),
        ([3, None, "in/4", True], [3, None, "in/4", True], "3, null, in/4, true"),
        ([1, True], [1, True], "1, true"),  # equal, but not the same
        ({"range": [8, 32, 8]}, range(8, 33, 8), "8 to 32 in steps of 8"),
        ({"range": [8, 30, 8]}, range(8, 31, 8), "8 to 24 in steps of 8"),
        ({"range": [1, 3]}, range(1, 4), "1 to 3 in steps of 1"),
    ],
)
def test_options_of_yaml(written: Any, options: Any, shown: str) -> None:
    read = read_options(written, "width")
    assert read == options
    assert type(read) is type(options)
    assert show(read) == shown


def test_the_ends_of_a_range_stand_for_it() -> None:
    assert list(ends(range(8, 65, 8))) == [8, 64]
    assert list(ends([1, 2, 3])) == [1, 2, 3]


def test_a_pair_is_written_as_text() -> None:
    with pytest.raises(SpaceError, match=r"kernel: an option is a number, .*; got \[1, 7\]; a pair is written as text, such as 1x7"):
        read_options([[1, 7]], "kernel")


def test_a_single_option_is_not_asked_for() -> None:
    assert suggest(lambda name, options: pytest.fail("called"), "width", [8]) == 8


@pytest.mark.parametrize("value", [8, 8.0])
def test_an_equal_value_becomes_the_option(value: float) -> None:
    assert type(suggest(lambda name, options: value, "width", [4, 8])) is int


@pytest.mark.parametrize("value", [True, None, "4", 5])
def test_a_value_that_is_not_an_option(value: Any) -> None:
    with pytest.raises(SpaceError, match=f"^width is one of 1, 4; got {value!r}$"):
        suggest(lambda name, options: value, "width", [1, 4])


@pytest.mark.parametrize(("a", "b", "equal"), [(1, 1.0, True), (1, True, False), (0, False, False), (None, None, True), ("3", 3, False)])
def test_same(a: Any, b: Any, equal: bool) -> None:
    assert same(a, b) is same(b, a) is equal


def test_the_first_option() -> None:
    assert first("width", [8, 16]) == 8
