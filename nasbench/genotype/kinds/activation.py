"""Activations: one layer kind for all of them, and what differs between them as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.kind import Kind, OnnxWriter, TorchWriter, kind
from nasbench.genotype.layer import Fields, Layer, Shape, Value, attributes
from nasbench.genotype.writer import Writer


def _relu6(model: OnnxWriter, x: str, out: str, name: str) -> str:
    return model.node("Clip", [x, model.constant("zero", 0.0), model.constant("six", 6.0)], out, name)


def _silu(model: OnnxWriter, x: str, out: str, name: str) -> str:
    return model.node("Mul", [x, model.node("Sigmoid", [x], f"{name}/sigmoid")], out, name)


def _gelu(model: OnnxWriter, x: str, out: str, name: str) -> str:
    """Exact, by the error function; Gelu itself came with opset 20."""
    z = model.node("Div", [x, model.constant("root_two", math.sqrt(2.0))], f"{name}/scaled")
    e = model.node("Add", [model.node("Erf", [z], f"{name}/erf"), model.constant("one", 1.0)], f"{name}/share")
    return model.node("Mul", [model.node("Mul", [x, e], f"{name}/twice"), model.constant("half", 0.5)], out, name)


class Activation(NamedTuple):
    """One activation function.

    Attributes:
        formula: of the function of x, in words.
        torch: dotted name of the function.
        onnx: the operator, or a function (model, x, out, name) that writes several.
        attrs: attributes of the ONNX operator.
        in_place: whether torch can write it in place.
        cheap: whether it only bounds its input, so that a kernel that it is fused into takes no longer.
    """

    formula: str
    torch: str
    onnx: str | Callable[[OnnxWriter, str, str, str], str]
    attrs: Mapping[str, float] = {}
    in_place: bool = True
    cheap: bool = False


ACTS: Mapping[str, Activation] = {
    "relu": Activation("max(x, 0)", "torch.nn.functional.relu", "Relu", cheap=True),
    "relu6": Activation("min(max(x, 0), 6)", "torch.nn.functional.relu6", _relu6, cheap=True),
    "silu": Activation("x * sigmoid(x), also called swish", "torch.nn.functional.silu", _silu),
    "hardswish": Activation("x * min(max(x + 3, 0), 6) / 6", "torch.nn.functional.hardswish", "HardSwish"),
    "hardsigmoid": Activation("min(max(x + 3, 0), 6) / 6", "torch.nn.functional.hardsigmoid", "HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "sigmoid": Activation("1 / (1 + exp(-x))", "torch.sigmoid", "Sigmoid", in_place=False),
    "tanh": Activation("tanh(x)", "torch.tanh", "Tanh", in_place=False),
    "gelu": Activation("x * (1 + erf(x / sqrt(2))) / 2", "torch.nn.functional.gelu", _gelu, in_place=False),
    "elu": Activation("x if x > 0 else exp(x) - 1", "torch.nn.functional.elu", "Elu", {"alpha": 1.0}),
    "leaky_relu": Activation("x if x > 0 else 0.01 * x", "torch.nn.functional.leaky_relu", "LeakyRelu", {"alpha": 0.01}),
}


def act(t: Writer, x: Value, act: str | None = None, name: str = "act") -> Value:
    """Activation; `None` is the style's, `none` is none."""
    act = act or t.style.act
    if act == "none":
        return x
    try:
        return t.write("act", (x,), x.shape, _attributes(act), 0, 0, name, x.flat)
    except GenotypeError as error:
        raise t.error(str(error)) from None


@kind
class Act(Kind):
    """An activation, named by the attribute `act`."""

    name = "act"
    in_place = True
    timed = ("act",)
    tail = True
    blocked = True
    write = staticmethod(act)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        act = ACTS[layer.attrs["act"]]
        return net.function(act.torch, *reads, **({"inplace": True} if act.in_place and net.in_place(layer) else {}))

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        act = ACTS[layer.attrs["act"]]
        if isinstance(act.onnx, str):
            return model.node(act.onnx, reads, out, layer.where, **act.attrs)
        return act.onnx(model, reads[0], out, layer.where)

    def words(self, layer: Layer) -> str:
        return str(layer.attrs["act"])

    def tail_name(self, layer: Layer) -> str:
        return str(layer.attrs["act"])

    def group(self, reads: Sequence[Shape], shape: Shape, values: Sequence[Any]) -> str:
        """Activations by their function."""
        return f"act {values[0]}"


@lru_cache(maxsize=64)
def _attributes(act: str) -> Fields:
    if act not in ACTS:
        names = ("none", *ACTS)
        raise GenotypeError(f"an activation is one of {', '.join(names)}; got {short(act)}{nearest(act, names)}")
    return attributes(act=act)
