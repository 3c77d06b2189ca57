"""A second, independent way to run a trace: layer by layer, out of place, from the weights of a state dict."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from nasbench.genotype import Layer, Trace


def act(name: str, x: Tensor) -> Tensor:
    """From the formulas, not from torch's functions of that name; at a kink, torch's side of it."""
    match name:
        case "relu":
            return x * (x > 0)
        case "relu6":
            return x * ((x > 0) & (x < 6)) + 6 * (x >= 6)
        case "silu":
            return x * (1 + torch.tanh(x / 2)) / 2
        case "hardsigmoid":
            return (x / 6 + 0.5) * ((x > -3) & (x < 3)) + (x >= 3)
        case "hardswish":
            return x * (x / 6 + 0.5) * ((x >= -3) & (x <= 3)) + x * (x > 3)
        case "sigmoid":
            return (1 + torch.tanh(x / 2)) / 2
        case "tanh":
            return torch.tanh(x)
        case "gelu":
            return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        case "elu":
            return torch.where(x > 0, x, x.clamp(max=0).exp() - 1)
        case "leaky_relu":
            return torch.where(x > 0, x, 0.01 * x)
    raise AssertionError(name)


def step(layer: Layer, reads: list[Tensor], state: dict[str, Tensor], training: bool) -> Tensor:
    a, x = layer.attrs, reads[0]

    def w(name: str) -> Tensor | None:
        return state.get(f"{layer.where}.{name}")

    match layer.kind:
        case "conv":
            return F.conv2d(x, state[f"{layer.where}.weight"], w("bias"), a["stride"], a["padding"], a.get("dilation", 1), a["groups"])
        case "linear":
            return F.linear(x, state[f"{layer.where}.weight"], w("bias"))
        case "norm":
            dims = [d for d in range(x.dim()) if d != 1]
            mean = x.mean(dims) if training else w("running_mean")
            var = x.var(dims, unbiased=False) if training else w("running_var")
            assert mean is not None
            assert var is not None
            shape = [1, -1] + [1] * (x.dim() - 2)
            normal = (x - mean.view(shape)) / (var.view(shape) + a["eps"]).sqrt()
            return normal * state[f"{layer.where}.weight"].view(shape) + state[f"{layer.where}.bias"].view(shape)
        case "act":
            return act(a["act"], x)
        case "pool" if a["mode"] == "max":
            return F.max_pool2d(x, a["kernel"], a["stride"], a["padding"], ceil_mode=a["ceil"])
        case "pool":
            return F.avg_pool2d(x, a["kernel"], a["stride"], a["padding"], a["ceil"], a["count_pad"])
        case "gap":
            return F.adaptive_avg_pool2d(x, a["size"])
        case "flatten":
            return x.reshape(x.shape[0], -1)
        case "dropout" | "drop_path":
            return x
        case "multiply":
            return x * a["by"]
        case "bins":
            return F.adaptive_max_pool2d(x, a["size"])
        case "take":
            return torch.stack([x[:, c] for c in a["channels"]], 1)
        case "pad":
            top, bottom, left, right = a["edges"]
            y = x.new_zeros(x.shape[0], layer.channels, layer.shape[1], layer.shape[2])
            inside = x[:, :, max(-top, 0) : x.shape[2] - max(-bottom, 0), max(-left, 0) : x.shape[3] - max(-right, 0)]
            y[:, : x.shape[1], max(top, 0) : max(top, 0) + inside.shape[2], max(left, 0) : max(left, 0) + inside.shape[3]] = inside
            return y
        case "lrn":
            n = a["size"]
            squares = F.pad(x * x, (0, 0, 0, 0, n // 2, (n - 1) // 2))
            windows = torch.stack([squares[:, i : i + x.shape[1]] for i in range(n)]).sum(0)
            return x / (a["k"] + a["alpha"] / n * windows) ** a["beta"]
        case "add":
            return torch.stack(reads).sum(0)
        case "scale":
            return x * reads[1]
        case "concat":
            return torch.cat(reads, 1)
        case "slice":
            return x[:, a["start"] : a["stop"]].clone()
        case "interleave":
            order = [group * (x.shape[1] // a["groups"]) + i for i in range(x.shape[1] // a["groups"]) for group in range(a["groups"])]
            return x[:, order]
    raise AssertionError(layer.kind)


def run(layers: Trace, state: dict[str, Tensor], image: Tensor, training: bool = False) -> Tensor:
    """Every value has the shape that its layer says; auxiliary heads are left out."""
    return values(layers, state, image, training)[-1]


def everything(layers: Trace) -> list[Layer]:
    """Every layer with those of auxiliary heads, by its place in the whole network."""
    found = []
    for x in layers:
        found.append(x)
        if x.kind == "auxiliary":
            found += [inner._replace(where=f"{x.where}.rows.{inner.where}") for inner in x.attrs["rows"][1:]]
    return found


def heads(layers: Trace, state: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """What each auxiliary head says in training."""
    found = values(layers, state, image, True)
    return [found[x.index] for x in layers if x.kind == "auxiliary"]


def values(layers: Trace, state: dict[str, Tensor], image: Tensor, training: bool) -> list[Tensor]:
    """The value of each layer."""
    values = [image]
    for layer in layers[1:]:
        if layer.kind == "auxiliary":
            if training:
                rows = [x._replace(where=f"{layer.where}.rows.{x.where}") for x in layer.attrs["rows"]]
                values.append(run(tuple(rows), state, values[layer.inputs[0]], True))
                assert values[-1].shape[1:] == (layer.shape[:1] if layer.flat else layer.shape)
            else:
                values.append(torch.empty(0))
            continue
        value = step(layer, [values[i] for i in layer.inputs], state, training)
        c, h, w = layer.shape
        assert value.shape[1:] == ((c,) if layer.flat else (c, h, w)), layer
        values.append(value)
    return values
