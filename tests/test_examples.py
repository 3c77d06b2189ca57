"""The examples in the docstrings of the public names do what they show."""

from __future__ import annotations

import doctest
import sys
from typing import Any

import pytest

import nasbench as nb

NO_EXAMPLE = {"__version__"}  # a text
# Public names that still need an example. Nothing may be added here.
TO_DO = {"compare_studies", "known", "known_frame", "load_plugin", "open_fit", "open_study", "pareto_front", "row_diff", "scale", "space"}


def examples(item: Any) -> list[doctest.DocTest]:
    """The examples of a function or class and, for a class, of its methods."""
    module = sys.modules[item.__module__]
    found = doctest.DocTestFinder(exclude_empty=True).find(item, item.__name__, module=module, globs=dict(vars(module)))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", [name for name in nb.__all__ if name not in NO_EXAMPLE])
def test_the_examples_of_a_public_name_are_right(name: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = examples(getattr(nb, name))
    assert tests or name in TO_DO, f"{name} has no example in its docstring"
    monkeypatch.chdir(tmp_path)  # for an example that writes a file
    for test in tests:
        report: list[str] = []
        doctest.DocTestRunner().run(test, out=report.append)
        assert "".join(report) == ""


def test_a_wrong_example_is_caught() -> None:
    def wrong() -> None:
        """
        >>> 1 + 1
        3
        """

    (test,) = examples(wrong)
    report: list[str] = []
    doctest.DocTestRunner().run(test, out=report.append)
    assert "Expected:\n    3\nGot:\n    2" in "".join(report)


def test_names_to_do_are_public() -> None:
    assert set(nb.__all__) >= TO_DO
