"""docs/architecture.md and its picture agree with the code; the pages for maintainers name files that exist."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import nasbench
from nasbench.latency import contract

ROOT = Path(nasbench.__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"])
def test_links_and_files_of_a_page_exist(page) -> None:
    text = (ROOT / page).read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert links
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []
    files = re.findall(r"`((?:nasbench|tests|docs|search_spaces|studies|benchmarks)/[\w./]*)`", text)
    assert [file for file in files if not (ROOT / file).exists() and "NAME" not in file] == []


def drawing():
    """The script that draws the picture, as a module."""
    spec = importlib.util.spec_from_file_location("draw_architecture", ROOT / "docs" / "draw_architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_that_of_todays_imports() -> None:
    script = drawing()
    assert script.draw() == script.PICTURE.read_text(), "the imports have changed: run python docs/draw_architecture.py"


def test_arrows_are_left_out_only_where_a_chain_leads_to_the_same_package() -> None:
    script = drawing()
    imports = {"a": set(), "b": {"a"}, "c": {"a", "b"}, "d": {"b", "c"}, "e": {"a"}}
    assert script.shortened(imports) == {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"c"}, "e": {"a"}}
    today = script.package_imports()
    shown = script.shortened(today)
    assert shown != today
    assert all(script.reachable(shown, name) == script.reachable(today, name) for name in today)


def test_boxes_stand_below_what_they_import_and_in_the_order_of_the_layering_test() -> None:
    script = drawing()
    imports = script.package_imports()
    rows = script.rows_of(imports)
    assert all(rows[name] > rows[target] for name, targets in imports.items() for target in targets)
    assert list(rows.values()) == sorted(rows.values())


def test_every_package_is_in_the_table() -> None:
    script = drawing()
    rows = re.findall(r"^\| (.*?) \|", PAGE[: PAGE.index("## The flow of data")], re.MULTILINE)
    named = {name.strip("`") for row in rows for name in row.split(", ")}
    assert set(script.CAPTIONS) <= named


def test_only_files_of_the_table_compare_a_latency_with_the_limit() -> None:
    """`side` and its like are used where the page says that a limit is checked, or where a text shows the result."""
    section = PAGE[PAGE.index("## Where a limit is checked") : PAGE.index("## Where to add something")]
    names = [name for name, value in vars(contract).items() if inspect.isfunction(value) and name != "requirement"]
    users = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nasbench").rglob("*.py")
        if re.search(rf"latency\.contract import .*\b({'|'.join(names)})\b", path.read_text())
    }
    assert users - set(re.findall(r"`(nasbench/[\w/]+\.py)`", section)) == set()
