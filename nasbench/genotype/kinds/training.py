"""The input, and layers that act in training only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasbench.genotype.kind import Kind, OnnxWriter, TorchWriter, kind
from nasbench.genotype.layer import Layer, Value, attributes
from nasbench.genotype.writer import Writer


@kind
class Input(Kind):
    """The image, or what a network inside another reads. A tracer begins with it, so it is never written or built."""

    name = "input"
    colour = "white"


class _Passes(Kind):
    """A layer that passes its input on in inference."""

    view = True

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        return reads[0]

    def words(self, layer: Layer) -> str:
        return f"p {layer.attrs['p']:g}"


def dropout(t: Writer, x: Value, p: float, name: str = "dropout") -> Value:
    """Dropout with probability `p`, in training only."""
    return x if p == 0 else t.write("dropout", (x,), x.shape, attributes(p=p), 0, 0, name, x.flat)


@kind
class Dropout(_Passes):
    """Dropout of single numbers (Srivastava et al. 2014)."""

    name = "dropout"
    write = staticmethod(dropout)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.module(layer, reads, "torch.nn.Dropout", layer.attrs["p"], inplace=False)


def drop_path(t: Writer, x: Value, p: float, name: str = "drop_path") -> Value:
    """The whole value dropped for an image with probability `p`, in training only."""
    return x if p == 0 else t.write("drop_path", (x,), x.shape, attributes(p=p), 0, 0, name, x.flat)


@kind
class DropPath(_Passes):
    """Stochastic depth (Huang et al. 2016, section 3)."""

    name = "drop_path"
    write = staticmethod(drop_path)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.module(layer, reads, "torchvision.ops.StochasticDepth", layer.attrs["p"], "row")


@kind
class Auxiliary(Kind):
    """A classifier on the side, which has a trace of its own in the attribute `rows`.

    `Tracer.auxiliary` writes it. Every reader of a trace handles it separately, because inference does not run it.
    """

    name = "auxiliary"

    def words(self, layer: Layer) -> str:
        return ""
