"""Networks as DataFrames: exact cost beside published results, and where along a network the cost lies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from nasbench.genotype import Genotype, cost, trace
from nasbench.genotype.kind import KINDS
from nasbench.zoo import facts, known, members


def known_frame(names: Iterable[str] | None = None, family: str | None = None) -> pd.DataFrame:
    """The known networks, one a row: exact costs for one image beside the published results.

    Args:
        names: which networks; default: all.
        family: only those of a family, such as `resnet`, or `mobilenet` for v1 to v3; default: all.

    Returns:
        A frame indexed by name; `network_frame` describes its columns.

    Raises:
        GenotypeError: there is no network, or no family, of that name.

    >>> known_frame(["resnet50", "efficientnet_b0"])[["year", "params_count", "macs", "top1_percent"]].rename_axis(None)
                     year  params_count        macs  top1_percent
    resnet50         2015      25557032  4089184256         75.99
    efficientnet_b0  2019       5288548   385814752         77.10
    """
    chosen = list(known() if names is None else names)
    if family is not None:
        inside = set(members(family))
        chosen = [name for name in chosen if name in inside]
    return network_frame({name: known(name) for name in chosen})


def network_frame(networks: Mapping[str, Genotype]) -> pd.DataFrame:
    """One row per network: exact counts by `nasbench.genotype.cost` for one image, and the results that were published under its name.

    Columns: family, year (missing for a network that is not known); input_px (side of the image); params_count, macs (multiply-adds),
    activations_count, depth_layers, peak_bytes, train_peak_bytes; paper_params_count, paper_macs (as the paper prints them);
    top1_percent (ImageNet), top1_test (`1 crop`, `10 crops`, `dense`), top1_px (side of the tested image), top1_like_for_like (tested with
    one crop at the network's own input size); cifar10_error_percent.
    """
    published = facts()
    rows = []
    for name, g in networks.items():
        c = cost(g)
        fact = published.get(name)
        rows.append(
            {
                "network": name,
                "family": fact.family if fact else None,
                "year": fact.year if fact else None,
                "input_px": g.input[1],
                "params_count": c.params,
                "macs": c.macs,
                "activations_count": c.activations,
                "depth_layers": c.depth,
                "peak_bytes": c.peak_bytes,
                "train_peak_bytes": c.train_peak_bytes,
                "paper_params_count": fact.paper_params if fact else None,
                "paper_macs": fact.paper_macs if fact else None,
                "top1_percent": fact.top1 if fact else None,
                "top1_test": fact.top1_test if fact else None,
                "top1_px": fact.top1_side if fact else None,
                "top1_like_for_like": bool(fact and fact.top1_test == "1 crop" and fact.top1_side == g.input[1]),
                "cifar10_error_percent": fact.cifar10_error if fact else None,
            }
        )
    frame = pd.DataFrame(rows).set_index("network")
    numbers = ("paper_params_count", "paper_macs", "top1_percent", "cifar10_error_percent")
    return frame.astype(dict.fromkeys(numbers, "float64") | {"year": "Int64", "top1_px": "Int64"})


def part_names(networks: Iterable[Genotype]) -> list[str]:
    """The parts of networks in their order: `stem`, `stage 1` up to the largest number of stages, `head`."""
    return ["stem", *(f"stage {i + 1}" for i in range(max((len(g.stages) for g in networks), default=0))), "head"]


def stage_frame(g: Genotype) -> pd.DataFrame:
    """The cost of the stem, each stage and the head: params_count, macs, activations_count, and out (shape of the last layer)."""
    columns = ("params_count", "macs", "activations_count")
    totals: dict[str, list[int]] = {}
    out: dict[str, str] = {}
    for x in trace(g)[1:]:
        part, number = x.where.split(".")[:2]
        name = f"stage {int(number) + 1}" if part == "stages" else part
        counts = (x.params, x.macs, x.elements if KINDS[x.kind].counted else 0)
        totals[name] = [a + b for a, b in zip(totals.get(name, [0, 0, 0]), counts, strict=True)]
        out[name] = "x".join(map(str, x.shape))
    return pd.DataFrame.from_dict(totals, orient="index", columns=list(columns)).assign(out=pd.Series(out))


def receptive_frame(g: Genotype) -> pd.DataFrame:
    """Receptive fields: for each convolution, pooling and sum, the side of the square of the input that one value depends on, in pixels.

    The square may be larger than the image. Layers that depend on a whole feature map are left out: a global average, and layers that only
    read it, such as those of squeeze-and-excitation. Scaling a map by such weights does not widen its receptive field.

    Columns: depth_layers (convolutions and linear layers on the longest path so far), seen_px, step_px (input pixels between neighbours).
    """
    seen: list[tuple[float, float, float, int]] = []  # height and width of the receptive field, step, depth
    rows = []
    for x in trace(g):
        kind = KINDS[x.kind]
        px = [max((seen[i][k] for i in x.inputs), default=1) for k in (0, 1)]
        step = max((seen[i][2] for i in x.inputs), default=1)
        depth = max((seen[i][3] for i in x.inputs), default=0) + kind.counted
        if kind.sees == "gated":  # the first input is the map, the second the weights of its channels
            px, step = list(seen[x.inputs[0]][:2]), seen[x.inputs[0]][2]
        elif kind.sees == "window":
            px = [p + (k - 1) * step for p, k in zip(px, x.attrs["kernel"], strict=True)]
            step *= x.attrs["stride"]
        elif x.flat or kind.sees == "map":
            px = [math.inf, math.inf]
        seen.append((px[0], px[1], step, depth))
        if (kind.sees == "window" or x.kind == "add") and math.isfinite(max(px)):
            rows.append({"where": x.where, "depth_layers": depth, "seen_px": int(max(px)), "step_px": int(step)})
    return pd.DataFrame(rows).set_index("where")
