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
        (("resnet18",), "two networks or more"),
        (("resnet18", "resnet19"), "did you mean resnet1"),
        (("resnet18", "vgg16", "--draw", "nets.doc"), "a picture's ending is one of"),
    ):
        ran = call("compare", *words)
        assert ran.returncode == 2
        assert said in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
    assert not list(nasbench.folder.glob("nets*"))
