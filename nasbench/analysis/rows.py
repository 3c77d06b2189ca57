"""What changed from one network to the next, row by row."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nasbench.genotype import Block, Genotype
from nasbench.genotype.block import plain


class RowChange(NamedTuple):
    """A line that differs.

    Attributes:
        sign: `-` only the first network has it, `+` only the second, `~` both have the row with other values.
        place: style, input, stem, stage 1, ..., head.
        text: the row in words, `residual  width 64, shortcut none -> A, repeat 3`; the paths of `branches` are lines of their own.
    """

    sign: str
    place: str
    text: str


@dataclass(frozen=True)
class RowDiff:
    """The lines that differ between two genotypes, in their order; as text, one a line.

    Attributes:
        before, after: names of the two.
        changes: lines of either.
        same: how many lines both have.
    """

    before: str
    after: str
    changes: tuple[RowChange, ...]
    same: int

    def __str__(self) -> str:
        return self.text()

    def text(self, most: int | None = None) -> str:
        """The changes, or the first `most` of them."""
        lines = [f"{self.before} -> {self.after}: {self.same} lines stay"]
        place = ""
        for change in self.changes[:most]:
            lines.append(f"{change.sign} {'' if change.place == place else change.place:<8} {change.text}")
            place = change.place
        left = len(self.changes) - len(self.changes[:most])
        return "\n".join([*lines, *([f"  ... and {left} more"] if left else [])])


def row_diff(before: Genotype, after: Genotype) -> RowDiff:
    """The lines that `after` has otherwise than `before`, style and input among them; of equal networks there are none.

    print(row_diff(known("plain34"), known("resnet34_a"))) shows `~ stage 1  residual  width 64, shortcut none -> A, repeat 3`.
    """
    a, b = list(_lines(before)), list(_lines(after))
    # Places are left out of the comparison: a stage that slid by one is not a change of its rows.
    matcher = difflib.SequenceMatcher(None, [x.text for x in a], [x.text for x in b], autojunk=False)
    changes: list[RowChange] = []
    same = 0
    for tag, i, j, k, m in matcher.get_opcodes():
        old, new = a[i:j], b[k:m]
        if tag == "equal":
            same += j - i
            continue
        paired = min(len(old), len(new))
        if not all(x.head and x.head == y.head for x, y in zip(old, new, strict=False)):
            paired = 0
        changes += [RowChange("~", y.place, _changed(x, y)) for x, y in zip(old[:paired], new[:paired], strict=True)]
        changes += [RowChange("-", x.place, x.text) for x in old[paired:]] + [RowChange("+", y.place, y.text) for y in new[paired:]]
    return RowDiff(before.name, after.name, tuple(changes), same)


@dataclass(frozen=True)
class _Line:
    """Words of a line: what it begins with (none for a path), its values by name, and those that it leaves at their default."""

    place: str
    head: str
    values: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    path: str = ""

    @property
    def text(self) -> str:
        return self.path or _joined(self.head, [f"{name} {value}" for name, value in self.values.items()])


def _joined(head: str, values: list[str]) -> str:
    return f"{head}  {', '.join(map(str.strip, values))}".rstrip()


def _changed(x: _Line, y: _Line) -> str:
    """The second line, with the values that were others before."""
    said = []
    for name in [*y.values, *(n for n in x.values if n not in y.values)]:
        old, new = (line.values.get(name) or line.left[name] for line in (x, y))
        said.append(f"{name} {new}" if old == new else f"{name} {old} -> {new}")
    return _joined(y.head, said)


def _lines(g: Genotype) -> Iterator[_Line]:
    for name, value in g.style.written().items():
        yield _Line("style", name, {"": str(value)})
    yield _Line("input", "image", {"": "x".join(map(str, g.input))})
    for place, rows in (("stem", g.stem), *((f"stage {i + 1}", stage) for i, stage in enumerate(g.stages)), ("head", g.head)):
        for row in rows:
            yield from _row_lines(place, row)


def _row_lines(place: str, row: Block) -> Iterator[_Line]:
    """One line, and one more for each path; branches inside a path stay in its line."""
    written = row.written()
    paths = written.pop("paths", ())
    op = written.pop("op")
    left = {name: _value(name, plain(value)) for name, value in row.fields.items() if name not in written and name != "paths"}
    yield _Line(place, op, {name: _value(name, value) for name, value in written.items()}, {**left, "repeat": "1"})
    for path in paths:
        yield _Line(place, "", path="  | " + (" > ".join(map(_inside, path)) or "as it is"))


def _inside(step: Mapping[str, Any]) -> str:
    """A row inside a path, short: `conv 64 kernel 3`."""
    fields = [
        _value(name, value) if name == "width" else f"{name} {_value(name, value)}"
        for name, value in step.items()
        if name not in ("op", "paths")
    ]
    paths = [" > ".join(map(_inside, path)) or "as it is" for path in step.get("paths", ())]
    return " ".join([step["op"], *fields, *([f"({' | '.join(paths)})"] if paths else [])])


def _value(name: str, value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if name == "nodes":
        return "; ".join(f"{a} {i} + {b} {j}" for a, i, b, j in value)
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return " > ".join(map(_inside, value))
    if isinstance(value, list):
        return ("x" if name in ("kernel", "padding") else " ").join(map(str, value))
    return str(value)
