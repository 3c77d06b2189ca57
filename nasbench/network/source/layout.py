"""Calls as text, broken into lines where they are long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 100
INDENT = "    "


@dataclass(frozen=True)
class Text:
    """A call: what stands before its arguments, these, and what stands after."""

    head: str
    arguments: Sequence[Text | str]
    tail: str = ")"
    prefix: str = ""  # before the head, such as the name of an argument

    def line(self) -> str:
        """All of it on one line."""
        inner = ", ".join(each.line() if isinstance(each, Text) else each for each in self.arguments)
        return f"{self.prefix}{self.head}{inner}{self.tail}"

    def lines(self, indent: str, before: str = "", after: str = "") -> list[str]:
        """On one line where it fits, else each argument on its own lines.

        Args:
            before: text of the first line; after: of the last.
        """
        whole = f"{indent}{before}{self.line()}{after}"
        if len(whole) <= WIDTH or not self.arguments:
            return [whole]
        found = [f"{indent}{before}{self.prefix}{self.head}"]
        for each in self.arguments:
            found += each.lines(indent + INDENT, after=",") if isinstance(each, Text) else [f"{indent}{INDENT}{each},"]
        return [*found, f"{indent}{self.tail}{after}"]
