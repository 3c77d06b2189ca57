"""What errors say, and the old name of one of them."""

from __future__ import annotations

import pytest

from nasbench import errors
from nasbench.errors import LimitError, NasbenchError, first_line, nearest, one_line, place_in, short


def test_the_old_name_of_limit_error_works_and_warns() -> None:
    with pytest.warns(DeprecationWarning, match="BudgetError is now LimitError"):
        from nasbench.errors import BudgetError
    assert BudgetError is LimitError
    with pytest.raises(AttributeError, match="has no attribute 'BudgetErorr'"):
        errors.BudgetErorr  # noqa: B018


def test_every_error_is_a_value_error_of_ours() -> None:
    everything = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    classes = [value for value in everything if not issubclass(value, Warning)]
    assert (len(classes), len(everything)) == (12, 16)
    assert all(issubclass(error, NasbenchError) and issubclass(error, ValueError) for error in classes)
    assert all(error.__doc__ for error in classes)


@pytest.mark.parametrize(
    ("error", "first", "whole"),
    [
        (ZeroDivisionError("division by zero"), "division by zero", "ZeroDivisionError: division by zero"),
        (RuntimeError("one\n  two"), "one", "RuntimeError: one two"),
        (EOFError(), "EOFError", "EOFError"),
        (KeyError("x"), "'x'", "KeyError: 'x'"),
    ],
)
def test_an_error_in_one_line(error: Exception, first: str, whole: str) -> None:
    assert first_line(error) == first
    assert one_line(error) == whole


def test_long_texts_are_cut() -> None:
    assert one_line(ValueError("x" * 1000)) == "ValueError: " + "x" * 300
    assert short("x" * 200) == "'" + "x" * 99 + "..."
    assert short([1, 2]) == "[1, 2]"


def test_the_nearest_names() -> None:
    assert nearest("resnet5", ["resnet50", "vgg16"]) == "; did you mean resnet50?"
    assert nearest("kernle", ["kernel", "kernels"]) == "; did you mean kernel or kernels?"
    assert nearest("m", ["k", "M", "G"]) == "; did you mean M?"
    assert nearest("mib", ["B", "MB", "MiB"]) == "; did you mean MiB?"
    assert nearest("zzz", ["kernel"]) == ""
    assert nearest(None, []) == ""


def test_the_place_of_an_error() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018
    assert place_in(__file__, caught.value).startswith(f"{__file__}:")
    assert place_in("other.py", caught.value) == "other.py"
