"""Weights of one network for another one: slices of the layers that both have.

A layer takes the weights of the layer with its place and its kind: of the channels that it reads and writes the first ones, and the
centre of the kernel, as the subnets of a supernet take theirs (Yu et al. 2020, "BigNAS", section 3; Cai et al. 2020, "Once-for-All",
figure 3). Nothing is made larger: a layer that is wider than its counterpart keeps its random weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from torch import Tensor

from nasbench.errors import WeightsError
from nasbench.genotype import Genotype, Layer, Trace, trace
from nasbench.network.build import build

Channels = list[int] | None  # for each channel of a value the one of the other network that it stands for; None where that is not clear

_SAME_CHANNELS = {"norm", "lrn", "act", "pool", "gap", "dropout", "drop_path", "scale", "multiply"}  # those of the first value they read
_WITH_WEIGHTS = ("conv", "linear")
DEPTHWISE = "depthwise"

ABSENT, KIND, LARGER, CLASSES = "not in it", "of another kind", "wider, or with a larger kernel", "for other classes"
JOINED, AFTER = "reading channels that are joined in another way", "normalising random channels"


@dataclass
class Slices:
    """What one network takes of another.

    Attributes:
        weights: the tensors that were taken, under the names of the network that takes them.
        whole, part: numbers of layers that took all of their counterpart, or a slice of it.
        left: why a layer keeps its random weights, by its place.
    """

    weights: dict[str, Tensor] = field(default_factory=dict)
    whole: int = 0
    part: int = 0
    left: dict[str, str] = field(default_factory=dict)

    def words(self, other: str) -> str:
        """Such as `of lenet5: 2 whole and 1 sliced layers; random: 2 of another kind (stages.0.1.conv and others)`."""
        reasons = Counter(self.left.values())
        first = {reason: place for place, reason in reversed(self.left.items())}
        listed = [f"{count} {reason} ({first[reason]}{' and others' if count > 1 else ''})" for reason, count in reasons.items()]
        return f"of {other}: {self.whole} whole and {self.part} sliced layers" + (f"; random: {', '.join(listed)}" if listed else "")


def slice_weights(network: Genotype, other: Genotype, weights: Mapping[str, Tensor]) -> Slices:
    """The weights of `other` that `network` can take.

    The layer that gives the classes is taken only if its weights are for as many classes: another class is another meaning.

    Args:
        weights: of `other`, under the names of nasbench; the number of classes may differ.

    Raises:
        WeightsError: the networks have nothing in common.

    >>> import nasbench as nb
    >>> whole, half = nb.known("mobilenet_v2"), nb.adapt("mobilenet_v2_050", classes=5)
    >>> slice_weights(half, whole, nb.build(whole).state_dict()).words("mobilenet_v2")
    'of mobilenet_v2: 1 whole and 103 sliced layers; random: 1 for other classes (head.3.linear)'
    """
    slicing = _Slicing(build(network, device="meta").state_dict(), weights)
    slicing.run(trace(network), trace(other), list(range(network.input[0])))
    found = slicing.found
    if not any(tensor.ndim > 1 for tensor in found.weights.values()):
        raise WeightsError(
            f"slices need layers of the same place and kind that are not larger; {network.name} and {other.name} have none in common; "
            "name another network with --like, or train without --weights"
        )
    return found


class _Slicing:
    """Walks through two traces at once."""

    def __init__(self, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
        self.theirs, self.found = theirs, Slices()
        self._own: dict[str, dict[str, Tensor]] = {}  # the tensors of each place by the last part of their names
        for name, tensor in own.items():
            place, _, role = name.rpartition(".")
            self._own.setdefault(place, {})[role] = tensor

    def run(self, own: Trace, other: Trace, entry: Channels, prefix: str = "") -> None:
        """Take what the layers of `own` can take of those of `other`.

        Args:
            entry: of the value that the first layer reads.
            prefix: stands before all places.
        """
        there = {layer.where: layer for layer in other}
        end = max((layer.index for layer in own if layer.kind in _WITH_WEIGHTS), default=-1)
        channels: list[Channels] = [entry]
        for layer in own[1:]:
            reads = [channels[i] for i in layer.inputs]
            counterpart = there.get(layer.where)
            channels.append(_channels(layer, reads, own, other, counterpart))
            if layer.kind == "auxiliary":
                rows = counterpart.attrs["rows"] if counterpart is not None and counterpart.kind == layer.kind else other[:1]
                self.run(layer.attrs["rows"], Trace(rows), reads[0], f"{prefix}{layer.where}.rows.")
                continue
            place = prefix + layer.where
            if place not in self._own:
                continue
            source = own[layer.inputs[0]]
            if layer.kind == "norm" and source.kind in _WITH_WEIGHTS and prefix + source.where in self.found.left:
                self.found.left[place] = AFTER
            elif why := self._take(place, layer, counterpart, channels[-1], reads[0], layer.index == end):
                self.found.left[place] = why

    def _take(self, place: str, layer: Layer, other: Layer | None, out: Channels, read: Channels, gives_classes: bool) -> str:
        """Take the tensors of one layer; returns why it cannot."""
        own = self._own[place]
        if other is None or any(f"{place}.{role}" not in self.theirs for role in own):
            return ABSENT
        if other.kind != layer.kind or _grouping(layer) != _grouping(other):
            return KIND
        theirs = {role: self.theirs[f"{place}.{role}"] for role in own}
        if gives_classes and len(own["weight"]) != len(theirs["weight"]):
            return CLASSES
        taken = {}
        for role, tensor in own.items():
            sliced = _sliced(theirs[role], tensor.shape, layer, out, read)
            if isinstance(sliced, str):
                return sliced
            taken[f"{place}.{role}"] = sliced
        self.found.weights |= taken
        if all(own[role].shape == theirs[role].shape for role in own):
            self.found.whole += 1
        else:
            self.found.part += 1
        return ""


def _channels(layer: Layer, reads: Sequence[Channels], own: Trace, other: Trace, there: Layer | None) -> Channels:
    """What the channels of a layer stand for."""
    first = reads[0] if reads else None
    if layer.kind in _WITH_WEIGHTS:
        return first if _grouping(layer) == DEPTHWISE else list(range(layer.channels))
    if layer.kind in _SAME_CHANNELS:
        return first
    if layer.kind == "add":
        return first if all(read == first for read in reads) else None
    if there is None or there.kind != layer.kind or len(there.inputs) != len(layer.inputs):
        return None
    sources = [other[i] for i in there.inputs]
    if layer.kind == "concat" and all(read is not None for read in reads):
        starts = accumulate((source.channels for source in sources), initial=0)
        return [start + channel for start, read in zip(starts, reads, strict=False) for channel in read or ()]
    if layer.kind == "flatten" and first is not None and sources[0].shape[1:] == own[layer.inputs[0]].shape[1:]:
        pixels = sources[0].shape[1] * sources[0].shape[2]
        return [channel * pixels + pixel for channel in first for pixel in range(pixels)]
    return None


def _grouping(layer: Layer) -> str:
    """How the channels of a convolution are grouped; empty for one group, and for other layers."""
    groups = layer.attrs.get("groups", 1) if layer.kind == "conv" else 1
    if groups == 1:
        return ""
    depthwise = groups == layer.attrs["cin"] == layer.channels
    return DEPTHWISE if depthwise else f"{groups} groups from {layer.attrs['cin']} to {layer.channels}"


def _sliced(theirs: Tensor, shape: Sequence[int], layer: Layer, out: Channels, read: Channels) -> Tensor | str:
    """The slice of a tensor of the other network that has this shape, or why there is none."""
    if theirs.ndim != len(shape):
        return KIND
    parts = [out, read] if layer.kind in _WITH_WEIGHTS and not _grouping(layer) else [out]
    for axis, (size, its) in enumerate(zip(shape, theirs.shape, strict=True)):
        if size > its:
            return LARGER
        if axis < len(parts):
            chosen = parts[axis]
            if chosen is None or len(chosen) != size:
                if size != its:
                    return JOINED
                continue
            if max(chosen) >= its:
                return LARGER
            if chosen != list(range(its)):
                theirs = theirs[(slice(None),) * axis + (chosen,)]
        elif size != its:
            if layer.kind != "conv" or (its - size) % 2:
                return KIND
            theirs = theirs.narrow(axis, (its - size) // 2, size)
    return theirs.clone()
