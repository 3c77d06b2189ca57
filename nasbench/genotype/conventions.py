"""Conventions that change a network's outputs while every count stays the same: whoever compares with another code has to know them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nasbench.genotype.layer import Layer
from nasbench.genotype.resolve import Network
from nasbench.genotype.text import show_shape
from nasbench.genotype.trace import trace


def conventions(g: Network) -> list[str]:
    """A sentence for each convention that the network uses, read off its trace.

    >>> for sentence in conventions("lenet5"):
    ...     print(sentence)
    averages of 2x2 pixels go through a coefficient for each map; LeCun et al. add them, with a quarter of it
    the activation is tanh(x); LeCun et al. 1998 scale it, 1.7159 tanh(2x/3)
    """
    layers = trace(g)
    return [sentence for rule in _RULES if (sentence := rule(layers))]


def _option_a(layers: Sequence[Layer]) -> str:
    if not any(x.kind == "pad" and x.attrs["channels"] for x in layers):
        return ""
    return "shortcuts of option A take every stride-th pixel and add zeros after the last channel; other code adds half of them before"


def _max_padding(layers: Sequence[Layer]) -> str:
    pools = [x for x in layers if x.kind == "pool" and x.attrs["mode"] == "max" and x.attrs["stride"] > 1]
    padded = next((x for x in pools if any(x.attrs["padding"])), None)
    if padded is not None:
        pad = padded.attrs["padding"][0]
        return f"max pooling {show_shape(padded.attrs['kernel'])} pads {pad} pixel on each side; Caffe pads none and rounds the size up"
    if any(x.attrs["ceil"] for x in pools):
        return "max pooling pads nothing and rounds the size up, as Caffe does; other code pads, and rounds down"
    return ""


def _average_padding(layers: Sequence[Layer]) -> str:
    padded = [x for x in layers if x.kind == "pool" and x.attrs["mode"] == "avg" and any(x.attrs["padding"])]
    if not padded:
        return ""
    counts = {x.attrs["count_pad"] for x in padded}
    if counts == {True}:
        return "averages at the edge count padded zeros, as torch does by default; TensorFlow leaves them out"
    return "averages at the edge leave padded zeros out, as TensorFlow does; torch counts them by default"


def _subsampling(layers: Sequence[Layer]) -> str:
    for x in layers:
        before = layers[x.inputs[0]] if x.inputs else x
        if x.kind == "conv" and x.attrs["kernel"] == (1, 1) and x.attrs["groups"] == x.channels > 1 and before.kind == "pool":
            return (
                f"averages of {show_shape(before.attrs['kernel'])} pixels go through a coefficient for each map; LeCun et al. add them, "
                "with a quarter of it"
            )
    return ""


def _tanh(layers: Sequence[Layer]) -> str:
    if not any(x.kind == "act" and x.attrs["act"] == "tanh" for x in layers):
        return ""
    return "the activation is tanh(x); LeCun et al. 1998 scale it, 1.7159 tanh(2x/3)"


def _same_padding(layers: Sequence[Layer]) -> str:
    if not any(x.kind == "conv" and x.attrs["stride"] > 1 and any(x.attrs["padding"]) for x in layers):
        return ""
    return "strided convolutions pad alike on all sides; TensorFlow's SAME pads less at the top and left"


def _eps(layers: Sequence[Layer]) -> str:
    values = sorted({x.attrs["eps"] for x in layers if x.kind == "norm"})
    return f"batch norms add {', '.join(f'{v:g}' for v in values)} to the variance" if values else ""


def _response(layers: Sequence[Layer]) -> str:
    if not any(x.kind == "lrn" for x in layers):
        return ""
    return "local response normalisation divides alpha by its size, as torch and Caffe do; Krizhevsky et al. 2012 do not"


_RULES: tuple[Callable[[Sequence[Layer]], str], ...] = (
    _option_a, _max_padding, _average_padding, _subsampling, _tanh, _same_padding, _eps, _response,
)  # fmt: skip
