"""What stands at a field of an open row: a choice, or a list with choices inside, such as the paths of `branches`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nasbench.errors import SpaceError, short
from nasbench.genotype.fields import as_pair
from nasbench.spaces.options import Choose, Options, ParameterValues, ask, ends, first, read_options, same, show


class Mismatch(Exception):
    """Why a value cannot come from a field."""


class OpenField(Protocol):
    """Decoded, matched and counted from one structure, so that the three cannot disagree."""

    def decode(self, choose: Choose, label: str) -> Any:
        """Ask what is open; the field's value."""

    def match(self, value: Any, label: str) -> ParameterValues:
        """The answers that lead to `value`; raises Mismatch where none do."""

    def count(self) -> int:
        """Ways to answer."""

    def tries(self) -> Iterator[Any]:
        """Values in which each option stands once: what a bad option is found by when a space is read."""

    def describe(self) -> str:
        """In words; choices in brackets."""


@dataclass(frozen=True)
class Scalar:
    """One of some options."""

    options: Options

    def decode(self, choose: Choose, label: str) -> Any:
        return ask(choose, label, self.options)

    def match(self, value: Any, label: str) -> ParameterValues:
        for option in self.options:
            if same(as_pair(option), value):
                return {label: option} if len(self.options) > 1 else {}
        raise Mismatch(f"is {value!r}, the options are {show(self.options)}")

    def count(self) -> int:
        return len(self.options)

    def tries(self) -> Iterator[Any]:
        yield from ends(self.options)

    def describe(self) -> str:
        return f"[{show(self.options)}]" if len(self.options) > 1 else show(self.options)


@dataclass(frozen=True)
class Listed:
    """A list whose entries may be open."""

    entries: tuple[OpenField, ...]

    def decode(self, choose: Choose, label: str) -> Any:
        return tuple(entry.decode(choose, f"{label}.{i}") for i, entry in enumerate(self.entries))

    def match(self, value: Any, label: str) -> ParameterValues:
        if len(value) != len(self.entries):
            raise Mismatch(f"has {len(value)} entries, the space {len(self.entries)}")
        found: ParameterValues = {}
        for i, (entry, inner) in enumerate(zip(self.entries, value, strict=True)):
            try:
                found |= entry.match(inner, f"{label}.{i}")
            except Mismatch as why:
                raise Mismatch(f"{why}, in entry {i + 1}") from None
        return found

    def count(self) -> int:
        return math.prod(entry.count() for entry in self.entries)

    def tries(self) -> Iterator[Any]:
        start = self.decode(first, "")
        yield start
        for i, entry in enumerate(self.entries):
            for value in entry.tries():
                yield (*start[:i], value, *start[i + 1 :])

    def describe(self) -> str:
        flat = all(isinstance(entry, Scalar) for entry in self.entries)
        return f"({(', ' if flat else ' | ').join(entry.describe() for entry in self.entries)})"


ReadRows = Callable[[Any, Mapping[str, Any], str], OpenField]


def read_field(value: Any, depth: int, read_rows: ReadRows | None, defaults: Mapping[str, Any], where: str) -> OpenField:
    """A field of `depth` nested lists; in it, as at a scalar field, a list is a choice.

    `read_rows` reads the innermost list where its entries are rows.

    Raises:
        SpaceError: no list where one is needed, or what its entries say.
    """
    if depth == 0:
        return Scalar(read_options(value, where))
    if not isinstance(value, list):
        raise SpaceError(f"{where}: a list is needed here; got {short(value)}")
    if depth == 1 and read_rows is not None:
        return read_rows(value, defaults, where)
    return Listed(tuple(read_field(v, depth - 1, read_rows, defaults, f"{where}, entry {i + 1}") for i, v in enumerate(value)))
