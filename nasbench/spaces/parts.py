"""Open rows put together: choices of blocks, sequences, named alternatives.

Each part can be decoded (ask `choose` what to build), matched (say which answers give these blocks) and counted; the
three are read off one structure, so they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nasbench.errors import SpaceError, short
from nasbench.genotype import Block
from nasbench.spaces.fields import Mismatch, OpenField
from nasbench.spaces.options import Choose, ParameterValues, ask, first
from nasbench.spaces.row import OpenRow, Trail, is_name


@dataclass(frozen=True)
class AnyOf:
    """A choice of the block itself."""

    rows: dict[str, OpenRow] = field(default_factory=dict)

    @classmethod
    def read(cls, rows: Any, defaults: Mapping[str, Any], where: str) -> AnyOf:
        if not isinstance(rows, list) or len(rows) < 2:
            raise SpaceError(f"{where}: any_of lists at least two rows; got {short(rows)}")
        found: dict[str, OpenRow] = {}
        for i, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise SpaceError(f"{where}, any_of {i + 1}: a row is a mapping with an op; got {short(row)}")
            one = OpenRow.read(row, defaults, f"{where}, any_of {i + 1}", Path.read)
            name = one.op if one.op not in found else f"{one.op}{1 + sum(o.op == one.op for o in found.values())}"
            found[name] = one
        return cls(found)

    def decode(self, choose: Choose, label: str) -> tuple[Block, ...]:
        name = ask(choose, f"{label}.any_of", list(self.rows))
        return self.rows[name].decode(choose, f"{label}.{name}")

    def match(self, blocks: Sequence[Block], start: int, label: str, trail: Trail) -> Iterator[tuple[int, ParameterValues]]:
        for name, row in self.rows.items():
            for end, decisions in row.match(blocks, start, f"{label}.{name}", trail):
                yield end, {f"{label}.any_of": name, **decisions}

    def count(self) -> int:
        return sum(row.count() for row in self.rows.values())

    def ties(self) -> Iterator[tuple[str, OpenField, bool]]:
        for row in self.rows.values():
            for name, part, _ in row.ties():
                yield name, part, True

    def describe(self) -> str:
        return "any of " + " | ".join(row.describe() for row in self.rows.values())


@dataclass(frozen=True)
class Rows:
    """Parts in sequence."""

    parts: tuple[Part, ...] = ()

    @classmethod
    def read(cls, rows: Any, defaults: Mapping[str, Any], where: str) -> Rows:
        listed = [] if rows is None else rows if isinstance(rows, list) else [rows]
        return cls(tuple(read_part(row, defaults, f"{where}, row {j + 1}") for j, row in enumerate(listed)))

    def decode(self, choose: Choose, label: str) -> tuple[Block, ...]:
        return tuple(block for j, part in enumerate(self.parts) for block in part.decode(choose, f"{label}.{j}"))

    def match(self, blocks: Sequence[Block], start: int, label: str, trail: Trail) -> Iterator[tuple[int, ParameterValues]]:
        yield from in_sequence([(f"{label}.{j}", part) for j, part in enumerate(self.parts)], blocks, start, trail)

    def count(self) -> int:
        return math.prod(part.count() for part in self.parts)

    def ties(self) -> Iterator[tuple[str, OpenField, bool]]:
        for part in self.parts:
            yield from part.ties()

    def describe(self) -> str:
        return "; ".join(part.describe() for part in self.parts) or "nothing"


@dataclass(frozen=True)
class Named:
    """Named alternatives, each of rows in sequence."""

    rows: dict[str, Rows]

    @classmethod
    def read(cls, rows: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> Named | Rows:
        if not rows:
            raise SpaceError(f"{where} is a list of rows, or a mapping of names to such lists; got an empty mapping")
        for name in rows:
            if not is_name(name):
                raise SpaceError(f"{where}: an alternative's name is a word of letters, digits, - and _; got {short(name)}")
        found = {name: Rows.read(rows[name], defaults, f"{where} {name}") for name in rows}
        return next(iter(found.values())) if len(found) == 1 else cls(found)

    def decode(self, choose: Choose, label: str) -> tuple[Block, ...]:
        name = ask(choose, label, list(self.rows))
        return self.rows[name].decode(choose, f"{label}.{name}")

    def match(self, blocks: Sequence[Block], start: int, label: str, trail: Trail) -> Iterator[tuple[int, ParameterValues]]:
        for name, rows in self.rows.items():
            for end, decisions in rows.match(blocks, start, f"{label}.{name}", trail):
                yield end, {label: name, **decisions}

    def count(self) -> int:
        return sum(rows.count() for rows in self.rows.values())

    def ties(self) -> Iterator[tuple[str, OpenField, bool]]:
        for rows in self.rows.values():
            for name, part, _ in rows.ties():
                yield name, part, True

    def describe(self) -> str:
        return "; or ".join(f"{name}: {rows.describe()}" for name, rows in self.rows.items())


Part = OpenRow | AnyOf | Rows | Named
Section = Rows | Named


@dataclass(frozen=True)
class Path:
    """Rows in a field: a path of `branches`. Unlike a stage it has to be read to its end."""

    rows: Rows

    @classmethod
    def read(cls, rows: Any, defaults: Mapping[str, Any], where: str) -> Path:
        return cls(Rows.read(rows, defaults, where))

    def decode(self, choose: Choose, label: str) -> tuple[Block, ...]:
        return self.rows.decode(choose, label)

    def match(self, value: Any, label: str) -> ParameterValues:
        blocks = [one for row in value for one in row.unrolled]
        trail = Trail()
        for end, decisions in self.rows.match(blocks, 0, label, trail):
            if end == len(blocks):
                return decisions
            trail.fail(end, f"layer {end + 1} ({blocks[end].op}) is one too many")
        raise Mismatch(f"differs: {trail.reason}")

    def count(self) -> int:
        return self.rows.count()

    def tries(self) -> Iterator[Any]:
        yield self.decode(first, "")  # the options of its rows were tried when these were read

    def describe(self) -> str:
        return self.rows.describe()


def in_sequence(
    parts: Sequence[tuple[str, Part]], blocks: Sequence[Block], start: int, trail: Trail, preferred: Collection[int] = ()
) -> Iterator[tuple[int, ParameterValues]]:
    """Every place where labelled parts, read one after the other from `start` on, may end; the answers of one way there.

    Where a part may end at several places, the `preferred` come first.
    """
    visited: set[tuple[int, int]] = set()

    def read(k: int, at: int, so_far: ParameterValues) -> Iterator[tuple[int, ParameterValues]]:
        if (k, at) in visited:  # what follows does not depend on the way there
            return
        visited.add((k, at))
        if k == len(parts):
            yield at, so_far
            return
        label, part = parts[k]
        for end, decisions in sorted(part.match(blocks, at, label, trail), key=lambda found: found[0] not in preferred):
            yield from read(k + 1, end, {**so_far, **decisions})

    yield from read(0, start, {})


def read_part(row: Any, defaults: Mapping[str, Any], where: str) -> Part:
    """A row or an `any_of`."""
    if not isinstance(row, Mapping):
        raise SpaceError(f"{where}: a row is a mapping with an op or any_of; got {short(row)}")
    if "any_of" in row:
        if len(row) > 1:
            raise SpaceError(f"{where}: any_of stands alone in its row; got {', '.join(map(str, row))}")
        return AnyOf.read(row["any_of"], defaults, where)
    return OpenRow.read(row, defaults, where, Path.read)


def read_section(rows: Any, defaults: Mapping[str, Any], where: str) -> Section:
    """A stem, a stage or a head: rows, or a mapping of names to rows."""
    if isinstance(rows, Mapping) and "op" not in rows and "any_of" not in rows:
        return Named.read(rows, defaults, where)
    return Rows.read(rows, defaults, where)
