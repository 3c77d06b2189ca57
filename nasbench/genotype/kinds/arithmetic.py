"""Sums and products of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasbench.genotype.kind import Kind, OnnxWriter, TorchWriter, kind
from nasbench.genotype.layer import NO_ATTRIBUTES, Layer, Value, attributes
from nasbench.genotype.writer import Writer, show_values


def add(t: Writer, *values: Value, name: str = "add") -> Value:
    """Sum of values of one shape."""
    first = values[0]
    if len(values) == 1:
        return first
    for v in values:
        if v.shape != first.shape or v.flat != first.flat:
            raise t.error(f"a sum needs equal shapes; got {show_values(values)}")
    return t.write("add", values, first.shape, NO_ATTRIBUTES, 0, 0, name, first.flat)


@kind
class Add(Kind):
    """Sum of values of one shape."""

    name = "add"
    colour = "orange"
    overwritable = True
    tail = True
    cheap = True
    blocked = True
    write = staticmethod(add)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        total = reads[0]
        for other in reads[1:]:
            total = net.function("torch.add", total, other)
        return total

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        total, *others, last = reads
        for i, other in enumerate(others):
            total = model.node("Add", [total, other], f"{layer.where}/{i}")
        return model.node("Add", [total, last], out, layer.where)


def scale(t: Writer, x: Value, gate: Value, name: str = "scale") -> Value:
    """Multiply each channel of x by its number in `gate`, of shape (c, 1, 1)."""
    if gate.shape != (x.shape[0], 1, 1) or gate.flat != x.flat:
        raise t.error(f"a gate has shape (channels, 1, 1); got {show_values((x, gate))}")
    return t.write("scale", (x, gate), x.shape, NO_ATTRIBUTES, 0, 0, name, x.flat)


@kind
class Scale(Kind):
    """Each channel of a map times its number in a gate: the product of squeeze-and-excitation."""

    name = "scale"
    colour = "yellow"
    overwritable = True
    sees = "gated"
    write = staticmethod(scale)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.function("torch.mul", *reads)

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        return model.node("Mul", reads, out, layer.where)


def multiply(t: Writer, x: Value, by: float, name: str = "multiply") -> Value:
    """Every number times a constant; nothing for 1."""
    return x if by == 1 else t.write("multiply", (x,), x.shape, attributes(by=by), 0, 0, name, x.flat)


@kind
class Multiply(Kind):
    """Every number times the constant `by`."""

    name = "multiply"
    colour = "yellow"
    overwritable = True
    write = staticmethod(multiply)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.function("torch.mul", *reads, layer.attrs["by"])

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        by = model.constant(f"{layer.where}/by", float(layer.attrs["by"]))
        return model.node("Mul", [*reads, by], out, layer.where)

    def words(self, layer: Layer) -> str:
        return f"by {layer.attrs['by']:g}"
