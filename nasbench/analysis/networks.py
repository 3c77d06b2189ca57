"""Networks as DataFrames: what each costs exactly beside what was published, and where along a network the cost lies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from nasbench.genotype import Genotype, cost, trace
from nasbench.genotype.kind import KINDS
from nasbench.zoo import facts, known, members


def known_frame(names: Iterable[str] | None = None, family: str | None = None) -> pd.DataFrame:
    """The known networks, all or those named or of a family (`mobilenet` for v1 to v3); see `network_frame` for the columns.

    Raises:
        GenotypeError: no network, or no family, of that name.
    """
    chosen = list(known() if names is None else names)
    if family is not None:
        inside = set(members(family))
        chosen = [name for name in chosen if name in inside]
    return network_frame({name: known(name) for name in chosen})


def network_frame(networks: Mapping[str, Genotype]) -> pd.DataFrame:
    """One row per network: exact counts by `nasbench.genotype.cost` for one image, and what was published under that name.

    Columns: family, year (None for a network that is not known); input_px (side); params_count, macs, activations_count, depth_layers,
    peak_bytes, train_peak_bytes; paper_params_count, paper_macs; top1_percent (ImageNet), top1_test (`1 crop`, `10 crops`, `dense`),
    top1_px (side that was shown), top1_like_for_like (one crop at the network's own input size); cifar10_error_percent.
    """
    found = facts()
    rows = []
    for name, g in networks.items():
        c = cost(g)
        fact = found.get(name)
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


def stage_frame(g: Genotype) -> pd.DataFrame:
    """What the stem, each stage and the head cost: params_count, macs, activations_count, and out (shape) of the last layer."""
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
    """How far a value sees: per convolution, pooling and sum, the side of the square of the input that it depends on, in pixels.

    Columns: depth_layers (convolutions and linear layers on the longest way so far), seen_px, step_px (input pixels between neighbours).
    The square may be larger than the image. What looks at a whole map at once (a global average and all that only reads it, so the
    weights of squeeze-and-excitation too) is left out, and a map that is only scaled by such weights sees no more than before.
    """
    seen: list[tuple[float, float, float, int]] = []  # rows and columns of the input seen, step, depth
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
