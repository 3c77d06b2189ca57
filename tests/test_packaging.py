"""What belongs to a release agrees: the version everywhere, the types, the hooks."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import yaml

import nasbench

ROOT = Path(nasbench.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["project"]["version"] == nasbench.__version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] in (nasbench.__version__, "Unreleased")


def test_the_package_says_that_it_is_typed() -> None:
    """A wheel holds every file of `nasbench` that git does not ignore."""
    assert (files("nasbench") / "py.typed").is_file()
    assert (files("nasbench") / "training" / "recipes" / "quick.yaml").is_file()
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["nasbench"]


def test_the_source_archive_holds_what_it_names() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in included if not (ROOT / name).exists()] == []


def test_the_hooks_are_the_linters_of_make_lint() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    makefile = (ROOT / "Makefile").read_text()
    for hook in hooks:
        assert hook["language"] == "system"  # the environment's own tools
        assert f"$(BIN)/{hook['entry']}" in makefile
        assert shutil.which(hook["entry"].split()[0], path=str(Path(sys.executable).parent)) is not None
