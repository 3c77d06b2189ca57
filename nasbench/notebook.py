"""What a notebook shows for an object: a table, and a picture that a package further down the order draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

PICTURES: dict[str, Callable[[Any], str]] = {}  # name of a class -> SVG of one of its objects; `nasbench/__init__.py` fills it


def picture(item: object) -> str:
    """The SVG of an object, or nothing where its class has no picture or the object cannot be drawn."""
    draw = PICTURES.get(type(item).__name__)
    try:
        return draw(item) if draw else ""
    except ValueError:  # a network that cannot be, for example; the table still shows it
        return ""


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> str:
    """An HTML table. `right` are the numbers of the columns that are aligned to the right.

    >>> table("x < y", ("n",), [(1,)])
    '<table><caption>x &lt; y</caption><tr><th>n</th></tr><tr><td style="text-align:left">1</td></tr></table>'
    """
    style = ["right" if i in right else "left" for i in range(len(head))]
    lines = ["".join(f"<th>{escape(str(cell))}</th>" for cell in head)]
    lines += ["".join(f'<td style="text-align:{s}">{escape(str(c))}</td>' for s, c in zip(style, row, strict=True)) for row in rows]
    return f"<table><caption>{escape(title)}</caption>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
