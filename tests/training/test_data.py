"""Images by name or by folder."""

from __future__ import annotations

import pytest

from nasbench.errors import DataError
from nasbench.training.data import NAMES, load_images


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("fashon-mnist", "did you mean fashion-mnist"),
        ("cifra10", "did you mean cifar10"),
        ("", "known are embedded"),
        ("/no/such/folder", "/no/such/folder does not exist"),
        ("./cifar10", "cifar10 does not exist"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(name: str, rule: str) -> None:
    with pytest.raises(DataError, match=rule) as caught:
        load_images(name)
    assert "\n" not in str(caught.value)


def test_the_default_needs_nothing() -> None:
    assert load_images().name == "embedded"
    assert "embedded" in NAMES


@pytest.mark.parametrize("size", [0, 7, 5000])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(DataError, match="8 to 1024"):
        load_images("embedded", size=size)
