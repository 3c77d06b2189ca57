"""From a network to the classes of a file: each part that computes one value becomes an instance of a class."""

from __future__ import annotations

import keyword
from typing import Any

from torch import fx, nn

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, Trace
from nasbench.network.auxiliary import AuxiliaryHead, Outputs
from nasbench.network.source.calls import DEPTH, Call, Operation, module_call, operation
from nasbench.network.source.classes import Instance, ModuleClass, Unit
from nasbench.network.source.groups import Group, Groups, Step, is_chain
from nasbench.network.source.names import class_name, composed_name

AUXILIARY = "AuxiliaryHead"  # a class of the file, as DEPTH, that is not made of the network's parts
SEQUENTIAL, CLASS, LIST, DICTIONARY = "nn.Sequential", "", "nn.ModuleList", "nn.ModuleDict"  # what holds a part
_STEP = {CLASS: "{0}.{1}", LIST: "{0}[{1}]", DICTIONARY: '{0}["{1}"]'}  # how a module is named in what holds it


class Classes:
    """The classes of a network.

    Attributes:
        all: those that are used by others come first; the last is that of the network.

    Args:
        g: the genotype, whose blocks give names.
        net: its module; layers: its trace.
        name: of the network's class.
    """

    def __init__(self, g: Genotype, net: fx.GraphModule, layers: Trace, name: str) -> None:
        self.all: list[ModuleClass] = []
        self._by_signature: dict[Any, ModuleClass] = {}
        self._taken = {AUXILIARY, DEPTH, name}
        sections = {("stem",): g.stem, ("head",): g.head} | {("stages", str(i)): stage for i, stage in enumerate(g.stages)}
        blocks: dict[tuple[str, ...], str] = {}
        for path, section in sections.items():
            ops = [block.op for block in section for _ in range(block.repeat)]
            blocks |= {(*path, str(i)): op for i, op in enumerate(ops)}
        _Network(self, net, layers, blocks).instance(name)
        for each in self.all:
            each.settle(is_network=each is self.all[-1])

    def add(self, instance: Instance, name: str, *, is_named: bool = False) -> None:
        """Find or make the class of an instance.

        Args:
            name: for a new class; `is_named`: whether it is just this one.
        """
        key = instance.signature()
        if key not in self._by_signature:
            self._by_signature[key] = ModuleClass(name if is_named else self._free(name, instance))
            self.all.append(self._by_signature[key])
        instance.template = self._by_signature[key]
        instance.template.instances.append(instance)

    def _free(self, name: str, instance: Instance) -> str:
        """A name that no class has: the given one, with `Residual` where its input is added, or with a number."""
        adds = any(
            unit.operation is not None and unit.operation.text.startswith("{0} +") and set(unit.reads) & set(instance.inputs)
            for unit in instance.units
        )
        longer = [f"{name}Residual"] if adds and not name.endswith("Residual") else []
        number = f"{name}_{{}}" if name[-1].isdecimal() else f"{name}{{}}"
        candidates = [name, *longer, *(number.format(i) for i in range(2, len(self.all) + 3))]
        found = next(each for each in candidates if each not in self._taken)
        self._taken.add(found)
        return found


class _Network:
    """The parts of one torch.fx module."""

    def __init__(self, classes: Classes, net: fx.GraphModule, layers: Trace, blocks: dict[tuple[str, ...], str]) -> None:
        self._classes, self._net, self._layers, self._blocks = classes, net, layers, blocks
        self._order = {node: position for position, node in enumerate(net.graph.nodes)}
        self._places = {
            node: tuple((str(node.target) if node.op == "call_module" else layers[node.meta["layer"]].where).split("."))
            for node in net.graph.nodes
            if node.op not in ("placeholder", "output")
        }
        self._groups = Groups(net.graph, self._places)

    def instance(self, name: str) -> Instance:
        """The whole network as a class with this name."""
        inputs = [node for node in self._net.graph.nodes if node.op == "placeholder"]
        end = next(node for node in reversed(self._net.graph.nodes) if node.op == "output")
        return self._instance(self._groups.root, inputs, end.all_input_nodes[0], name)

    def module(self) -> Call:
        """The whole network as a part of another one.

        Raises:
            NasbenchError: it is neither a chain nor can its modules be attributes.
        """
        root = self._groups.root
        form = self._form(root)
        if form not in (SEQUENTIAL, CLASS):
            raise NasbenchError("an auxiliary head is a chain of layers in a model.py; this network has another; use export --onnx for it")
        return self._module_of(root, form)

    def _instance(self, group: Group, inputs: list[fx.Node], output: fx.Node, name: str = "") -> Instance:
        attributes, units = self._held(group, "self", CLASS)
        units = sorted((unit for unit in units if unit.value.users), key=lambda unit: self._order[unit.value])
        instance = Instance(ModuleClass(""), dict(attributes), units, inputs, output)
        own = composed_name(instance) or class_name(self._blocks.get(group.path, group.path[-1] if group.path else "Auxiliary"))
        self._classes.add(instance, name or own, is_named=bool(name))
        return instance

    def _held(self, group: Group, holder: str, form: str) -> tuple[list[tuple[str, Call]], list[Unit]]:
        """The modules in a group by name, and the steps that its nodes take where it is held.

        Args:
            holder: how the group is named there; form: what it is.
        """
        made: list[tuple[str, Call]] = []
        units: list[Unit] = []
        for item in group.items:
            name = self._name(item)
            call, steps = self._item(item, _STEP[form].format(holder, name))
            made += [] if call is None else [(name, call)]
            units += steps
        return made, units

    def _item(self, item: fx.Node | Group, name: str) -> tuple[Call | None, list[Unit]]:
        if isinstance(item, fx.Node):
            return self._node(item, name)
        form = self._form(item)
        if form in (LIST, DICTIONARY):
            made, units = self._held(item, name, form)
            children = tuple(("" if form == LIST else each, call) for each, call in made)
            return (Call(form, children=children) if made else None), units
        value = item.outputs[0]
        return self._module_of(item, form), [Unit(value, tuple(item.inputs), name)]

    def _module_of(self, group: Group, form: str) -> Call:
        """The construction of a group that computes one value."""
        if form == CLASS:
            alone = self._alone(group)
            return alone or Call("", instance=self._instance(group, group.inputs, group.outputs[0]))
        children: list[tuple[str, Call]] = []
        for item in group.items:
            call, _ = self._item(item, "")
            children += [("", Call("nn.Identity"))] * (int(self._name(item)) - len(children))  # a block that does nothing has no nodes
            children += [] if call is None else [("", call)]
        return Call(SEQUENTIAL, children=tuple(children))

    def _node(self, node: fx.Node, name: str) -> tuple[Call | None, list[Unit]]:
        where, reads = ".".join(self._places[node]), tuple(node.all_input_nodes)
        if node.op != "call_module":
            return None, [Unit(node, reads, operation=operation(node, where))]
        module = self._net.get_submodule(str(node.target))
        if isinstance(module, Outputs):
            several = ", ".join(f"{{{i}}}" for i in range(len(reads)))
            return None, [Unit(node, reads, operation=Operation(f"({several}) if self.training else {{0}}"))]
        return self._leaf(module, node), [Unit(node, reads, name)]

    def _leaf(self, module: nn.Module, node: fx.Node) -> Call:
        if isinstance(module, AuxiliaryHead) and isinstance(module.rows, fx.GraphModule):
            rows = _Network(self._classes, module.rows, self._layers[node.meta["layer"]].attrs["rows"], {})
            return Call(AUXILIARY, children=(("", rows.module()),))
        return module_call(module, ".".join(self._places[node]))

    def _alone(self, group: Group) -> Call | None:
        """The only module of a group, where it has no weights: then its name does not matter."""
        if len(group.items) > 1 or not isinstance(node := group.items[0], fx.Node) or node.op != "call_module":
            return None
        module = self._net.get_submodule(str(node.target))
        return None if isinstance(module, AuxiliaryHead) or [*module.parameters(), *module.buffers()] else self._leaf(module, node)

    def _form(self, group: Group) -> str:
        """What a group becomes: a chain, a class of its own, or a list or dictionary whose steps are written where it is held."""
        names = [self._name(item) for item in group.items if isinstance(item, Group) or item.op == "call_module"]
        if self._groups.one_value(group):
            steps = [self._step(item) for item in group.items]
            if is_chain([step for step in steps if step is not None]) and None not in steps:
                return SEQUENTIAL
            if all(each.isidentifier() and not keyword.iskeyword(each) for each in names):
                return CLASS
        with_modules = [self._name(item) for item in group.items if _has_modules(item)]
        return LIST if with_modules == [str(i) for i in range(len(with_modules))] else DICTIONARY

    def _step(self, item: fx.Node | Group) -> Step | None:
        """The item as one of a chain; None where it is no module."""
        if isinstance(item, fx.Node):
            return Step(self._name(item), item.all_input_nodes, item, [item]) if item.op == "call_module" else None
        return Step(item.name, item.inputs, item.outputs[0], item.nodes) if self._form(item) in (SEQUENTIAL, CLASS) else None

    def _name(self, item: fx.Node | Group) -> str:
        return item.name if isinstance(item, Group) else self._places[item][-1]


def _has_modules(item: fx.Node | Group) -> bool:
    nodes = item.nodes if isinstance(item, Group) else [item]
    return any(node.op == "call_module" for node in nodes)
