"""Classes of a file, each for all parts of a network that differ in numbers only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import fx

from nasbench.network.source.calls import Call, Operation

_CHANNELS = ("channels", "features", "groups", "start", "length")  # ends of the names of arguments that count channels
_FIRST = ("in_channels", "in_features", "num_features", "channels")  # an argument of these names counts the channels of the input,
_LAST = ("out_channels", "out_features", "num_features", "channels")  # and of these that of the output
POSITIONAL = ("in_channels", "out_channels", "channels")  # parameters that are given without their names
_DEFAULTS: Mapping[str, Any] = {"stride": 1, "groups": 1, "dilation": 1, "bias": True, "inplace": False, "ceil_mode": False}
_MAJORITY = ("kernel_size", "p")  # the default of these is what most parts have
_FACTORS = range(2, 17)  # by which one number of channels may be written as a multiple of another


@dataclass(frozen=True)
class Unit:
    """One step of a `forward`.

    Attributes:
        value: the node that it computes; reads: the nodes that it reads.
        module: how the module is named that is called, such as `self.conv`; empty for an operation.
        operation: what is computed without a module.
    """

    value: fx.Node
    reads: tuple[fx.Node, ...]
    module: str = ""
    operation: Operation | None = None


@dataclass(eq=False)
class Instance:
    """One part of a network.

    Attributes:
        template: its class.
        attributes: its modules by name.
        units: the steps of its `forward`; inputs: the values that it gets; output: the value that it returns.
        parameters: the arguments with which the class is called, once these are known.
    """

    template: ModuleClass
    attributes: dict[str, Call]
    units: list[Unit]
    inputs: list[fx.Node]
    output: fx.Node
    parameters: dict[str, Any] = field(default_factory=dict)

    def signature(self) -> Any:
        """Equal for parts that one class can stand for."""
        names = {node: f"input{i}" for i, node in enumerate(self.inputs)} | {unit.value: f"value{i}" for i, unit in enumerate(self.units)}
        steps = tuple(
            (unit.module, None if unit.operation is None else unit.operation.text, tuple(names[read] for read in unit.reads))
            for unit in self.units
        )
        return tuple((name, call.signature) for name, call in self.attributes.items()), steps, names[self.output]

    def slots(self) -> Iterator[Slot]:
        """Every number and word that another part may have otherwise."""
        first = {unit.module for unit in self.units if self.inputs and self.inputs[0] in unit.reads}
        modules = [unit.module for unit in self.units if unit.module]
        for name, call in self.attributes.items():
            module = f"self.{name}"
            for argument, value in call.values():
                ends = (module in first and argument in _FIRST, module == modules[-1] and argument in _LAST)
                yield Slot(name, argument, value, *ends)
        for i, unit in enumerate(self.units):
            for name, value in () if unit.operation is None else unit.operation.constants.items():
                yield Slot("", name, value, step=i)


@dataclass(frozen=True)
class Slot:
    """A place for a value in a class.

    Attributes:
        owner: the attribute whose argument it is; empty for a constant of an operation.
        argument: its name; value: in one part of the network.
        first, last: whether it counts the channels of the input, or of the output.
        step: of an operation.
    """

    owner: str
    argument: str
    value: Any
    first: bool = False
    last: bool = False
    step: int = -1

    @property
    def kind(self) -> str:
        """Values of one kind may be one parameter."""
        return "channels" if self.argument.endswith(_CHANNELS) else self.argument


class ModuleClass:
    """A class that stands for several parts of a network.

    Attributes:
        name: of the class.
        instances: the parts.
        parameters: the names of what differs between them, in the order in which the constructor takes them.
        defaults: Python text of the default of some of them: what most parts have.
        expressions: for each slot, the Python text of its value in the constructor.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.instances: list[Instance] = []
        self.parameters: list[str] = []
        self.defaults: dict[str, str] = {}
        self.expressions: list[str] = []

    def settle(self, *, is_network: bool = False) -> None:
        """Find what differs between the parts, and name it. The classes of its modules must be settled already.

        The channels of input and output are parameters even where all parts agree, unless the class is that of the whole network.
        """
        slots = list(self.instances[0].slots())
        columns = [tuple(slot.value for slot in column) for column in zip(*(i.slots() for i in self.instances), strict=True)]
        ends = {_key(slot, columns[k]) for k, slot in enumerate(slots) if (slot.first or slot.last) and not is_network}
        fixed = [len({repr(value) for value in column}) == 1 for column in columns]
        varying = [k for k, slot in enumerate(slots) if not fixed[k] or _key(slot, columns[k]) in ends]
        texts = [repr(column[0]) for column in columns]
        named: list[tuple[str, int]] = []
        for group in _equal(varying, slots, columns):
            text = _derived(group, slots, columns, named)
            if not text:
                text = _name(group, slots, {name for name, _ in named})
                named.append((text, group[0]))
            for k in group:
                texts[k] = text
        self.defaults = {name: text for name, k in named if (text := _usual(name, columns[k]))}
        named.sort(key=lambda entry: (entry[0] in self.defaults, _rank(entry[0]), entry[1]))
        self.parameters, self.expressions = [name for name, _ in named], texts
        for i, instance in enumerate(self.instances):
            instance.parameters = {name: columns[k][i] for name, k in named}


def _key(slot: Slot, column: tuple[Any, ...]) -> tuple[str, str]:
    """Slots with one key have the same value in every part."""
    return slot.kind, repr(column)


def _rank(name: str) -> int:
    """The numbers of channels come first."""
    return ("in_channels", "out_channels", "channels").index(name) if name in POSITIONAL else 3 + (not name.endswith(_CHANNELS))


def _usual(name: str, column: tuple[Any, ...]) -> str:
    """The text of the default of a parameter: torch's own where a part has it, else the value of most parts; empty without one."""
    if name.endswith(("channels", "features")):
        return ""
    if name in _DEFAULTS and _DEFAULTS[name] in column:
        return repr(_DEFAULTS[name])
    text, count = Counter(map(repr, column)).most_common(1)[0]
    return text if name in _MAJORITY and count >= 2 and 2 * count > len(column) else ""


def _equal(varying: Sequence[int], slots: Sequence[Slot], columns: Sequence[tuple[Any, ...]]) -> list[list[int]]:
    """The slots that always have one value, together. Those of input and output come first, so that others are multiples of them."""
    groups: dict[tuple[str, str], list[int]] = {}
    for k in varying:
        groups.setdefault(_key(slots[k], columns[k]), []).append(k)
    return sorted(
        groups.values(), key=lambda group: (not any(slots[k].first for k in group), not any(slots[k].last for k in group), group[0])
    )


def _derived(group: Sequence[int], slots: Sequence[Slot], columns: Sequence[tuple[Any, ...]], named: Sequence[tuple[str, int]]) -> str:
    """An expression of parameters that has the values of the group in every part; empty if there is none."""
    values = columns[group[0]]
    if len(set(values)) < 2 or not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return ""
    for name, k in named:
        others = columns[k]
        if not all(isinstance(other, int) for other in others):
            continue
        slot, other = slots[group[0]], slots[k]
        if slot.argument == "padding" and other.argument == "kernel_size" and values == tuple(n // 2 for n in others):
            return f"{name} // 2"
        if slot.kind == other.kind == "channels":
            for factor in _FACTORS:
                if values == tuple(factor * n for n in others):
                    return f"{factor} * {name}"
                if others == tuple(factor * n for n in values):
                    return f"{name} // {factor}"
    return ""


def _name(group: Sequence[int], slots: Sequence[Slot], taken: set[str]) -> str:
    """A name for a parameter that no other has."""
    several = [slots[k] for k in group]
    first, last = any(slot.first for slot in several), any(slot.last for slot in several)
    ends = "channels" if first and last else "in_channels" if first else "out_channels"
    wanted = ends if first or last else several[0].argument
    owner, argument = several[0].owner, wanted.removeprefix("out_").removeprefix("in_")
    longer = [f"{owner}_{argument}", f"{owner}_{wanted}"] if owner.isidentifier() else []
    candidates = [wanted, *longer] if first or last or not longer or wanted not in _LAST else longer
    numbered = (f"{wanted}_{number}" for number in range(2, len(taken) + 4))
    return next(name for name in (*candidates, *numbered) if name and name not in taken)
