"""The difference of two genotypes, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nasbench.analysis.networks import part_names
from nasbench.genotype import Block, Genotype, Network, as_genotype
from nasbench.genotype.block import plain


class RowChange(NamedTuple):
    """A line that differs.

    Attributes:
        sign: `-` for a line of the first network only, `+` for a line of the second only, `~` for a block whose fields changed.
        place: `style`, `input`, `stem`, `stage 1`, ..., `head`.
        text: The block in words, `residual  width 64, shortcut none -> A, repeat 3`. Each path of `branches` is a line of its own.
    """

    sign: str
    place: str
    text: str


@dataclass(frozen=True)
class RowDiff:
    """The lines that differ between two genotypes, in their order. `str(diff)` is the whole difference as text.

    Attributes:
        before, after: The names of the two networks.
        changes: The lines that differ.
        same: The number of lines that both networks have.
    """

    before: str
    after: str
    changes: tuple[RowChange, ...]
    same: int

    def __str__(self) -> str:
        return self.text()

    def text(self, most: int | None = None) -> str:
        """The difference as text, with all changes or only the first `most` of them."""
        lines = [f"{self.before} -> {self.after}: {self.same} lines stay"]
        place = ""
        for change in self.changes[:most]:
            lines.append(f"{change.sign} {'' if change.place == place else change.place:<8} {change.text}")
            place = change.place
        left = len(self.changes) - len(self.changes[:most])
        return "\n".join([*lines, *([f"  ... and {left} more"] if left else [])])


def row_diff(before: Network, after: Network) -> RowDiff:
    """The difference of two genotypes, block by block; the style and the input belong to it. Equal networks have no changes.

    >>> from nasbench import known
    >>> print(row_diff(known("plain18"), known("resnet18_a")))
    plain18 -> resnet18_a: 5 lines stay
    ~ stage 1  residual  width 64, shortcut none -> A, repeat 2
    ~ stage 2  residual  width 128, stride 2, shortcut none -> A, repeat 2
    ~ stage 3  residual  width 256, stride 2, shortcut none -> A, repeat 2
    ~ stage 4  residual  width 512, stride 2, shortcut none -> A, repeat 2
    """
    before, after = as_genotype(before), as_genotype(after)
    a, b = list(_lines(before)), list(_lines(after))
    # Places are not compared: a stage that moved by one place is not a change of its blocks.
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
    """A line: its first word (empty for a path), the values of its fields, and the values of fields left at their default."""

    place: str
    head: str
    values: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    path: str = ""

    @property
    def text(self) -> str:
        return self.path or _joined(self.head, [f"{name} {value}" for name, value in self.values.items()])


def _joined(head: str, values: list[str]) -> str:
    return f"{head}  {', '.join(map(str.strip, values))}".rstrip()


def _changed(x: _Line, y: _Line) -> str:
    """The second line in words; a value that changed is written as `old -> new`."""
    words = []
    for name in [*y.values, *(n for n in x.values if n not in y.values)]:
        old, new = (line.values.get(name) or line.defaults[name] for line in (x, y))
        words.append(f"{name} {new}" if old == new else f"{name} {old} -> {new}")
    return _joined(y.head, words)


def _lines(g: Genotype) -> Iterator[_Line]:
    for name, value in g.style.written().items():
        yield _Line("style", name, {"": str(value)})
    yield _Line("input", "image", {"": "x".join(map(str, g.input))})
    for place, blocks in zip(part_names([g]), (g.stem, *g.stages, g.head), strict=True):
        for block in blocks:
            yield from _block_lines(place, block)


def _block_lines(place: str, block: Block) -> Iterator[_Line]:
    """One line, and one more for each path. Branches inside a path stay in the line of that path."""
    written = block.written()
    paths = written.pop("paths", ())
    op = written.pop("op")
    defaults = {name: _value(name, plain(value)) for name, value in block.fields.items() if name not in written and name != "paths"}
    yield _Line(place, op, {name: _value(name, value) for name, value in written.items()}, {**defaults, "repeat": "1"})
    for path in paths:
        yield _Line(place, "", path="  | " + (" > ".join(map(_inside, path)) or "as it is"))


def _inside(step: Mapping[str, Any]) -> str:
    """A block inside a path, in short words: `conv 64 kernel 3`."""
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
