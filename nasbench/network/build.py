"""A genotype as a torch.fx.GraphModule: plain generated code, no interpreter in `forward`.

Layers with weights, and pooling, become submodules named by `where`; the rest are calls. Printing `net.code` shows the network.
"""

from __future__ import annotations

import keyword
import operator
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from nasbench.genotype import Genotype, Layer, Trace, trace
from nasbench.genotype.cost import in_place, readers
from nasbench.network.auxiliary import AuxiliaryHead, Outputs
from nasbench.network.initialise import initialise

# Activations by their name in a genotype, and whether torch can write them in place.
_ACTS: dict[str, tuple[Any, bool]] = {
    "relu": (F.relu, True),
    "relu6": (F.relu6, True),
    "silu": (F.silu, True),
    "hardswish": (F.hardswish, True),
    "hardsigmoid": (F.hardsigmoid, True),
    "elu": (F.elu, True),
    "leaky_relu": (F.leaky_relu, True),
    "sigmoid": (torch.sigmoid, False),
    "tanh": (torch.tanh, False),
    "gelu": (F.gelu, False),
}


def build(g: Genotype, device: torch.device | str | None = None) -> fx.GraphModule:
    """The network of `g`, freshly initialised by its style, in training mode like any new module.

    Maps float tensors (N, c, h, w) to (N, classes); where it has auxiliary heads, in training mode to a tuple of the logits and
    then those of the heads, whose losses count as `loss_weights` says. `device="meta"` makes it without memory or initialisation.

    Raises:
        GenotypeError: shapes that do not meet.
    """
    net = build_trace(trace(g), g.name)
    if device is not None and torch.device(device).type == "meta":
        return net
    net.to_empty(device=device or torch.get_default_device())
    initialise(net, g.style.init)
    return net


def build_trace(layers: Trace, name: str = "network") -> fx.GraphModule:
    """The module of a trace on the meta device; each node's `meta["layer"]` is the index of its layer."""
    root = nn.Module()
    graph = fx.Graph()
    read_by = readers(layers)
    nodes: list[fx.Node] = [graph.placeholder("x")]
    nodes[0].meta["layer"] = 0
    with torch.device("meta"):
        for layer in layers[1:]:
            nodes.append(_step(layer, layers, read_by, nodes, graph, root))
            for node in reversed(graph.nodes):
                if "layer" in node.meta:
                    break
                node.meta["layer"] = layer.index
        heads = [x for x in layers if x.kind == "auxiliary"]
        end = nodes[-1]
        if heads:
            _put(root, "outputs", Outputs(tuple(x.attrs["weight"] for x in heads)))
            end = graph.call_module("outputs", (end, *[nodes[x.index] for x in heads]))
            end.meta["layer"] = layers[-1].index
    graph.output(end)
    return fx.GraphModule(root, graph, class_name=_identifier(name))


def _step(layer: Layer, layers: Trace, read_by: Mapping[int, int], nodes: list[fx.Node], graph: fx.Graph, root: nn.Module) -> fx.Node:
    reads = tuple(nodes[i] for i in layer.inputs)
    a = layer.attrs
    match layer.kind:
        case "act":
            function, can = _ACTS[a["act"]]
            return graph.call_function(function, reads, {"inplace": True} if can and in_place(layers, read_by, layer) else {})
        case "add":
            total = reads[0]
            for other in reads[1:]:
                total = graph.call_function(torch.add, (total, other))
            return total
        case "scale":
            return graph.call_function(torch.mul, reads)
        case "concat":
            return graph.call_function(torch.cat, (reads, 1))
        case "flatten":
            return graph.call_function(torch.flatten, (*reads, 1))
        case "slice":
            return graph.call_method("narrow", (*reads, 1, a["start"], a["stop"] - a["start"]))
        case "interleave":
            return graph.call_function(F.channel_shuffle, (*reads, a["groups"]))
        case "take":
            return graph.call_function(operator.getitem, (*reads, (slice(None), list(a["channels"]))))
        case "pad":
            top, bottom, left, right = a["edges"]
            return graph.call_function(F.pad, (*reads, (left, right, top, bottom, 0, a["channels"])))
        case "multiply":
            return graph.call_function(torch.mul, (*reads, a["by"]))
        case "bins":
            return graph.call_function(F.adaptive_max_pool2d, (*reads, a["size"]))
        case "gap" if a["size"] == 1:
            return graph.call_method("mean", (*reads, (2, 3)), {"keepdim": True})
        case _:
            _put(root, layer.where, _module(layer, layers[layer.inputs[0]]))
            return graph.call_module(layer.where, reads)


def _module(layer: Layer, source: Layer) -> nn.Module:
    a = layer.attrs
    match layer.kind:
        case "conv":
            conv: nn.Conv2d = _BareConv(
                a["cin"], layer.channels, a["kernel"], a["stride"], a["padding"], a.get("dilation", 1), a["groups"], a["bias"]
            )
            conv.__class__ = nn.Conv2d
            return conv
        case "norm":
            norm = nn.BatchNorm1d if layer.flat else nn.BatchNorm2d
            return norm(layer.channels, eps=a["eps"], momentum=a["momentum"])
        case "linear":
            linear: nn.Linear = _BareLinear(a["cin"], layer.channels, bias=a["bias"])
            linear.__class__ = nn.Linear
            return linear
        case "pool" if a["mode"] == "max":
            return nn.MaxPool2d(a["kernel"], a["stride"], a["padding"], ceil_mode=a["ceil"])
        case "pool":
            return nn.AvgPool2d(a["kernel"], a["stride"], a["padding"], ceil_mode=a["ceil"], count_include_pad=a["count_pad"])
        case "gap":
            return nn.AdaptiveAvgPool2d(a["size"])
        case "dropout":
            return nn.Dropout(a["p"], inplace=False)
        case "drop_path":
            from torchvision.ops import StochasticDepth  # here, since torchvision takes a second to load

            drop: nn.Module = StochasticDepth(a["p"], "row")
            return drop
        case "auxiliary":
            return AuxiliaryHead(build_trace(a["rows"], layer.where))
        case "lrn":
            return nn.LocalResponseNorm(a["size"], a["alpha"], a["beta"], a["k"])
        case kind:
            raise NotImplementedError(f"no torch module for a layer of kind {kind!r} at {layer.where} (input {source.shape})")


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
    word = re.sub(r"\W", "_", name)
    return f"_{word}" if not word.isidentifier() or keyword.iskeyword(word) else word


class _BareConv(nn.Conv2d):
    def reset_parameters(self) -> None:
        """Leave the weights as they are: on the meta device there is nothing to fill."""


class _BareLinear(nn.Linear):
    def reset_parameters(self) -> None:
        """As above."""
