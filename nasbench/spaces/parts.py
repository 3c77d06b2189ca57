"""Blocks of a space put together: choices of blocks, sequences, named alternatives.

Each part can be decoded (which blocks do these parameter values give?), matched (which values give these blocks?) and counted. All
three work on one structure, so that they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nasbench.errors import SpaceError, short
from nasbench.genotype import Block
from nasbench.spaces.block import SpaceBlock, Trail, is_name
from nasbench.spaces.fields import Mismatch, SpaceField
from nasbench.spaces.options import Choose, ParameterValues, first, suggest


@dataclass(frozen=True)
class AnyOf:
    """A choice among blocks, by name."""

    blocks: dict[str, SpaceBlock] = field(default_factory=dict)

    @classmethod
    def read(cls, listed: Any, defaults: Mapping[str, Any], where: str) -> AnyOf:
        """A choice from a list of blocks; the second block of one type, such as mbconv, is named mbconv2.

        Raises:
            SpaceError: fewer than two blocks, or a bad one.
        """
        if not isinstance(listed, list) or len(listed) < 2:
            raise SpaceError(f"{where}: any_of lists at least two blocks; got {short(listed)}")
        blocks: dict[str, SpaceBlock] = {}
        for i, written in enumerate(listed):
            if not isinstance(written, Mapping):
                raise SpaceError(f"{where}, any_of {i + 1}: a block is a mapping with an op; got {short(written)}")
            block = SpaceBlock.read(written, defaults, f"{where}, any_of {i + 1}", Path.read)
            name = block.op if block.op not in blocks else f"{block.op}{1 + sum(b.op == block.op for b in blocks.values())}"
            blocks[name] = block
        return cls(blocks)

    def decode(self, choose: Choose, name: str) -> tuple[Block, ...]:
        option = suggest(choose, f"{name}.any_of", list(self.blocks))
        return self.blocks[option].decode(choose, f"{name}.{option}")

    def match(self, blocks: Sequence[Block], start: int, name: str, trail: Trail) -> Iterator[tuple[int, ParameterValues]]:
        for option, block in self.blocks.items():
            for end, values in block.match(blocks, start, f"{name}.{option}", trail):
                yield end, {f"{name}.any_of": option, **values}

    def count(self) -> int:
        return sum(block.count() for block in self.blocks.values())

    def ties(self) -> Iterator[tuple[str, SpaceField, bool]]:
        for block in self.blocks.values():
            for name, tied, _ in block.ties():
                yield name, tied, True

    def describe(self) -> str:
        return "any of " + " | ".join(block.describe() for block in self.blocks.values())


@dataclass(frozen=True)
class Blocks:
    """Parts in sequence."""

    parts: tuple[Part, ...] = ()

    @classmethod
    def read(cls, written: Any, defaults: Mapping[str, Any], where: str) -> Blocks:
        listed = [] if written is None else written if isinstance(written, list) else [written]
        return cls(tuple(read_part(part, defaults, f"{where}, block {j + 1}") for j, part in enumerate(listed)))

    def decode(self, choose: Choose, name: str) -> tuple[Block, ...]:
        return tuple(block for j, part in enumerate(self.parts) for block in part.decode(choose, f"{name}.{j}"))

    def match(self, blocks: Sequence[Block], start: int, name: str, trail: Trail) -> Iterator[tuple[int, ParameterValues]]:
        yield from in_sequence([(f"{name}.{j}", part) for j, part in enumerate(self.parts)], blocks, start, trail)

    def count(self) -> int:
        return math.prod(part.count() for part in self.parts)

    def ties(self) -> Iterator[tuple[str, SpaceField, bool]]:
        for part in self.parts:
            yield from part.ties()

    def describe(self) -> str:
        return "; ".join(part.describe() for part in self.parts) or "nothing"


@dataclass(frozen=True)
class Alternatives:
    """Sequences of parts, of which one is chosen by name."""

    sequences: dict[str, Blocks]

    @classmethod
    def read(cls, written: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> Alternatives | Blocks:
        """Alternatives from a mapping of names to lists of blocks; a single alternative needs no choice.

        Raises:
            SpaceError: an empty mapping, a bad name or a bad block.
        """
        if not written:
            raise SpaceError(f"{where} is a list of blocks, or a mapping of names to such lists; got an empty mapping")
        for name in written:
            if not is_name(name):
                raise SpaceError(f"{where}: an alternative's name is a word of letters, digits, - and _; got {short(name)}")
        sequences = {name: Blocks.read(written[name], defaults, f"{where} {name}") for name in written}
        return next(iter(sequences.values())) if len(sequences) == 1 else cls(sequences)

    def decode(self, choose: Choose, name: str) -> tuple[Block, ...]:
        option = suggest(choose, name, list(self.sequences))
        return self.sequences[option].decode(choose, f"{name}.{option}")

    def match(self, blocks: Sequence[Block], start: int, name: str, trail: Trail) -> Iterator[tuple[int, ParameterValues]]:
        for option, sequence in self.sequences.items():
            for end, values in sequence.match(blocks, start, f"{name}.{option}", trail):
                yield end, {name: option, **values}

    def count(self) -> int:
        return sum(sequence.count() for sequence in self.sequences.values())

    def ties(self) -> Iterator[tuple[str, SpaceField, bool]]:
        for sequence in self.sequences.values():
            for name, tied, _ in sequence.ties():
                yield name, tied, True

    def describe(self) -> str:
        return "; or ".join(f"{name}: {sequence.describe()}" for name, sequence in self.sequences.items())


Part = SpaceBlock | AnyOf | Blocks | Alternatives
Section = Blocks | Alternatives


@dataclass(frozen=True)
class Path:
    """A field that holds blocks, such as a path of `branches`. Unlike a stage, it has to be matched to its end."""

    blocks: Blocks

    @classmethod
    def read(cls, written: Any, defaults: Mapping[str, Any], where: str) -> Path:
        return cls(Blocks.read(written, defaults, where))

    def decode(self, choose: Choose, name: str) -> tuple[Block, ...]:
        return self.blocks.decode(choose, name)

    def match(self, value: Any, name: str) -> ParameterValues:
        layers = [layer for block in value for layer in block.unrolled]
        trail = Trail()
        for end, values in self.blocks.match(layers, 0, name, trail):
            if end == len(layers):
                return values
            trail.fail(end, f"layer {end + 1} ({layers[end].op}) is one too many")
        raise Mismatch(f"differs: {trail.reason}")

    def count(self) -> int:
        return self.blocks.count()

    def tries(self) -> Iterator[Any]:
        yield self.decode(first, "")  # the options inside were tried when the blocks of the path were read

    def describe(self) -> str:
        return self.blocks.describe()


def in_sequence(
    parts: Sequence[tuple[str, Part]], blocks: Sequence[Block], start: int, trail: Trail, preferred: Collection[int] = ()
) -> Iterator[tuple[int, ParameterValues]]:
    """Match blocks from `start` on with named parts, one after the other.

    Yields every position where this can end, with the parameter values of one way to reach it. Where a part can end at several
    positions, those in `preferred` come first.
    """
    visited: set[tuple[int, int]] = set()

    def read(k: int, at: int, so_far: ParameterValues) -> Iterator[tuple[int, ParameterValues]]:
        if (k, at) in visited:  # the rest does not depend on how this position was reached
            return
        visited.add((k, at))
        if k == len(parts):
            yield at, so_far
            return
        name, part = parts[k]
        for end, values in sorted(part.match(blocks, at, name, trail), key=lambda match: match[0] not in preferred):
            yield from read(k + 1, end, {**so_far, **values})

    yield from read(0, start, {})


def read_part(written: Any, defaults: Mapping[str, Any], where: str) -> Part:
    """A block or an `any_of` from YAML.

    Raises:
        SpaceError: it is neither.
    """
    if not isinstance(written, Mapping):
        raise SpaceError(f"{where}: a block is a mapping with an op or any_of; got {short(written)}")
    if "any_of" in written:
        if len(written) > 1:
            raise SpaceError(f"{where}: any_of stands alone in its block; got {', '.join(map(str, written))}")
        return AnyOf.read(written["any_of"], defaults, where)
    return SpaceBlock.read(written, defaults, where, Path.read)


def read_section(written: Any, defaults: Mapping[str, Any], where: str) -> Section:
    """A stem, a stage or a head from YAML: a block, a list of blocks, or a mapping of names to lists of blocks."""
    if isinstance(written, Mapping) and "op" not in written and "any_of" not in written:
        return Alternatives.read(written, defaults, where)
    return Blocks.read(written, defaults, where)
