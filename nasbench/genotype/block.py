"""A block type is one function over the tracer; a block is one use of it in a genotype.

    @block
    def fire(t: Tracer, x: Value, *, squeeze: Width, expand: Width, act: Act | None = None) -> Value:
        \"""SqueezeNet's fire module ...\"""

Validation, help text and YAML all come from that signature. Called with a tracer, a block type writes its layers there;
called without one, it makes a Block: `fire(squeeze=16, expand=64)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, overload

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.fields import MAX_REPEAT
from nasbench.genotype.layer import Fields, Value
from nasbench.genotype.schema import Schema
from nasbench.genotype.writer import Writer
from nasbench.registry import Registry


class BlockType(Schema):
    """The one definition of a kind of block; see `Schema` for what is read off its signature."""

    @overload
    def __call__(self, t: Writer, x: Value, **fields: Any) -> Value: ...
    @overload
    def __call__(self, *values: Any, repeat: int = 1, **fields: Any) -> Block: ...
    def __call__(self, *args: Any, **fields: Any) -> Value | Block:
        """With (tracer, value, fields...) write the layers and return the value; with field values alone, make a Block."""
        if args and isinstance(args[0], Writer):
            return self.function(*args, **fields)
        if len(args) > len(self.names):
            raise GenotypeError(f"{self.name} reads {len(self.names)} fields ({', '.join(self.names)}); got {len(args)} values")
        for name, value in zip(self.names, args, strict=False):
            if name in fields:
                raise GenotypeError(f"{self.name}: field {name!r} is given twice, as {value!r} and {fields[name]!r}")
            fields[name] = value
        repeat = fields.pop("repeat", 1)
        return Block(self.name, fields, repeat)

    @cached_property
    def block_fields(self) -> tuple[str, ...]:
        """Names of the fields that hold blocks, such as the paths of `branches`."""
        return tuple(name for name, entry in self.entries.items() if entry is Block)


BLOCK_TYPES: Registry[BlockType] = Registry("block", GenotypeError)


def find_block_type(op: str) -> BlockType:
    """The block type called `op`.

    Raises:
        GenotypeError: there is none; the message names the nearest.
    """
    if not isinstance(op, str) or op not in BLOCK_TYPES:
        raise GenotypeError(
            f"there is no block {short(op)}; the block types are {', '.join(BLOCK_TYPES)}; "
            f"a block of your own is there with --plugin FILE.py{nearest(op, BLOCK_TYPES)}"
        )
    return BLOCK_TYPES[op]


def block(function: Callable[..., Value]) -> BlockType:
    """Make a block type of a function over the tracer; a decorator.

    The same file, module or notebook may define a block type again; the new one then takes the place of the old one.

    Raises:
        GenotypeError: the function cannot be a block type (its signature, or a field's type or default), or its name is taken.

    >>> from nasbench.genotype import BLOCK_TYPES, Tracer, Value, block
    >>> from nasbench.genotype.fields import Width
    >>> @block
    ... def two_convs(t: Tracer, x: Value, *, width: Width) -> Value:
    ...     "Two 3x3 convolutions."
    ...     return t.unit(t.unit(x, width, 3, name="first"), width, 3, name="second")
    >>> two_convs(width=16)
    Block('two_convs', {'width': 16})
    >>> del BLOCK_TYPES["two_convs"]
    """
    block_type = BlockType(function)
    BLOCK_TYPES.register(block_type.name, block_type, function)
    return block_type


@dataclass(frozen=True, repr=False)
class Block:
    """One use of a block type in a genotype: its fields, and how often it is repeated in sequence.

    Attributes:
        op: name of the block type.
        fields: values of all fields, in the order of the block type's signature.
        repeat: number of times it stands in sequence; only the first keeps its stride.

    Raises:
        GenotypeError: an unknown block type or field, or an impossible value.

    >>> from nasbench.genotype.blocks import fire
    >>> fire(squeeze=16, expand=64) == Block("fire", {"squeeze": 16, "expand": 64})
    True
    """

    op: str
    fields: Fields
    repeat: int = 1

    def __init__(self, op: str, fields: Mapping[str, Any] | None = None, repeat: int = 1) -> None:
        block_type = find_block_type(op)
        if isinstance(repeat, bool) or not isinstance(repeat, int) or not 1 <= repeat <= MAX_REPEAT:
            raise GenotypeError(f"{op}: repeat is a whole number from 1 to {MAX_REPEAT}; got {short(repeat)}; write fewer")
        object.__setattr__(self, "op", block_type.name)
        object.__setattr__(self, "fields", Fields(block_type.check(fields or {})))
        object.__setattr__(self, "repeat", repeat)

    def __repr__(self) -> str:
        """`Block('conv', {'width': 8}, 2)`: the fields that are not at their default."""
        written = {name: self.fields[name] for name in self._written}
        return f"Block({self.op!r}, {written!r}{f', {self.repeat}' if self.repeat != 1 else ''})"

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.op, tuple(self.fields.items()), self.repeat))

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # a hash of text differs in another process

    @cached_property
    def inside(self) -> tuple[Block, ...]:
        """Blocks that stand in its fields, such as those of its paths."""
        return tuple([inner for value in self.fields.values() if type(value) is tuple for inner in _blocks_in(value)])

    def change_inside(self, change: Callable[[Block], Block]) -> Block:
        """The same block with every block in its fields changed."""
        return self.but(**{k: _changed(v, change) for k, v in self.fields.items() if type(v) is tuple}) if self.inside else self

    @cached_property
    def size(self) -> int:
        """Number of blocks that it stands for, including those inside it."""
        return self.repeat * (1 + sum([inner.size for inner in self.inside]))

    def but(self, repeat: int | None = None, **changes: Any) -> Block:
        """The same block with some fields changed."""
        return Block(self.op, {**self.fields, **changes}, self.repeat if repeat is None else repeat)

    @cached_property
    def unrolled(self) -> tuple[Block, ...]:
        """The repeated blocks one by one: only the first keeps its stride."""
        if self.repeat == 1:
            return (self,)
        first = self.but(repeat=1)
        rest = first.but(stride=1) if self.fields.get("stride", 1) != 1 else first
        return (first,) + (rest,) * (self.repeat - 1)

    @property
    def _written(self) -> tuple[str, ...]:
        """Names of the required fields, and of those that are not at their default."""
        block_type = find_block_type(self.op)
        return tuple([k for k, v in self.fields.items() if k in block_type.required or v != block_type.defaults[k]])

    def written(self) -> dict[str, Any]:
        """The block as one writes it in YAML: without the fields that are at their default."""
        row: dict[str, Any] = {"op": self.op} | {name: plain(self.fields[name]) for name in self._written}
        return row | ({"repeat": self.repeat} if self.repeat != 1 else {})


def _blocks_in(value: tuple[Any, ...]) -> Iterator[Block]:
    for entry in value:
        if isinstance(entry, Block):
            yield entry
        elif type(entry) is tuple:
            yield from _blocks_in(entry)


def _changed(value: Any, change: Callable[[Block], Block]) -> Any:
    if isinstance(value, Block):
        return change(value)
    return tuple([_changed(v, change) for v in value]) if type(value) is tuple else value


def read_block(written: Any) -> Block:
    """A block from a mapping with an `op`, as YAML gives it; the blocks inside it too.

    Raises:
        GenotypeError: it is not such a mapping, or not a possible block.
    """
    if not isinstance(written, Mapping) or "op" not in written:
        raise GenotypeError(f"a block is a mapping with an op, such as {{op: conv, width: 64}}; got {short(written)}")
    return Block(written["op"], {k: v for k, v in written.items() if k not in ("op", "repeat")}, written.get("repeat", 1))


def plain(value: Any) -> Any:
    """A field's value as YAML holds it: lists for tuples, mappings for blocks."""
    if isinstance(value, Block):
        return value.written()
    return [plain(v) for v in value] if isinstance(value, tuple) else value
