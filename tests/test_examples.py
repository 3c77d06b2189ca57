"""The examples in the docstrings of the public names do what they show."""

from __future__ import annotations

import doctest
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
from paper_search import profile, write_table

import nasbench as nb
from nasbench.latency import save_profile
from nasbench.registry import Registry

NO_EXAMPLE = {"__version__"}  # a text
REPOSITORY = Path(__file__).parents[1]


def examples(item: Any) -> list[doctest.DocTest]:
    """The examples of a function or class and, for a class, of its methods."""
    module = sys.modules[item.__module__]
    # What an example defines is the example's, not the module's, so that it is forgotten afterwards.
    names = vars(module) | {"__name__": "__main__"}
    found = doctest.DocTestFinder(exclude_empty=True).find(item, item.__name__, module=module, globs=names)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", [name for name in nb.__all__ if name not in NO_EXAMPLE])
def test_the_examples_of_a_public_name_are_right(name: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = examples(inspect.unwrap(getattr(nb, name)))
    assert tests, f"{name} has no example in its docstring"
    # An example may write files, read kept studies, or use the profile of a device that is not this machine.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "studies").symlink_to(REPOSITORY / "studies")
    save_profile(profile(), tmp_path / "phone.json")
    write_table(tmp_path / "tiny.json")
    before = [(registry, dict(registry)) for registry in Registry.every]
    try:
        for test in tests:
            report: list[str] = []
            doctest.DocTestRunner().run(test, out=report.append)
            assert "".join(report) == ""
    finally:  # an example may register something
        for registry, items in before:
            registry.restore(items)


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
