"""The examples in the docstrings of the package are right."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import nasbench.training

MODULES = [m.name for m in pkgutil.walk_packages(nasbench.training.__path__, "nasbench.training.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_right(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_there_are_examples() -> None:
    attempted = {name: doctest.testmod(importlib.import_module(name)).attempted for name in MODULES}
    assert attempted["nasbench.training.folders.names"] >= 5
