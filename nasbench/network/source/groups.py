"""The nodes of a network as a tree of modules: which parts of it can be a module of their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from torch import fx


class Group:
    """All nodes below one dotted place.

    Attributes:
        path: the place; empty for the whole network.
        items: nodes that lie here, and groups one level below, in the order in which they run first.
    """

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self.items: list[fx.Node | Group] = []

    @property
    def name(self) -> str:
        """The last part of the place."""
        return self.path[-1]

    @cached_property
    def nodes(self) -> list[fx.Node]:
        """All nodes below, in the order of the items."""
        return [node for item in self.items for node in (item.nodes if isinstance(item, Group) else (item,))]

    @cached_property
    def inputs(self) -> list[fx.Node]:
        """Values from outside, in the order in which they are read."""
        return [*dict.fromkeys(read for node in self.nodes for read in node.all_input_nodes if read not in self._own)]

    @cached_property
    def outputs(self) -> list[fx.Node]:
        """Values that are read outside."""
        return [node for node in self.nodes if any(user not in self._own for user in node.users)]

    @cached_property
    def _own(self) -> frozenset[fx.Node]:
        return frozenset(self.nodes)


class Groups:
    """The tree of a network.

    Args:
        graph: of the network.
        places: the dotted place of each node that computes something.
    """

    def __init__(self, graph: fx.Graph, places: dict[fx.Node, tuple[str, ...]]) -> None:
        self.root = Group(())
        self._before: dict[fx.Node, int] = {}  # the nodes that a value depends on, as the bits of a number, and its own bit
        below: dict[tuple[str, ...], Group] = {(): self.root}
        for position, node in enumerate(graph.nodes):
            self._before[node] = 1 << position
            for read in node.all_input_nodes:
                self._before[node] |= self._before[read]
            if node in places:
                self._group(places[node][:-1], below).items.append(node)
        self._bit = {node: 1 << position for position, node in enumerate(graph.nodes)}

    @staticmethod
    def _group(path: tuple[str, ...], below: dict[tuple[str, ...], Group]) -> Group:
        for length in range(1, len(path) + 1):
            if path[:length] not in below:
                group = below[path[:length]] = Group(path[:length])
                below[path[: length - 1]].items.append(group)
        return below[path]

    def one_value(self, group: Group) -> bool:
        """Whether the group computes one value from values that do not depend on it: then it can be a module."""
        if len(group.outputs) != 1:
            return False
        own = self._bit[group.outputs[0]]
        return not any(self._before[read] & own for read in group.inputs)


@dataclass(frozen=True)
class Step:
    """A module that might be one of a chain.

    Attributes:
        name: of the module.
        reads: the values that it reads; value: what it computes.
        nodes: all that it consists of.
    """

    name: str
    reads: Sequence[fx.Node]
    value: fx.Node
    nodes: Collection[fx.Node]


def is_chain(steps: Sequence[Step]) -> bool:
    """Whether modules that are named by growing numbers each read the one before, and nothing else does."""
    if not steps or not all(step.name.isdecimal() and str(int(step.name)) == step.name for step in steps):
        return False
    if any(int(a.name) >= int(b.name) for a, b in pairwise(steps)) or any(len(step.reads) != 1 for step in steps):
        return False
    return all(b.reads[0] is a.value and set(a.value.users) <= set(b.nodes) for a, b in pairwise(steps))
