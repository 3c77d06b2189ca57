"""A space as a table, for the console and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

Line = tuple[str, str, int]
"""A place of the network, its options in words, and the number of combinations there."""

MAX_LINES = 16
MAX_WIDTH = 88


def show_combinations(count: int) -> str:
    """A small number exactly, a large one as a power of ten."""
    return f"{count:,}" if count < 10**9 else f"{count:.2e}"


def as_text(name: str, count: int, lines: Sequence[Line]) -> str:
    """The name of a space, its number of networks, and a line for each place of the network."""
    shown, rest = _cut(lines)
    width = max((len(place) for place, _, _ in shown), default=0)
    body = [f"  {place:<{width}}  {options}" for place, options, _ in shown]
    return "\n".join([f"Space {name}: {show_combinations(count)} networks", *body, *([f"  {rest}"] if rest else [])])


def as_html(name: str, count: int, lines: Sequence[Line]) -> str:
    """The same as an HTML table, with the number of combinations at each place."""
    shown, rest = _cut(lines)
    left = "style='text-align: left'"
    cells = [
        f"<tr><td {left}>{escape(place)}</td><td {left}>{escape(options)}</td><td>{show_combinations(ways)}</td></tr>"
        for place, options, ways in shown
    ]
    last = [f"<tr><td colspan='3' {left}>{escape(rest)}</td></tr>"] if rest else []
    head = f"<thead><tr><th {left}>place</th><th {left}>options in brackets</th><th>combinations</th></tr></thead>"
    caption = f"<caption {left}><b>{escape(name)}</b>: {show_combinations(count)} networks</caption>"
    return f"<table>{caption}{head}<tbody>{''.join([*cells, *last])}</tbody></table>"


def _cut(lines: Sequence[Line]) -> tuple[list[Line], str]:
    """The first lines, with long texts cut, and a sentence about the others."""
    shown = lines if len(lines) <= MAX_LINES else lines[: MAX_LINES - 1]
    more = len(lines) - len(shown)
    cut = [(place, text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 3]}...", ways) for place, text, ways in shown]
    return cut, f"... and {more} more; `nasbench spaces NAME` lists all" if more else ""
