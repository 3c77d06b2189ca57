"""`spaces`: the list, one space, a sample of it, and the values of a network."""

from __future__ import annotations

import json

import pytest
from messages import one_line

from nasbench.genotype import Genotype, digest
from nasbench.spaces import load_space, space_names
from nasbench.zoo import known


def test_the_list(call) -> None:
    spaces = json.loads(call("spaces", "--json").stdout)
    assert [space["name"] for space in spaces] == space_names()
    assert {space["name"]: space["count"] for space in spaces}["tiny"] == 256
    printed = call("spaces").stdout
    assert all(name in printed for name in space_names())


def test_one_space(call) -> None:
    space = json.loads(call("spaces", "residual", "--json").stdout)
    assert space["count"] == load_space("residual").count()
    assert [(line["place"], line["open"], line["ways"]) for line in space["rows"]] == load_space("residual").describe()
    assert {"resnet18", "resnet50"} < set(space["known"])
    printed = call("spaces", "residual").stdout
    assert "stage 4" in printed
    assert "known networks in it: resnet18" in printed
    assert call("spaces", "tiny").stdout.strip().endswith("known networks in it: none")


def test_a_sample_and_its_values(nasbench, call) -> None:
    sample = json.loads(call("spaces", "tiny", "--sample", "3", "--json").stdout)
    g = Genotype.from_yaml(sample["genotype"])
    assert digest(g) == digest(load_space("tiny").sample(3))
    assert "op: conv" in call("spaces", "tiny", "--sample", "3").stdout
    (nasbench.folder / "net.yaml").write_text(sample["genotype"])
    values = json.loads(call("spaces", "tiny", "--encode", "net.yaml", "--json").stdout)
    assert values == load_space("tiny").encode(g)
    lines = call("spaces", "mbconv", "--encode", "mobilenet_v2").stdout.splitlines()
    assert lines[0].split() == ["parameter", "value"]
    assert len(lines) == 1 + len(load_space("mbconv").encode(known("mobilenet_v2")))


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("mbcnv",), "did you mean mbconv"),
        (("mbconv", "--encode", "vgg16"), "vgg16 is outside the space mbconv"),
        (("none.yaml",), "cannot read none.yaml"),
    ],
)
def test_mistakes_are_one_line(call, words: tuple[str, ...], part: str) -> None:
    one_line(call("spaces", *words), part)
