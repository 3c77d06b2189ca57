"""`compare`: the figures of `cost` side by side, and a picture of them."""

from __future__ import annotations

import json

import nasbench as nb


def test_it_prints_what_cost_counts(call) -> None:
    names = ["resnet50", "efficientnet_b0", "lenet5_modern"]
    rows = json.loads(call("compare", *names, "--json").stdout)
    assert [r["name"] for r in rows] == names
    assert [(r["params"], r["macs"], r["peak_bytes"]) for r in rows] == [
        (c.params, c.macs, c.peak_bytes) for c in (nb.cost(nb.known(name)) for name in names)
    ]
    printed = call("compare", *names).stdout
    assert "25.56M" in printed
    assert "0.21" in printed  # 5.29 of 25.6 million


def test_the_picture_is_one(nasbench, call) -> None:
    for name, starts in (("nets.png", b"\x89PNG"), ("nets.svg", b"<?xml")):
        assert call("compare", "resnet18", "vgg16", "--draw", name).returncode == 0
        assert (nasbench.folder / name).read_bytes().startswith(starts)


def test_mistakes_are_one_line(nasbench, call) -> None:
    for words, said in (
        (("resnet18",), "two networks or more; got resnet18 alone"),
        ((), "name some, or a --family such as mobilenet"),
        (("--family", "mobilnet"), "did you mean mobilenet"),
        (("resnet18", "resnet19"), "did you mean resnet1"),
        (("resnet18", "vgg16", "--draw", "nets.doc"), "the extension of a picture's file is one of"),
    ):
        ran = call("compare", *words)
        assert ran.returncode == 2
        assert said in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
    assert not list(nasbench.folder.glob("nets*"))


def test_published_accuracy_stands_beside(call) -> None:
    rows = json.loads(call("compare", "plain34", "resnet50", "alexnet", "--json").stdout)
    assert [(r["top1"], r["top1_test"]) for r in rows] == [(71.46, "10 crops"), (75.99, "1 crop"), (None, None)]
    printed = call("compare", "plain34", "resnet50", "alexnet").stdout
    assert next(line for line in printed.splitlines() if line.startswith("plain34")).split()[-5:-2] == ["71.46", "10", "crops"]


def test_a_family_is_compared_by_macs_after_what_is_named(nasbench, call) -> None:
    rows = json.loads(call("compare", "vgg16", "--family", "mobilenet", "--json").stdout)
    assert rows[0]["name"] == "vgg16"
    assert [r["macs"] for r in rows[1:]] == sorted(r["macs"] for r in rows[1:])
    assert len(rows) == 11
    ran = call("compare", "--family", "mobilenet", "alexnet", "--draw", "x.png")
    assert (nasbench.folder / "x.png").stat().st_size > 10_000
    assert "in its grey strip, without a published top-1: alexnet" in ran.stdout


def test_a_network_of_ones_own_has_no_published_figure(nasbench, call) -> None:
    call("export", "resnet18", "--classes", "10", "-o", "mine.yaml")
    mine, other = json.loads(call("compare", "mine.yaml", "resnet18", "--json").stdout)
    assert (mine["top1"], other["top1"]) == (None, 69.57)
    assert call("compare", "mine.yaml", "resnet18", "--draw", "mine.png").returncode == 0
