"""Wherever a genotype is expected, a name, a file or a built network may stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import nasbench as nb
from nasbench.errors import GenotypeError
from nasbench.genotype import as_genotype

G = nb.known("lenet5_modern")
EXPECTING: dict[str, Callable[[Any], Any]] = {
    "cost": nb.cost,
    "trace": nb.trace,
    "digest": nb.digest,
    "adapt": lambda g: nb.adapt(g, classes=3),
    "scale": lambda g: nb.scale(g, width=2),
    "draw": lambda g: nb.draw(g).svg,
    "row_diff": lambda g: nb.row_diff(g, "lenet5").changes,
    "build": lambda g: nb.build(g, device="meta").code,
}


@pytest.mark.parametrize("name", EXPECTING)
def test_names_files_and_modules_are_networks(tmp_path: Path, name: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(G.to_yaml())
    expected = EXPECTING[name](G)
    for network in ("lenet5_modern", path, str(path), G.to_yaml(), nb.build(G), nb.build("lenet5_modern", device="meta")):
        assert EXPECTING[name](network) == expected, network


def test_predictions_take_names_too() -> None:
    profile = "studies/data/mbconv-20ms/profile.json"
    one = nb.predict_latency("mobilenet_v2", device=profile)
    assert one == nb.predict_latency(nb.known("mobilenet_v2"), device=profile)
    assert (
        nb.predict_latency(["mobilenet_v2"], device=profile)
        == {"mobilenet_v2": one}
        == nb.predict_latency({"mobilenet_v2": "mobilenet_v2"}, device=profile)
    )


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("resnet51", r"there is no known network 'resnet51'; did you mean resnet50.*, or give a \.yaml file"),
        ("gone.yaml", "cannot read gone.yaml"),
        (nn.Linear(2, 3), "got a module Linear of another library; write it as a genotype, or count it with fvcore"),
        (torch.fx.symbolic_trace(nn.Linear(2, 3)), "got a module Linear of another library|got a module GraphModule of another"),
        (7, "a network is a genotype, the name of a known network, a .yaml file, or a module that nasbench.build made; got 7"),
        (None, "got None"),
    ],
)
def test_anything_else_is_refused_in_a_line(network: Any, said: str) -> None:
    for function in (as_genotype, nb.cost, nb.build, nb.adapt):
        with pytest.raises(GenotypeError, match=said):
            function(network)
