"""Layers that compute nothing: they join, pick, reorder, pad or flatten what they read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasbench.genotype.kind import Kind, OnnxWriter, TorchWriter, kind, need_map
from nasbench.genotype.layer import NO_ATTRIBUTES, Layer, Value, attributes
from nasbench.genotype.writer import Writer, show_values


def concat(t: Writer, *values: Value, name: str = "concat") -> Value:
    """Values of one size side by side along the channels."""
    _, h, w = values[0].shape
    channels = 0
    for v in values:
        if v.shape[1] != h or v.shape[2] != w or v.flat != values[0].flat:
            raise t.error(f"values side by side need one height and width; got {show_values(values)}")
        channels += v.shape[0]
    return t.write("concat", values, (channels, h, w), NO_ATTRIBUTES, 0, 0, name, values[0].flat)


@kind
class Concat(Kind):
    """Values of one size side by side along the channels."""

    name = "concat"
    colour = "orange"
    overwritable = True
    blocked = True
    write = staticmethod(concat)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.function("torch.cat", tuple(reads), 1)

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        return model.node("Concat", reads, out, layer.where, axis=1)


def split(t: Writer, x: Value, parts: int, name: str = "split") -> tuple[Value, ...]:
    """The channels in equal parts, one layer each."""
    c, h, w = x.shape
    if c % parts:
        raise t.error(f"{c} channels do not divide into {parts} equal parts")
    width = c // parts
    return tuple(
        t.write("slice", (x,), (width, h, w), attributes(start=i * width, stop=(i + 1) * width), 0, 0, name, x.flat) for i in range(parts)
    )


@kind
class Slice(Kind):
    """The channels from `start` up to, and without, `stop`."""

    name = "slice"
    colour = "teal"
    view = True
    write = staticmethod(split)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        start, stop = layer.attrs["start"], layer.attrs["stop"]
        return net.method("narrow", *reads, 1, start, stop - start)

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        bounds = (("start", layer.attrs["start"]), ("stop", layer.attrs["stop"]), ("axis", 1))
        constants = [model.constant(f"{layer.where}/{end}", [n]) for end, n in bounds]
        return model.node("Slice", [*reads, *constants], out, layer.where)

    def words(self, layer: Layer) -> str:
        return f"{layer.attrs['start']} to {layer.attrs['stop'] - 1}"


def take(t: Writer, x: Value, channels: tuple[int, ...], name: str = "take") -> Value:
    """Some of the channels, in the given order."""
    c, h, w = x.shape
    if not channels or min(channels) < 0 or max(channels) >= c:
        raise t.error(f"channels to take are numbers from 0 to {c - 1}; got {', '.join(map(str, channels)) or 'none'}")
    return t.write("take", (x,), (len(channels), h, w), attributes(channels=channels), 0, 0, name, x.flat)


@kind
class Take(Kind):
    """Some of the channels, in the order of the attribute `channels`."""

    name = "take"
    colour = "teal"
    overwritable = True
    write = staticmethod(take)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.function("operator.getitem", *reads, (slice(None), list(layer.attrs["channels"])))

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        channels = model.constant(f"{layer.where}/channels", list(layer.attrs["channels"]))
        return model.node("Gather", [*reads, channels], out, layer.where, axis=1)

    def words(self, layer: Layer) -> str:
        return ""


def interleave(t: Writer, x: Value, groups: int, name: str = "interleave") -> Value:
    """Channel shuffle: the groups' channels in turn (ShuffleNet)."""
    need_map(t, x, "a shuffle reads")
    if x.shape[0] % groups:
        raise t.error(f"{x.shape[0]} channels do not divide into {groups} groups to shuffle")
    return t.write("interleave", (x,), x.shape, attributes(groups=groups), 0, 0, name)


@kind
class Interleave(Kind):
    """Channel shuffle: one channel of each group in turn (Zhang et al. 2017, ShuffleNet, fig. 1)."""

    name = "interleave"
    colour = "teal"
    timed = ("groups",)
    write = staticmethod(interleave)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.function("torch.nn.functional.channel_shuffle", *reads, layer.attrs["groups"])

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        name, groups, (c, h, w) = layer.where, layer.attrs["groups"], layer.shape
        apart = model.constant(f"{name}/apart", [0, groups, c // groups, h, w])
        parts = model.node("Reshape", [*reads, apart], f"{name}/parts")
        turned = model.node("Transpose", [parts], f"{name}/turned", perm=(0, 2, 1, 3, 4))
        return model.node("Reshape", [turned, model.constant(f"{name}/joined", [0, c, h, w])], out, name)

    # The default `words` says the groups.


def pad(t: Writer, x: Value, channels: int = 0, edges: tuple[int, int, int, int] = (0, 0, 0, 0), name: str = "pad") -> Value:
    """Zeros after the last channel and around the map: (top, bottom, left, right), where a negative number cuts off."""
    c, h, w = x.shape
    top, bottom, left, right = edges
    shape = (c + channels, h + top + bottom, w + left + right)
    if x.flat or channels < 0 or min(shape) < 1:
        raise t.error(f"{show_values((x,))} cannot be padded by {channels} channels and edges {edges}")
    return t.write("pad", (x,), shape, attributes(channels=channels, edges=edges), 0, 0, name)


@kind
class Pad(Kind):
    """Zeros after the last channel and around the map."""

    name = "pad"
    colour = "sand"
    overwritable = True
    write = staticmethod(pad)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        top, bottom, left, right = layer.attrs["edges"]
        return net.function("torch.nn.functional.pad", *reads, (left, right, top, bottom, 0, layer.attrs["channels"]))

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        top, bottom, left, right = layer.attrs["edges"]
        pads = model.constant(f"{layer.where}/pads", [0, 0, top, left, 0, layer.attrs["channels"], bottom, right])
        return model.node("Pad", [*reads, pads], out, layer.where)

    def words(self, layer: Layer) -> str:
        return ""


def flatten(t: Writer, x: Value, name: str = "flatten") -> Value:
    """(c, h, w) to c*h*w numbers; nothing where it is flat already."""
    return x if x.flat else t.write("flatten", (x,), (x.elements, 1, 1), NO_ATTRIBUTES, 0, 0, name, True)


@kind
class Flatten(Kind):
    """(c, h, w) to one vector of c*h*w numbers."""

    name = "flatten"
    colour = "sand"
    view = True
    write = staticmethod(flatten)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.function("torch.flatten", *reads, 1)

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        return model.node("Flatten", reads, out, layer.where, axis=1)
