"""A block of a space: one block type with choices at its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nasbench.errors import GenotypeError, SpaceError, short
from nasbench.genotype import Block
from nasbench.genotype.block import BlockType, find_block_type
from nasbench.spaces.fields import Mismatch, ReadBlocks, ScalarField, SpaceField, read_field
from nasbench.spaces.options import Choose, Options, ParameterValues, first, read_options, same, show, suggest


@dataclass
class Trail:
    """How many layers the longest attempt to match a network read, and why it stopped there. The error names that place."""

    position: int = -1
    reason: str = ""

    def fail(self, position: int, reason: str) -> None:
        """Store where and why an attempt stopped, if it read more layers than those before."""
        if position > self.position:
            self.position, self.reason = position, reason


@dataclass(frozen=True)
class SpaceBlock:
    """A run of blocks of one type.

    Attributes:
        op: name of the block type.
        fields: by name.
        repeat: options for the number of layers of the run.
        vary: names of fields that are chosen for each layer of the run.
        tie: pairs of a field and the name of its parameter, which has the same value wherever that name stands.
    """

    op: str
    fields: dict[str, SpaceField]
    repeat: Options = (1,)
    vary: tuple[str, ...] = ()
    tie: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, block: Mapping[str, Any], defaults: Mapping[str, Any], where: str, read_blocks: ReadBlocks) -> SpaceBlock:
        """A block from a mapping with an op.

        Args:
            read_blocks: reads blocks inside a field.

        Raises:
            SpaceError: says what is wrong with the block, and where it stands.
        """
        op = block.get("op")
        if not isinstance(op, str):
            raise SpaceError(f"{where}: a block has an op, such as {{op: conv, width: [16, 32]}}; got {short(dict(block))}")
        try:
            block_type = find_block_type(op)
        except GenotypeError as error:
            raise SpaceError(f"{where}: {error}") from None
        written = {**defaults.get(op, {}), **block}
        vary, tie = written.pop("vary", []), written.pop("tie", {})
        choosable = [name for name in written if name not in ("op", "repeat", "stride")]
        if not isinstance(vary, list) or not all(v in choosable for v in vary):
            raise SpaceError(f"{where}: vary lists fields of its block, but not op, repeat or stride; got {short(vary)}")
        if not isinstance(tie, Mapping) or not all(f in choosable and f not in vary and is_name(n) for f, n in tie.items()):
            raise SpaceError(
                f"{where}: tie maps fields of its block that do not vary to names, such as {{nodes: normal}}; got {short(tie)}"
            )
        repeat = read_options(written.pop("repeat", 1), f"{where}, repeat")
        if not all(type(n) is int and 0 <= n <= 1000 for n in (repeat[0], repeat[-1], *(() if isinstance(repeat, range) else repeat))):
            raise SpaceError(f"{where}: repeat is a whole number from 0 to 1000; got {show(repeat)}")
        del written["op"]
        names = [n for n in block_type.names if n in written] + [n for n in written if n not in block_type.names]
        fields = {
            n: read_field(
                written[n], block_type.lists.get(n, 0), read_blocks if n in block_type.block_fields else None, defaults, f"{where}, {n}"
            )
            for n in names
        }
        space_block = cls(op, fields, repeat, tuple(vary), tuple(tie.items()))
        space_block.check(where)
        return space_block

    def check(self, where: str) -> None:
        """Try each option once, so that a bad option is found when the space is read and not during a search.

        Raises:
            SpaceError: an option that the block type refuses.
        """
        start = {name: field.decode(first, "") for name, field in self.fields.items()}
        try:
            Block(self.op, start)
            for name, field in self.fields.items():
                for value in field.tries():
                    Block(self.op, {**start, name: value})
        except GenotypeError as error:
            raise SpaceError(f"{where}: {error}") from None

    def parameter(self, field: str, name: str, layer: int) -> str:
        """The name of the parameter of a field, where `name` is the name of the block."""
        tied = dict(self.tie).get(field)
        return tied or (f"{name}.{field}.{layer}" if field in self.vary else f"{name}.{field}")

    def decode(self, choose: Choose, name: str) -> tuple[Block, ...]:
        """The blocks of a genotype; empty for `repeat` 0."""
        depth = suggest(choose, f"{name}.repeat", self.repeat)
        if depth == 0:
            return ()
        once = {n: field.decode(choose, self.parameter(n, name, 0)) for n, field in self.fields.items() if n not in self.vary}
        if not self.vary:
            return (_block(self.op, tuple(once.items()), depth),)
        blocks = []
        for j in range(depth):
            each = {n: self.fields[n].decode(choose, self.parameter(n, name, j)) for n in self.vary}
            blocks.append(_block(self.op, tuple({**once, **({"stride": 1} if j and "stride" in once else {}), **each}.items())))
        return compact(blocks)

    def match(self, blocks: Sequence[Block], start: int, name: str, trail: Trail) -> Iterator[tuple[int, ParameterValues]]:
        """Every way to read blocks from `start` on: the position where it ends, and the parameter values."""
        most = max(self.repeat)
        by_depth: dict[int, ParameterValues] = {0: {}}
        for depth, values in enumerate(self._read(blocks[start : start + most], start, name, trail), 1):
            by_depth[depth] = values
        for depth in self.repeat:
            if depth in by_depth:
                yield start + depth, {**({f"{name}.repeat": depth} if len(self.repeat) > 1 else {}), **by_depth[depth]}
            elif len(by_depth) > len(blocks) - start:  # all remaining blocks were read
                trail.fail(len(blocks), f"{name} needs {depth} layers of {self.op} and there are {len(blocks) - start} left")

    def _read(self, run: Sequence[Block], start: int, name: str, trail: Trail) -> Iterator[ParameterValues]:
        """The parameter values for the first layer, for the first two, and so on, as far as the run can be read."""
        defaults = self._complete
        values: ParameterValues = {}
        for j, block in enumerate(run):
            number = start + j + 1
            if block.op != self.op:
                trail.fail(start + j, f"{name} is a {self.op} and layer {number} a {block.op}")
                return
            values = dict(values)
            for field_name, value in block.fields.items():
                inner = field_name == "stride" and j > 0  # only the first layer of a run has its stride
                field = _ONE if inner else self.fields.get(field_name) or ScalarField((defaults[field_name],))
                parameter = self.parameter(field_name, name, j)
                try:
                    matched = field.match(value, parameter)
                except Mismatch as why:
                    trail.fail(start + j, f"{parameter}: {field_name} of layer {number} {why}")
                    return
                for key, option in matched.items():
                    if not same(values.setdefault(key, option), option):
                        trail.fail(start + j, f"{key}: {field_name} is {values[key]!r} before layer {number} and {option!r} there")
                        return
            yield values

    @property
    def _complete(self) -> Mapping[str, Any]:
        return _block(self.op, tuple((n, field.decode(first, "")) for n, field in self.fields.items())).fields

    def count(self) -> int:
        """The number of combinations of values, without tied fields, which count once for the whole space."""
        once = each = 1
        for name, field in self.fields.items():
            if name in self.vary:
                each *= field.count()
            elif name not in dict(self.tie):
                once *= field.count()
        return sum(once * each**depth if depth else 1 for depth in self.repeat)

    def ties(self) -> Iterator[tuple[str, SpaceField, bool]]:
        """For each tied field: the name of its parameter, the field, and whether the block may be absent."""
        for name, tied in self.tie:
            yield tied, self.fields[name], 0 in self.repeat

    def describe(self) -> str:
        """The block in one line, with options in brackets."""
        tied = dict(self.tie)
        words = [
            f"{n} as {tied[n]}" if n in tied else f"{n}{' (each layer)' if n in self.vary and field.count() > 1 else ''} {field.describe()}"
            for n, field in self.fields.items()
        ]
        if len(self.repeat) > 1 or self.repeat[0] != 1:
            words.append(f"repeat [{show(self.repeat)}]" if len(self.repeat) > 1 else f"repeat {self.repeat[0]}")
        return f"{self.op}: {', '.join(words)}" if words else self.op


_ONE = ScalarField((1,))


def _block(op: str, fields: tuple[tuple[str, Any], ...], repeat: int = 1) -> Block:
    """A block, from a cache if it was made before: checking a block takes longer than everything else in a sample."""
    return _cached(find_block_type(op), fields, repeat)


@lru_cache(maxsize=16_384)
def _cached(block_type: BlockType, fields: tuple[tuple[str, Any], ...], repeat: int) -> Block:
    # The key is the block type and not its name, because a type that is defined again makes other blocks.
    return Block(block_type.name, dict(fields), repeat)


def is_name(value: Any) -> bool:
    """Whether a value may be a name that a user gives: it then stands in the names of parameters, in tables and in files."""
    return isinstance(value, str) and 0 < len(value) <= 40 and value.replace("_", "").replace("-", "").isalnum()


def compact(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Equal neighbours as one block with `repeat`, so that a decoded stage reads like a table of a paper."""
    runs: list[Block] = []
    i = 0
    while i < len(blocks):
        head = blocks[i]
        rest = head.but(stride=1) if head.fields.get("stride", 1) != 1 else head
        j = i + 1
        while j < len(blocks) and blocks[j] == rest:
            j += 1
        runs.append(head.but(repeat=j - i) if j - i > 1 else head)
        i = j
    return tuple(runs)
