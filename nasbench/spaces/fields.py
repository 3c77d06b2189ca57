"""A field of a block in a space: a choice, or a list with choices inside, such as the paths of `branches`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nasbench.errors import SpaceError, short
from nasbench.genotype.fields import as_pair
from nasbench.spaces.options import Choose, Options, ParameterValues, ends, first, read_options, same, show, suggest


class Mismatch(Exception):
    """The reason why a value cannot come from a field."""


class SpaceField(Protocol):
    """A field, which may hold parameters; their names begin with the `name` that is passed to its methods.

    A field is decoded, matched and counted from one structure, so that the three cannot disagree.
    """

    def decode(self, choose: Choose, name: str) -> Any:
        """The value of the field, where `choose` chooses the value of each parameter."""

    def match(self, value: Any, name: str) -> ParameterValues:
        """The parameter values that lead to `value`.

        Raises:
            Mismatch: there are none.
        """

    def count(self) -> int:
        """The number of combinations of parameter values."""

    def tries(self) -> Iterator[Any]:
        """Values in which each option occurs once; they serve to find a bad option when a space is read."""

    def describe(self) -> str:
        """The field in words, with options in brackets."""


@dataclass(frozen=True)
class ScalarField:
    """A scalar, fixed if it has a single option."""

    options: Options

    def decode(self, choose: Choose, name: str) -> Any:
        return suggest(choose, name, self.options)

    def match(self, value: Any, name: str) -> ParameterValues:
        for option in self.options:
            if same(as_pair(option), value):
                return {name: option} if len(self.options) > 1 else {}
        raise Mismatch(f"is {short(value)}, the options are {show(self.options)}")

    def count(self) -> int:
        return len(self.options)

    def tries(self) -> Iterator[Any]:
        yield from ends(self.options)

    def describe(self) -> str:
        return f"[{show(self.options)}]" if len(self.options) > 1 else show(self.options)


@dataclass(frozen=True)
class ListField:
    """A list whose entries may hold parameters."""

    entries: tuple[SpaceField, ...]

    def decode(self, choose: Choose, name: str) -> Any:
        return tuple(entry.decode(choose, f"{name}.{i}") for i, entry in enumerate(self.entries))

    def match(self, value: Any, name: str) -> ParameterValues:
        if len(value) != len(self.entries):
            raise Mismatch(f"has {len(value)} entries, the space {len(self.entries)}")
        values: ParameterValues = {}
        for i, (entry, inner) in enumerate(zip(self.entries, value, strict=True)):
            try:
                values |= entry.match(inner, f"{name}.{i}")
            except Mismatch as why:
                raise Mismatch(f"{why}, in entry {i + 1}") from None
        return values

    def count(self) -> int:
        return math.prod(entry.count() for entry in self.entries)

    def tries(self) -> Iterator[Any]:
        start = self.decode(first, "")
        yield start
        for i, entry in enumerate(self.entries):
            for value in entry.tries():
                yield (*start[:i], value, *start[i + 1 :])

    def describe(self) -> str:
        flat = all(isinstance(entry, ScalarField) for entry in self.entries)
        return f"({(', ' if flat else ' | ').join(entry.describe() for entry in self.entries)})"


ReadBlocks = Callable[[Any, Mapping[str, Any], str], SpaceField]


def read_field(value: Any, depth: int, read_blocks: ReadBlocks | None, defaults: Mapping[str, Any], where: str) -> SpaceField:
    """A field of `depth` nested lists from YAML. Inside it, as in a scalar field, a list is a choice.

    Args:
        read_blocks: reads the innermost list if its entries are blocks.

    Raises:
        SpaceError: a value that is not a list where one is needed, or a bad entry.
    """
    if depth == 0:
        return ScalarField(read_options(value, where))
    if not isinstance(value, list):
        raise SpaceError(f"{where}: a list is needed here; got {short(value)}")
    if depth == 1 and read_blocks is not None:
        return read_blocks(value, defaults, where)
    return ListField(tuple(read_field(v, depth - 1, read_blocks, defaults, f"{where}, entry {i + 1}") for i, v in enumerate(value)))
