"""An open row: one word of the vocabulary with choices at its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nasbench.errors import GenotypeError, SpaceError, short
from nasbench.genotype import Block
from nasbench.genotype.block import BlockType, find_block_type
from nasbench.spaces.fields import Mismatch, OpenField, ReadRows, Scalar, read_field
from nasbench.spaces.options import Choose, Options, ParameterValues, ask, first, read_options, same, show


@dataclass
class Trail:
    """How far matching came, and why it went no further: what an error names."""

    position: int = -1
    reason: str = ""

    def fail(self, position: int, reason: str) -> None:
        if position > self.position:
            self.position, self.reason = position, reason


@dataclass(frozen=True)
class OpenRow:
    """A row of one word with open fields.

    Attributes:
        repeat: how many layers.
        vary: fields that are asked for each layer of the run.
        tie: fields whose answer goes by a name, and is the same wherever that name stands.
    """

    op: str
    fields: dict[str, OpenField]
    repeat: Options = (1,)
    vary: tuple[str, ...] = ()
    tie: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, row: Mapping[str, Any], defaults: Mapping[str, Any], where: str, read_rows: ReadRows) -> OpenRow:
        """From a mapping with an op; `read_rows` reads rows that stand in a field.

        Raises:
            SpaceError: what is wrong with it, and where.
        """
        op = row.get("op")
        if not isinstance(op, str):
            raise SpaceError(f"{where}: a row has an op, such as {{op: conv, width: [16, 32]}}; got {short(dict(row))}")
        try:
            word = find_block_type(op)
        except GenotypeError as error:
            raise SpaceError(f"{where}: {error}") from None
        written = {**defaults.get(op, {}), **row}
        vary, tie = written.pop("vary", []), written.pop("tie", {})
        open_to = [name for name in written if name not in ("op", "repeat", "stride")]
        if not isinstance(vary, list) or not all(v in open_to for v in vary):
            raise SpaceError(f"{where}: vary lists fields of its row, but not op, repeat or stride; got {short(vary)}")
        if not isinstance(tie, Mapping) or not all(f in open_to and f not in vary and is_name(n) for f, n in tie.items()):
            raise SpaceError(f"{where}: tie maps fields of its row that do not vary to names, such as {{nodes: normal}}; got {short(tie)}")
        repeat = read_options(written.pop("repeat", 1), f"{where}, repeat")
        if not all(type(n) is int and 0 <= n <= 1000 for n in (repeat[0], repeat[-1], *(() if isinstance(repeat, range) else repeat))):
            raise SpaceError(f"{where}: repeat is a whole number from 0 to 1000; got {show(repeat)}")
        del written["op"]
        names = [n for n in word.names if n in written] + [n for n in written if n not in word.names]
        fields = {
            n: read_field(written[n], word.lists.get(n, 0), read_rows if n in word.block_fields else None, defaults, f"{where}, {n}")
            for n in names
        }
        found = cls(op, fields, repeat, tuple(vary), tuple(tie.items()))
        found.check(where)
        return found

    def check(self, where: str) -> None:
        """Try each option once, so that a bad one is found when the space is read and not in a search."""
        start = {name: part.decode(first, "") for name, part in self.fields.items()}
        try:
            Block(self.op, start)
            for name, part in self.fields.items():
                for value in part.tries():
                    Block(self.op, {**start, name: value})
        except GenotypeError as error:
            raise SpaceError(f"{where}: {error}") from None

    def place(self, name: str, label: str, layer: int) -> str:
        """Under which label a field is asked."""
        tied = dict(self.tie).get(name)
        return tied or (f"{label}.{name}.{layer}" if name in self.vary else f"{label}.{name}")

    def decode(self, choose: Choose, label: str) -> tuple[Block, ...]:
        depth = ask(choose, f"{label}.repeat", self.repeat)
        if depth == 0:
            return ()
        once = {n: part.decode(choose, self.place(n, label, 0)) for n, part in self.fields.items() if n not in self.vary}
        if not self.vary:
            return (_made(self.op, tuple(once.items()), depth),)
        rows = []
        for j in range(depth):
            each = {n: self.fields[n].decode(choose, self.place(n, label, j)) for n in self.vary}
            rows.append(_made(self.op, tuple({**once, **({"stride": 1} if j and "stride" in once else {}), **each}.items())))
        return compact(rows)

    def match(self, blocks: Sequence[Block], start: int, label: str, trail: Trail) -> Iterator[tuple[int, ParameterValues]]:
        """Every way to read blocks from `start` on: where it ends, and the answers."""
        most = max(self.repeat)
        ends: dict[int, ParameterValues] = {0: {}}
        for depth, decisions in enumerate(self._read(blocks[start : start + most], start, label, trail), 1):
            ends[depth] = decisions
        for depth in self.repeat:
            if depth in ends:
                yield start + depth, {**({f"{label}.repeat": depth} if len(self.repeat) > 1 else {}), **ends[depth]}
            elif len(ends) > len(blocks) - start:  # all that is left was read
                trail.fail(len(blocks), f"{label} needs {depth} layers of {self.op} and there are {len(blocks) - start} left")

    def _read(self, run: Sequence[Block], start: int, label: str, trail: Trail) -> Iterator[ParameterValues]:
        """The answers that give the first layer, the first two, ... for as long as there are any."""
        defaults = self._complete
        decisions: ParameterValues = {}
        for j, block in enumerate(run):
            number = start + j + 1
            if block.op != self.op:
                trail.fail(start + j, f"{label} is a {self.op} and layer {number} a {block.op}")
                return
            decisions = dict(decisions)
            for name, value in block.fields.items():
                inner = name == "stride" and j > 0  # only the first of a run keeps its stride
                part = _ONE if inner else self.fields.get(name) or Scalar((defaults[name],))
                place = self.place(name, label, j)
                try:
                    found = part.match(value, place)
                except Mismatch as why:
                    trail.fail(start + j, f"{place}: {name} of layer {number} {why}")
                    return
                for where, answer in found.items():
                    if not same(decisions.setdefault(where, answer), answer):
                        trail.fail(start + j, f"{where}: {name} is {decisions[where]!r} before layer {number} and {answer!r} there")
                        return
            yield decisions

    @property
    def _complete(self) -> Mapping[str, Any]:
        return _made(self.op, tuple((n, part.decode(first, "")) for n, part in self.fields.items())).fields

    def count(self) -> int:
        """Ways to answer, tied fields left aside: those count once for the whole space."""
        once = each = 1
        for name, part in self.fields.items():
            if name in self.vary:
                each *= part.count()
            elif name not in dict(self.tie):
                once *= part.count()
        return sum(once * each**depth if depth else 1 for depth in self.repeat)

    def ties(self) -> Iterator[tuple[str, OpenField, bool]]:
        """Names of tied fields, what is open there, and whether the row may be absent."""
        for name, tied in self.tie:
            yield tied, self.fields[name], 0 in self.repeat

    def describe(self) -> str:
        """The row in one line: fixed fields as they are, choices in brackets."""
        tied = dict(self.tie)
        said = [
            f"{n} as {tied[n]}" if n in tied else f"{n}{' (each layer)' if n in self.vary and part.count() > 1 else ''} {part.describe()}"
            for n, part in self.fields.items()
        ]
        if len(self.repeat) > 1 or self.repeat[0] != 1:
            said.append(f"repeat [{show(self.repeat)}]" if len(self.repeat) > 1 else f"repeat {self.repeat[0]}")
        return f"{self.op}: {', '.join(said)}" if said else self.op


_ONE = Scalar((1,))


def _made(op: str, fields: tuple[tuple[str, Any], ...], repeat: int = 1) -> Block:
    """A block, from memory where it was made before: its check takes longer than all the rest of a sample."""
    return _remembered(find_block_type(op), fields, repeat)


@lru_cache(maxsize=16_384)
def _remembered(word: BlockType, fields: tuple[tuple[str, Any], ...], repeat: int) -> Block:
    return Block(word.name, dict(fields), repeat)  # kept by word, not by name: a word that is defined again makes other blocks


def is_name(value: Any) -> bool:
    """Whether a text may name a choice: in a label, a table, a file."""
    return isinstance(value, str) and 0 < len(value) <= 40 and value.replace("_", "").replace("-", "").isalnum()


def compact(rows: Sequence[Block]) -> tuple[Block, ...]:
    """Equal neighbours as one row with `repeat`, so that a decoded stage reads like a table of a paper."""
    found: list[Block] = []
    i = 0
    while i < len(rows):
        first_row = rows[i]
        rest = first_row.but(stride=1) if first_row.fields.get("stride", 1) != 1 else first_row
        j = i + 1
        while j < len(rows) and rows[j] == rest:
            j += 1
        found.append(first_row.but(repeat=j - i) if j - i > 1 else first_row)
        i = j
    return tuple(found)
