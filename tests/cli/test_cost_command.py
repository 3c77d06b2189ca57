"""`cost`: the counts of a network, and the comparison with fvcore."""

from __future__ import annotations

import json
from dataclasses import asdict

import nasbench as nb


def test_it_prints_the_counts(call) -> None:
    g = nb.known("lenet5_modern")
    data = json.loads(call("cost", "lenet5_modern", "--json").stdout)
    assert data == {"name": "lenet5_modern", "input": [1, 28, 28], **asdict(nb.cost(g))}
    printed = call("cost", "lenet5_modern").stdout
    assert printed.splitlines()[0].split() == ["metric", "value", "convention"]
    assert f"{nb.cost(g).macs:,}" in printed


def test_another_input_has_other_macs(call) -> None:
    data = json.loads(call("cost", "resnet18", "--input", "3x112x112", "--json").stdout)
    assert data["input"] == [3, 112, 112]
    assert data["params"] == nb.cost(nb.known("resnet18")).params
    assert data["macs"] < nb.cost(nb.known("resnet18")).macs


def test_fvcore_counts_the_same(call) -> None:
    ran = call("cost", "lenet5_modern", "--verify")
    assert ran.returncode == 0, ran.stderr
    assert "yes" in ran.stdout
    assert "fvcore also counts" in ran.stdout


def test_auxiliary_heads_are_counted_apart(call) -> None:
    assert f"{nb.cost(nb.known('googlenet')).auxiliary_params:,}  more parameters, in training only" in call("cost", "googlenet").stdout
