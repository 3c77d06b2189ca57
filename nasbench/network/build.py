"""A genotype as a torch.fx.GraphModule: plain generated code, no interpreter in `forward`.

Layers with weights, and pooling, become submodules named by `where`; the rest are calls. Printing `net.code` shows the network.
"""

from __future__ import annotations

import keyword
import pkgutil
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import fx, nn

from nasbench.genotype import Layer, Network, Trace, as_genotype, trace
from nasbench.genotype.cost import in_place, readers
from nasbench.genotype.kind import find_kind
from nasbench.network.auxiliary import AuxiliaryHead, Outputs
from nasbench.network.initialise import initialise


def build(g: Network, device: torch.device | str | None = None) -> fx.GraphModule:
    """The network of `g`, freshly initialised by its style, in training mode like any new module.

    It maps float tensors (N, c, h, w) to logits (N, classes). A network with auxiliary heads returns, in training mode, a tuple of
    its logits and then those of the heads; `loss_weights` says how much the loss of each counts.

    Batch norms have the momentum of the style. Where that is small (0.01 in EfficientNet-B5, 0.0003 in MnasNet), a training of few steps
    leaves the initial running statistics in place, and the network fails in inference mode; call `nasbench.calibrate(net, images)` after
    such a training.

    Args:
        g: a genotype, the name of a known network, or a .yaml file.
        device: where the weights are; the default is torch's default device. `meta` makes the network without memory and weights.

    Raises:
        GenotypeError: shapes that do not meet.

    >>> import nasbench as nb, torch
    >>> net = build(nb.adapt(nb.known("resnet20_cifar10"), classes=4))
    >>> net(torch.randn(2, 3, 32, 32)).shape
    torch.Size([2, 4])
    """
    g = as_genotype(g)
    net = build_trace(trace(g), g.name)
    next(iter(net.graph.nodes)).meta["genotype"] = g
    if device is not None and torch.device(device).type == "meta":
        return net
    net.to_empty(device=device or torch.get_default_device())
    initialise(net, g.style.init)
    return net


def build_trace(layers: Trace, name: str = "network") -> fx.GraphModule:
    """The module of a trace on the meta device; each node's `meta["layer"]` is the index of its layer."""
    writer = TorchWriter(layers)
    graph = writer.graph
    nodes: list[fx.Node] = [graph.placeholder("x")]
    nodes[0].meta |= {"layer": 0, "input": layers[0].shape}
    with torch.device("meta"):
        for layer in layers[1:]:
            nodes.append(writer.layer(layer, tuple(nodes[i] for i in layer.inputs)))
            for node in reversed(graph.nodes):
                if "layer" in node.meta:
                    break
                node.meta["layer"] = layer.index
        heads = [x for x in layers if x.kind == "auxiliary"]
        end = nodes[-1]
        if heads:
            _put(writer.root, "outputs", Outputs(tuple(x.attrs["weight"] for x in heads)))
            end = graph.call_module("outputs", (end, *[nodes[x.index] for x in heads]))
            end.meta["layer"] = layers[-1].index
    graph.output(end)
    return fx.GraphModule(writer.root, graph, class_name=_identifier(name))


class TorchWriter:
    """Writes layers as nodes of a torch.fx graph. The method `torch` of each layer kind gets one.

    Modules and functions may be given by their dotted names, such as `torch.nn.MaxPool2d`, so that kinds need not import torch.
    """

    def __init__(self, layers: Trace) -> None:
        self.root, self.graph = nn.Module(), fx.Graph()
        self._layers, self._read_by = layers, readers(layers)

    def layer(self, layer: Layer, reads: tuple[fx.Node, ...]) -> fx.Node:
        """The node that computes one layer from the nodes that it reads."""
        if layer.kind == "auxiliary":
            return self._submodule(layer, reads, AuxiliaryHead(build_trace(layer.attrs["rows"], layer.where)))
        node: fx.Node = find_kind(layer.kind).torch(self, layer, reads)
        return node

    def module(self, layer: Layer, reads: Sequence[fx.Node], make: Callable[..., nn.Module] | str, *args: Any, **kwargs: Any) -> fx.Node:
        """The node that calls the submodule `make(*args, **kwargs)`, whose name is the place of the layer."""
        maker = _named(make)
        if hasattr(maker, "reset_parameters"):
            module = _bare(maker)(*args, **kwargs)
            module.__class__ = maker
        else:
            module = maker(*args, **kwargs)
        return self._submodule(layer, tuple(reads), module)

    def function(self, function: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> fx.Node:
        """The node that calls a function."""
        return self.graph.call_function(_named(function), args, kwargs)

    def method(self, name: str, *args: Any, **kwargs: Any) -> fx.Node:
        """The node that calls a method of the first argument, which is a node."""
        return self.graph.call_method(name, args, kwargs)

    def in_place(self, layer: Layer) -> bool:
        """Whether the layer may overwrite its input; see `nasbench.genotype.cost.in_place`."""
        return in_place(self._layers, self._read_by, layer)

    def _submodule(self, layer: Layer, reads: tuple[fx.Node, ...], module: nn.Module) -> fx.Node:
        _put(self.root, layer.where, module)
        return self.graph.call_module(layer.where, reads)


_resolved = lru_cache(maxsize=256)(pkgutil.resolve_name)


def _named(item: Any) -> Any:
    """The class or function that a dotted name stands for; anything else is returned as it is."""
    return _resolved(item) if isinstance(item, str) else item


@lru_cache(maxsize=256)
def _bare(cls: Any) -> Any:
    """The same class of modules without initial weights: on the meta device there is nothing to fill."""
    return type(cls.__name__, (cls,), {"reset_parameters": lambda self: None})


def _put(root: nn.Module, where: str, module: nn.Module) -> None:
    """Register `module` at a dotted place, making the containers on the way."""
    *path, name = where.split(".")
    for part in path:
        inner = root._modules.get(part)
        if inner is None:
            inner = root._modules[part] = nn.Module()
        root = inner
    root._modules[name] = module


def _identifier(name: str) -> str:
    """A class name that Python accepts."""
    identifier = re.sub(r"\W", "_", name)
    return f"_{identifier}" if not identifier.isidentifier() or keyword.iskeyword(identifier) else identifier
