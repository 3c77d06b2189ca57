"""Open fields and rows: the parts of a space that ask.

Each part can be decoded (ask `choose` what to build), matched (say which answers give these blocks) and counted; the
three are read off one structure, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from nasbench.errors import GenotypeError, SpaceError, short
from nasbench.genotype import Block
from nasbench.genotype.genotype import find_word
from nasbench.genotype.words import Word, frozen

Options = Sequence[Any]
Choose = Callable[[str, Options], Any]
Decisions = dict[str, Any]

MAX_OPTIONS = 1_000_000


def ask(choose: Choose, label: str, options: Options) -> Any:
    """One decision; a field with a single option is not asked.

    Raises:
        SpaceError: the chooser answered with something that is no option.
    """
    if len(options) == 1:
        return options[0]
    answer = choose(label, options)
    for option in options:
        if option is answer or same(answer, option):
            return option
    raise SpaceError(f"{label} is one of {show(options)}; got {short(answer)}")


def same(a: Any, b: Any) -> bool:
    """Equality that tells True from 1 and 0 from False."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def show(options: Options) -> str:
    """Options as a person writes them."""
    if isinstance(options, range):
        return f"{options[0]} to {options[-1]} in steps of {options.step}"
    return ", ".join("null" if o is None else str(o) for o in options)


def read_options(value: Any, where: str) -> Options:
    """A scalar is fixed, a list is a choice, `{range: [low, high, step]}` whole numbers with both ends.

    Raises:
        SpaceError: an empty or doubled choice, options that are no scalars, an impossible range.
    """
    if isinstance(value, Mapping):
        bounds = value.get("range")
        if set(value) != {"range"} or not isinstance(bounds, list) or not 2 <= len(bounds) <= 3 or not all(type(n) is int for n in bounds):
            raise SpaceError(f"{where}: a mapping at a field is {{range: [low, high, step]}} of whole numbers; got {dict(value)!r}")
        low, high, step = (*bounds, 1)[:3]
        if step < 1 or high < low or (high - low) // step > MAX_OPTIONS:
            raise SpaceError(f"{where}: a range needs low <= high, a step of at least 1 and at most {MAX_OPTIONS:,} values; got {bounds}")
        return range(low, high + 1, step)
    options = value if isinstance(value, list) else [value]
    if not options:
        raise SpaceError(f"{where}: a choice needs at least one option; got an empty list")
    seen: set[tuple[bool, Any]] = set()
    for option in options:
        if not (option is None or isinstance(option, bool | int | float | str)):
            raise SpaceError(f"{where}: an option is a number, a text, true, false or null; got {short(option)}")
        key = (isinstance(option, bool), option)
        if key in seen:
            raise SpaceError(f"{where}: the option {short(option)} stands twice; write it once")
        seen.add(key)
    return options


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
    """A row of one word with options at its fields; a field that `vary` names is asked for each layer of the run."""

    op: str
    fields: dict[str, Options]
    repeat: Options = (1,)
    vary: tuple[str, ...] = ()

    @classmethod
    def read(cls, row: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> OpenRow:
        op = row.get("op")
        if not isinstance(op, str):
            raise SpaceError(f"{where}: a row has an op, such as {{op: conv, width: [16, 32]}}; got {dict(row)!r}")
        try:
            word = find_word(op)
        except GenotypeError as error:
            raise SpaceError(f"{where}: {error}") from None
        written = {**defaults.get(op, {}), **row}
        vary = written.pop("vary", [])
        open_to = [name for name in written if name not in ("op", "repeat", "stride")]
        if not isinstance(vary, list) or not all(v in open_to for v in vary):
            raise SpaceError(f"{where}: vary lists fields of its row, but not op, repeat or stride; got {short(vary)}")
        repeat = read_options(written.pop("repeat", 1), f"{where}, repeat")
        if not all(type(n) is int and 0 <= n <= 1000 for n in (repeat[0], repeat[-1], *(() if isinstance(repeat, range) else repeat))):
            raise SpaceError(f"{where}: repeat is a whole number from 0 to 1000; got {show(repeat)}")
        del written["op"]
        names = [n for n in word.names if n in written] + [n for n in written if n not in word.names]
        fields = {n: read_options(written[n], f"{where}, {n}") for n in names}
        found = cls(op, fields, repeat, tuple(vary))
        found.check(where)
        return found

    def check(self, where: str) -> None:
        """Try each option once, so that a bad one is found when the space is read and not in a search."""
        first = {name: options[0] for name, options in self.fields.items()}
        tries = [
            (n, o) for n, options in self.fields.items() for o in ((options[0], options[-1]) if isinstance(options, range) else options)
        ]
        try:
            Block(self.op, first)
            for name, option in tries:
                Block(self.op, {**first, name: option})
        except GenotypeError as error:
            raise SpaceError(f"{where}: {error}") from None

    def decode(self, choose: Choose, label: str) -> tuple[Block, ...]:
        depth = ask(choose, f"{label}.repeat", self.repeat)
        if depth == 0:
            return ()
        once = {n: ask(choose, f"{label}.{n}", options) for n, options in self.fields.items() if n not in self.vary}
        if not self.vary:
            return (_made(self.op, tuple(once.items()), depth),)
        rows = []
        for j in range(depth):
            each = {n: ask(choose, f"{label}.{n}.{j}", self.fields[n]) for n in self.vary}
            rows.append(_made(self.op, tuple({**once, **({"stride": 1} if j and "stride" in once else {}), **each}.items())))
        return compact(rows)

    def match(self, blocks: Sequence[Block], start: int, label: str, trail: Trail) -> Iterator[tuple[int, Decisions]]:
        """Every way to read blocks from `start` on: where it ends, and the answers."""
        for depth in self.repeat:
            run = blocks[start : start + depth]
            if len(run) < depth:
                trail.fail(len(blocks), f"{label} needs {depth} layers of {self.op} and there are {len(run)} left")
                continue
            decisions = {f"{label}.repeat": depth} if len(self.repeat) > 1 else {}
            if depth == 0 or self._read(run, start, label, decisions, trail):
                yield start + depth, decisions

    def _read(self, run: Sequence[Block], start: int, label: str, decisions: Decisions, trail: Trail) -> bool:
        complete = _made(self.op, tuple((n, o[0]) for n, o in self.fields.items())).fields
        for j, block in enumerate(run):
            if block.op != self.op:
                trail.fail(start + j, f"{label} is a {self.op} and layer {start + j + 1} a {block.op}")
                return False
            for name, value in block.fields.items():
                inner = name == "stride" and j > 0  # only the first of a run keeps its stride
                options: Options = (1,) if inner else self.fields.get(name, (complete[name],))
                place = f"{label}.{name}.{j}" if name in self.vary else f"{label}.{name}"
                found = next((o for o in options if same(frozen(o), value)), _MISSING)
                if found is _MISSING:
                    trail.fail(start + j, f"{place}: {name} of layer {start + j + 1} is {value!r}, the options are {show(options)}")
                    return False
                if inner or len(options) == 1:
                    continue
                if not same(decisions.setdefault(place, found), found):
                    trail.fail(start + j, f"{place}: {name} is {decisions[place]!r} before layer {start + j + 1} and {value!r} there")
                    return False
        return True

    def count(self) -> int:
        once = each = 1
        for name, options in self.fields.items():
            if name in self.vary:
                each *= len(options)
            else:
                once *= len(options)
        return sum(once * each**depth if depth else 1 for depth in self.repeat)

    def describe(self) -> str:
        """The row in one line: fixed fields as they are, choices in brackets."""
        parts = [f"[{show(o)}]" if len(o) > 1 else show(o) for o in self.fields.values()]
        said = [
            f"{n}{' (each layer)' if n in self.vary and len(o) > 1 else ''} {p}"
            for (n, o), p in zip(self.fields.items(), parts, strict=True)
        ]
        if len(self.repeat) > 1 or self.repeat[0] != 1:
            said.append(f"repeat [{show(self.repeat)}]" if len(self.repeat) > 1 else f"repeat {self.repeat[0]}")
        return f"{self.op}: {', '.join(said)}" if said else self.op


@dataclass(frozen=True)
class AnyOf:
    """A choice of the block itself."""

    rows: dict[str, OpenRow] = field(default_factory=dict)

    @classmethod
    def read(cls, rows: Any, defaults: Mapping[str, Any], where: str) -> AnyOf:
        if not isinstance(rows, list) or len(rows) < 2:
            raise SpaceError(f"{where}: any_of lists at least two rows; got {rows!r}")
        found: dict[str, OpenRow] = {}
        for i, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise SpaceError(f"{where}, any_of {i + 1}: a row is a mapping with an op; got {row!r}")
            one = OpenRow.read(row, defaults, f"{where}, any_of {i + 1}")
            name = one.op if one.op not in found else f"{one.op}{1 + sum(o.op == one.op for o in found.values())}"
            found[name] = one
        return cls(found)

    def decode(self, choose: Choose, label: str) -> tuple[Block, ...]:
        name = ask(choose, f"{label}.any_of", list(self.rows))
        return self.rows[name].decode(choose, f"{label}.{name}")

    def match(self, blocks: Sequence[Block], start: int, label: str, trail: Trail) -> Iterator[tuple[int, Decisions]]:
        for name, row in self.rows.items():
            for end, decisions in row.match(blocks, start, f"{label}.{name}", trail):
                yield end, {f"{label}.any_of": name, **decisions}

    def count(self) -> int:
        return sum(row.count() for row in self.rows.values())

    def describe(self) -> str:
        return "any of " + " | ".join(row.describe() for row in self.rows.values())


Part = OpenRow | AnyOf


def _made(op: str, fields: tuple[tuple[str, Any], ...], repeat: int = 1) -> Block:
    """A block, from memory where it was made before: its check takes longer than all the rest of a sample."""
    return _remembered(find_word(op), fields, repeat)


@lru_cache(maxsize=16_384)
def _remembered(word: Word, fields: tuple[tuple[str, Any], ...], repeat: int) -> Block:
    return Block(word.name, dict(fields), repeat)  # kept by word, not by name: a word that is defined again makes other blocks


_MISSING = object()


def read_part(row: Any, defaults: Mapping[str, Any], where: str) -> Part:
    """A row or an `any_of`."""
    if not isinstance(row, Mapping):
        raise SpaceError(f"{where}: a row is a mapping with an op or any_of; got {row!r}")
    if "any_of" in row:
        if len(row) > 1:
            raise SpaceError(f"{where}: any_of stands alone in its row; got {', '.join(map(str, row))}")
        return AnyOf.read(row["any_of"], defaults, where)
    return OpenRow.read(row, defaults, where)


def compact(rows: Sequence[Block]) -> tuple[Block, ...]:
    """Equal neighbours as one row with `repeat`, so that a decoded stage reads like a table of a paper."""
    found: list[Block] = []
    i = 0
    while i < len(rows):
        first = rows[i]
        rest = first.but(stride=1) if first.fields.get("stride", 1) != 1 else first
        j = i + 1
        while j < len(rows) and rows[j] == rest:
            j += 1
        found.append(first.but(repeat=j - i) if j - i > 1 else first)
        i = j
    return tuple(found)
