"""A space in the console and in a notebook."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from nasbench.spaces import load_space, read_space, space_names
from nasbench.spaces.text import MAX_LINES, MAX_WIDTH, as_html, as_text, show_combinations

TINY = """\
Space tiny: 256 networks
  resolution  32
  style       style
  stem        conv: width [8, 16], kernel 3, stride 2
  stage 1     any of mbconv: width 16, kernel [3, 5], expand [in*2, in*4] | residual: width 16, ker...
  stage 2     mbconv: width [24, 32], kernel [3, 5], stride 2, expand in*3, se [null, in/4], repeat...
  head        gap
  head        linear: width 10"""


def test_the_console_shows_a_few_readable_lines() -> None:
    assert repr(load_space("tiny")) == str(load_space("tiny")) == TINY


@pytest.mark.parametrize("name", space_names())
def test_every_space_fits_on_a_screen(name: str) -> None:
    space = load_space(name)
    lines = repr(space).splitlines()
    assert lines[0] == f"Space {name}: {show_combinations(space.count())} networks"
    assert 4 <= len(lines) <= MAX_LINES + 1
    assert max(map(len, lines)) < MAX_WIDTH + 40
    if len(space.describe()) > MAX_LINES:
        assert lines[-1] == f"  ... and {len(space.describe()) - MAX_LINES + 1} more; `nasbench spaces NAME` lists all"


class Cells(HTMLParser):
    """The texts of a table, and whether every tag that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", space_names())
def test_a_notebook_shows_a_table_with_the_count(name: str) -> None:
    space = load_space(name)
    cells = Cells(space._repr_html_())
    assert cells.open == []
    assert cells.texts[:2] == [name, f": {show_combinations(space.count())} networks"]
    assert cells.texts[2:5] == ["place", "options in brackets", "combinations"]
    first = space.describe()[0]
    assert cells.texts[5:8] == [first[0], first[1][:MAX_WIDTH], show_combinations(first[2])]


def test_html_is_escaped() -> None:
    space = read_space("name: <b>\nstem: [{op: conv, width: [8, 16]}]")
    assert "<b>&lt;b&gt;</b>: 2 networks" in space._repr_html_()
    assert not re.search(r"<script", as_html("x", 1, [("<script>", "<script>", 1)]))


def test_a_space_without_places() -> None:
    assert as_text("none", 1, []) == "Space none: 1 networks"


@pytest.mark.parametrize(("count", "text"), [(1, "1"), (6561, "6,561"), (10**9, "1.00e+09"), (3**60, "4.24e+28")])
def test_combinations(count: int, text: str) -> None:
    assert show_combinations(count) == text
