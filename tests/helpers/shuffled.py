"""The same network as a module of somebody else: other names, its layers defined and run in another order."""

from __future__ import annotations

import random

from torch import fx, nn

from nasbench.genotype import Trace
from nasbench.network import build_trace

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)  # they run in the order of their definition


def shuffle_definitions(net: nn.Module, seed: int) -> nn.Module:
    """`net` itself, with the submodules of each module that is not a container defined in another order."""
    draw = random.Random(seed)
    for module in net.modules():
        if not isinstance(module, CONTAINERS):
            names = list(module._modules)
            draw.shuffle(names)
            module._modules = {name: module._modules[name] for name in names}
    return net


def foreign_module(layers: Trace, seed: int) -> fx.GraphModule:
    """The network of a trace on the meta device, under names that say nothing, some nested, defined and run in random orders."""
    draw = random.Random(seed)
    net = build_trace(layers)
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    waiting = [node for node in net.graph.nodes if node.op != "output"]
    places = list(range(len(waiting)))
    draw.shuffle(places)
    root = nn.Module()
    targets: dict[str, str] = {}
    missing = {node: len(node.all_input_nodes) for node in waiting}
    ready = [node for node in waiting if not missing[node]]
    while ready:
        node = ready.pop(draw.randrange(len(ready)))
        copies[node] = graph.node_copy(node, lambda n: copies[n])
        for user in node.users:
            if user in missing:
                missing[user] -= 1
                if not missing[user]:
                    ready.append(user)
        if node.op == "call_module":
            place = places.pop()
            group = draw.choice(["", "one.", "two.inner.", "layer1.0.", "layer1.1."])
            targets[str(node.target)] = copies[node].target = f"{group}m{place}"
    graph.output(copies[next(n for n in reversed(net.graph.nodes) if n.op == "output").all_input_nodes[0]])
    items = list(targets.items())
    draw.shuffle(items)
    for old, new in items:
        *path, name = new.split(".")
        parent = root
        for part in path:
            if part not in parent._modules:
                parent.add_module(part, nn.Module())
            parent = getattr(parent, part)
        parent.add_module(name, net.get_submodule(old))
    return fx.GraphModule(root, graph)
