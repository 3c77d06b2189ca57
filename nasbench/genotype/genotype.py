"""Genotype: a network as rows of blocks. Frozen data, validated when made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.fields import MAX_REPEAT, Act, Order
from nasbench.genotype.layer import Fields

if TYPE_CHECKING:
    from nasbench.genotype.block_type import BlockType

MAX_INPUT = 16_384
MAX_BLOCKS = 20_000

Norm = Literal["batch", "none"]
Init = Literal["he_fan_out", "he_fan_in", "torch"]


@dataclass(frozen=True)
class Block:
    """A row: a word of the vocabulary, its fields, and how often it stands in sequence.

    `Block("fire", {"squeeze": 16, "expand": 64})` is what `fire(squeeze=16, expand=64)` makes.

    Raises:
        GenotypeError: an unknown word or field, or an impossible value.
    """

    op: str
    fields: Fields
    repeat: int = 1

    def __init__(self, op: str, fields: Mapping[str, Any] | None = None, repeat: int = 1) -> None:
        word = find_word(op)
        if isinstance(repeat, bool) or not isinstance(repeat, int) or not 1 <= repeat <= MAX_REPEAT:
            raise GenotypeError(f"{op}: repeat is a whole number from 1 to {MAX_REPEAT}; got {short(repeat)}; write fewer")
        object.__setattr__(self, "op", word.name)
        object.__setattr__(self, "fields", Fields(word.check(fields or {})))
        object.__setattr__(self, "repeat", repeat)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.op, tuple(self.fields.items()), self.repeat))

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # a hash of text differs in another process

    @cached_property
    def inside(self) -> tuple[Block, ...]:
        """Rows that stand in its fields, such as those of its paths."""
        return tuple([row for value in self.fields.values() if type(value) is tuple for row in _rows_in(value)])

    def change_inside(self, change: Callable[[Block], Block]) -> Block:
        """The same block with every row in its fields changed."""
        return self.but(**{k: _changed(v, change) for k, v in self.fields.items() if type(v) is tuple}) if self.inside else self

    @cached_property
    def size(self) -> int:
        """Blocks that it stands for, with those inside it."""
        return self.repeat * (1 + sum([row.size for row in self.inside]))

    def but(self, repeat: int | None = None, **changes: Any) -> Block:
        """The same block with some fields changed."""
        return Block(self.op, {**self.fields, **changes}, self.repeat if repeat is None else repeat)

    @cached_property
    def unrolled(self) -> tuple[Block, ...]:
        """The run written out: only the first of a run keeps its stride."""
        if self.repeat == 1:
            return (self,)
        first = self.but(repeat=1)
        rest = first.but(stride=1) if self.fields.get("stride", 1) != 1 else first
        return (first,) + (rest,) * (self.repeat - 1)

    def written(self) -> dict[str, Any]:
        """The row as one writes it: without the fields that stand at their default."""
        word = find_word(self.op)
        row: dict[str, Any] = {"op": self.op}
        row |= {k: plain(v) for k, v in self.fields.items() if k in word.required or v != word.defaults[k]}
        return row | ({"repeat": self.repeat} if self.repeat != 1 else {})


@dataclass(frozen=True)
class Style:
    """Numeric conventions, one per network.

    Attributes:
        norm: `batch`, or `none`: then convolutions have a bias.
        eps, momentum: of batch normalisation, in torch's sense (momentum is the weight of the new batch).
        order: of convolution, norm and activation, where a row does not say its own.
        act: activation where a row does not say its own.
        se_act, se_gate: inside squeeze-and-excitation.
        divisor: relative widths are rounded to multiples of it, losing at most a tenth; 1 rounds down.
        drop_path: with what probability the last residual block is dropped in training; the l-th of L blocks has l/L of it
            (Huang et al. 2016, "Stochastic Depth", eq. 4), unless its row says its own.
        init: `he_fan_out` or `he_fan_in` (He et al. 2015, per group), or `torch`'s own.
    """

    norm: Norm = "batch"
    eps: float = 1e-5
    momentum: float = 0.1
    order: Order = "conv-norm-act"
    act: Act = "relu"
    se_act: Act = "relu"
    se_gate: Act = "sigmoid"
    divisor: int = 1
    drop_path: float = 0.0
    init: Init = "he_fan_out"

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Style).items():
            value, options = getattr(self, name), get_args(kind)
            if options and value not in options:
                raise GenotypeError(f"style.{name} is one of {', '.join(options)}; got {short(value)}{nearest(value, options)}")
        for name, low, high in (("eps", 0.0, 1.0), ("momentum", 0.0, 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, float | int) or not low < value <= high:
                raise GenotypeError(f"style.{name} is a number above {low:g}, at most {high:g}; got {short(value)}")
            object.__setattr__(self, name, float(value))  # 1 and 1.0 are equal, so they must be one in the digest too
        if isinstance(self.drop_path, bool) or not isinstance(self.drop_path, float | int) or not 0 <= self.drop_path < 1:
            raise GenotypeError(f"style.drop_path is a number from 0, below 1; got {short(self.drop_path)}")
        object.__setattr__(self, "drop_path", float(self.drop_path))
        if isinstance(self.divisor, bool) or not isinstance(self.divisor, int) or not 1 <= self.divisor <= 256:
            raise GenotypeError(f"style.divisor is a whole number from 1 to 256; got {short(self.divisor)}")

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, f.name) for f in fields(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # a hash of text differs in another process

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Style:
        """From a mapping; an unknown name is refused."""
        names = [f.name for f in fields(cls)]
        for key in written:
            if key not in names:
                raise GenotypeError(f"style has no field {short(key)}; it reads {', '.join(names)}{nearest(key, names)}")
        return cls(**written)

    def written(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


@dataclass(frozen=True)
class Genotype:
    """A network: input shape, rows of a stem, of stages and of a head, and a style.

    Raises:
        GenotypeError: an input that is no (channels, height, width), or rows that are no blocks.
    """

    name: str
    input: tuple[int, int, int] = (3, 224, 224)
    stem: tuple[Block, ...] = ()
    stages: tuple[tuple[Block, ...], ...] = ()
    head: tuple[Block, ...] = ()
    style: Style = Style()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not 0 < len(self.name) <= 100 or not self.name.isprintable():
            raise GenotypeError(f"a network's name is a text of 1 to 100 printable characters; got {short(self.name)}")
        shape = tuple(self.input) if isinstance(self.input, tuple | list) else self.input
        if not isinstance(shape, tuple) or len(shape) != 3 or not all(type(n) is int and 1 <= n <= MAX_INPUT for n in shape):
            raise GenotypeError(f"input is [channels, height, width], whole numbers from 1 to {MAX_INPUT}; got {short(self.input)}")
        object.__setattr__(self, "input", shape)
        object.__setattr__(self, "stem", _rows(self.stem, "stem"))
        object.__setattr__(self, "stages", tuple(_rows(s, f"stage {i + 1}") for i, s in enumerate(self.stages)))
        object.__setattr__(self, "head", _rows(self.head, "head"))
        blocks = sum([row.size for row in self.rows])
        if blocks > MAX_BLOCKS:
            raise GenotypeError(f"{self.name}: a network has at most {MAX_BLOCKS:,} blocks; its rows repeat to {blocks:,}; write fewer")

    @property
    def rows(self) -> tuple[Block, ...]:
        """Stem, stages and head in sequence."""
        return self.stem + tuple(block for stage in self.stages for block in stage) + self.head

    @classmethod
    def from_yaml(cls, text_or_path: str | Path) -> Genotype:
        """Read a genotype from YAML text or a file; see `genotype.yaml`."""
        from nasbench.genotype.yaml import read_genotype

        return read_genotype(text_or_path)

    def to_yaml(self) -> str:
        """Text that `from_yaml` reads back to an equal genotype."""
        from nasbench.genotype.yaml import write_genotype

        return write_genotype(self)


def _rows(rows: Iterable[Block], where: str) -> tuple[Block, ...]:
    found = tuple(rows)
    for i, row in enumerate(found):
        if not isinstance(row, Block):
            raise GenotypeError(f"{where}, row {i + 1}: a row is a block such as conv(64); got {short(row)}")
    return found


def _rows_in(value: tuple[Any, ...]) -> Iterator[Block]:
    for one in value:
        if isinstance(one, Block):
            yield one
        elif type(one) is tuple:
            yield from _rows_in(one)


def _changed(value: Any, change: Callable[[Block], Block]) -> Any:
    if isinstance(value, Block):
        return change(value)
    return tuple([_changed(v, change) for v in value]) if type(value) is tuple else value


def classifier(rows: Sequence[Block]) -> int:
    """Which of the rows makes the classes: the last `linear` or, in fully convolutional networks, `conv`; -1 where there is none."""
    return max((i for i, row in enumerate(rows) if row.op in ("linear", "conv")), default=-1)


def read_row(row: Any) -> Block:
    """A block from a mapping with an `op`, as YAML gives it; the rows inside it too."""
    if not isinstance(row, Mapping) or "op" not in row:
        raise GenotypeError(f"a row is a mapping with an op, such as {{op: conv, width: 64}}; got {short(row)}")
    return Block(row["op"], {k: v for k, v in row.items() if k not in ("op", "repeat")}, row.get("repeat", 1))


def plain(value: Any) -> Any:
    """A field's value as YAML holds it."""
    if isinstance(value, Block):
        return value.written()
    return [plain(v) for v in value] if isinstance(value, tuple) else value


def find_word(op: str) -> BlockType:
    """The word called `op`.

    Raises:
        GenotypeError: there is none; names the nearest.
    """
    from nasbench.genotype.block_type import BLOCK_TYPES

    if not isinstance(op, str) or op not in BLOCK_TYPES:
        raise GenotypeError(
            f"there is no block {short(op)}; the vocabulary is {', '.join(BLOCK_TYPES)}; "
            f"a block of your own is there with --plugin FILE.py{nearest(op, BLOCK_TYPES)}"
        )
    return BLOCK_TYPES[op]
