"""The steps of a `forward` as lines: short chains are nested, and a name is used again once its value is no longer read."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from torch import fx

from nasbench.network.source.classes import Instance, Unit
from nasbench.network.source.layout import INDENT, WIDTH

_DEEPEST = 3  # calls within one another
_OTHERS = ("y", "z")  # names of further values


class Forward:
    """The lines of one `forward`.

    Args:
        instance: a part of the class.
        constants: the text of each constant of each step, by the step's position and the constant's name.
    """

    def __init__(self, instance: Instance, constants: Mapping[tuple[int, str], str]) -> None:
        self._instance, self._constants = instance, constants
        self._left = Counter(read for unit in instance.units for read in unit.reads)
        self._left[instance.output] += 1
        self._text: dict[fx.Node, str] = {}
        self._depth: dict[fx.Node, int] = {}
        self.inputs = ["x", *(f"x{i}" for i in range(2, len(instance.inputs) + 1))][: len(instance.inputs)]
        for node, name in zip(instance.inputs, self.inputs, strict=True):
            self._text[node], self._depth[node] = name, 0

    def lines(self) -> Iterator[str]:
        """Without indentation."""
        units = self._instance.units
        for position, unit in enumerate(units):
            text, depth = self._expression(position, unit)
            following = units[position + 1].reads if position + 1 < len(units) else (self._instance.output,)
            if position + 1 == len(units) and unit.value is self._instance.output:
                yield f"return {text}"
                return
            alone = self._left[unit.value] == 1 and unit.value in following
            if alone and depth < _DEEPEST and len(text) + len(INDENT) * 2 < WIDTH * 2 // 3:
                self._text[unit.value], self._depth[unit.value] = text, depth
                continue
            name = self._name(unit)
            self._text[unit.value], self._depth[unit.value] = name, 0
            if name != text:
                yield f"{name} = {text}"
        yield f"return {self._text[self._instance.output]}"

    def _expression(self, position: int, unit: Unit) -> tuple[str, int]:
        depth = 1 + max((self._depth[read] for read in unit.reads), default=0)
        reads = [self._text[read] for read in unit.reads]
        for read in unit.reads:
            self._left[read] -= 1
        if unit.operation is None:
            return f"{unit.module}({', '.join(reads)})", depth
        constants = {name: self._constants[position, name] for name in unit.operation.constants}
        if unit.operation.binds or "{0}." in unit.operation.text or "{0}[" in unit.operation.text:
            reads = [f"({read})" if " " in read and not _is_call(read) else read for read in reads]
        return unit.operation.text.format(*reads, **constants), depth

    def _name(self, unit: Unit) -> str:
        """The name of a value that its reads no longer need, else a new one."""
        free = [self._text[read] for read in unit.reads if not self._left[read] and self._text[read].isidentifier()]
        if "x" in free:
            return "x"
        if free:
            return free[0]
        used = {self._text[node] for node, count in self._left.items() if count > 0 and node in self._text}
        own = unit.module.rpartition(".")[2]
        own = f"{own}_" if hasattr(builtins, own) else own
        wanted: Sequence[str] = ("x", *((own,) if own.isidentifier() and len(self._branches(unit)) > 1 else ()), *_OTHERS)
        numbered = (f"y{number}" for number in range(2, len(self._left) + 3))
        return next(name for name in (*wanted, *numbered) if name not in used)

    def _branches(self, unit: Unit) -> list[Unit]:
        """The steps that read the same first value."""
        return [other for other in self._instance.units if unit.reads and unit.reads[0] in other.reads]


def _is_call(text: str) -> bool:
    """Whether the text is one call, so that no operator is outside of its parentheses."""
    if not text.endswith(")"):
        return False
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter == ")" and position + 1 < len(text):
            return text[position + 1] in ".[" and _is_call(text[position + 1 :].lstrip(".["))
        if depth == 0 and letter == " ":
            return False
    return True
