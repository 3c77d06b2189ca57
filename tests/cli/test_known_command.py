"""`known`: the list, a family of it, in an order; and one network with what was published about it."""

from __future__ import annotations

import json

import pytest

from nasbench.zoo import facts, known


def test_a_family_by_its_beginning_in_the_order_of_macs(call) -> None:
    rows = json.loads(call("known", "--family", "mobilenet", "--sort", "macs", "--json").stdout)
    assert {r["family"] for r in rows} == {"mobilenetv1", "mobilenetv2", "mobilenetv3"}
    assert [r["macs"] for r in rows] == sorted(facts()[r["name"]].macs for r in rows)
    assert {r["name"]: r["top1"] for r in rows}["mobilenet_v2"] == 72.0
    printed = call("known", "--family", "mobilenet", "--sort", "macs").stdout.splitlines()
    assert [line.split()[0] for line in printed[1 : len(rows) + 1]] == [r["name"] for r in rows]
    assert "75.2" in next(line for line in printed if line.startswith("mobilenet_v3_large"))


@pytest.mark.parametrize("by", ["params", "macs", "year"])
def test_every_order_rises(call, by: str) -> None:
    values = [r[by] for r in json.loads(call("known", "--sort", by, "--json").stdout)]
    assert len(values) == len(known())
    assert values == sorted(values)


def test_by_top1_the_best_comes_first_and_those_without_last(call) -> None:
    values = [r["top1"] for r in json.loads(call("known", "--sort", "top1", "--json").stdout)]
    there = [v for v in values if v is not None]
    assert values == sorted(there, reverse=True) + [None] * (len(values) - len(there))
    assert len(there) == 90


def test_by_name_and_by_family(call) -> None:
    assert [r["name"] for r in json.loads(call("known", "--sort", "name", "--json").stdout)] == sorted(known())
    families = [r["family"] for r in json.loads(call("known", "--sort", "family", "--json").stdout)]
    assert families == sorted(families)


def test_one_network_says_by_how_much_and_why(call) -> None:
    printed = call("known", "mobilenet_v2_075").stdout
    assert "paper: 2.61M parameters, exact 2,636,424 (+1.0%, more than its rounding)" in printed
    assert "paper: 209M MACs, exact 209,069,792 (+0.0%, its rounding)" in printed
    assert "why: Without the batch norms' 26,640 parameters" in printed
    assert "top-1: 69.8 % on ImageNet, 1 crop of 224 pixels (authors' release" in printed
    row = json.loads(call("known", "mobilenet_v2_075", "--json").stdout)[0]
    assert (row["paper_params"], row["paper_macs"], row["differs"]) == (2_610_000, 209_000_000, ["params"])


def test_what_was_tested_otherwise_says_so(call) -> None:
    printed = call("known", "--family", "resnet").stdout
    assert next(line for line in printed.splitlines() if line.startswith("plain34")).split()[-3:] == ["71.46", "10", "crops"]
    assert "dense, shorter edge 384 pixels" in call("known", "vgg16").stdout
    assert "at 320" in next(line for line in call("known", "--family", "resnetv2").stdout.splitlines() if line.startswith("preresnet200 "))
    assert "error: 4.00 % on CIFAR-10" in call("known", "wrn28_10_cifar10").stdout


def test_every_network_can_be_shown(call) -> None:
    for name in known():
        ran = call("known", name)
        assert ran.returncode == 0
        assert ("why: " in ran.stdout) == bool(facts()[name].differs)
