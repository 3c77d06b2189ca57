"""`show`: a table per stage, YAML, a drawing; mistakes are one line."""

from __future__ import annotations

import json
import math
import operator
import re
import xml.etree.ElementTree as ET
from dataclasses import fields
from typing import get_args

import pytest
import torch
from messages import one_line

import nasbench as nb
from nasbench.genotype import BLOCK_TYPES
from nasbench.genotype.fields import TYPES, Act
from nasbench.genotype.kinds.activation import ACTS


def test_the_table_adds_up(call) -> None:
    c = nb.cost(nb.known("densenet121"))
    lines = [line.split() for line in call("show", "densenet121").stdout.splitlines()]
    assert ["=", "stage", "1", "8", "128x28x28", "368,320", "1.143G", "40.3"] in lines
    assert not any(line[:3] == ["=", "stage", "4"] for line in lines)  # one row is its own sum
    data = json.loads(call("show", "densenet121", "--json").stdout)
    assert [s["group"] for s in data["stages"]] == ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
    assert sum(s["params"] for s in data["stages"]) == c.params
    assert sum(s["macs"] for s in data["stages"]) == c.macs
    assert data["stages"][1]["shape"] == [128, 28, 28]
    shares = [float(line[-1]) for line in lines if line and line[0] != "=" and line[-2].endswith(("M", "G", "k", "0")) and "." in line[-1]]
    assert sum(shares) == pytest.approx(100, abs=0.5)


def rows(stdout: str) -> list[str]:
    return [line.split()[0] for line in stdout.splitlines()[1:] if line and not line.startswith(" ")]


def test_types_style_and_activations(call) -> None:
    types = json.loads(call("show", "types", "--json").stdout)
    assert {"type": "Probability", "values": "a number from 0, below 1", "examples": "0, 0.2"} in types
    style = {row["field"]: row for row in json.loads(call("show", "style", "--json").stdout)}
    assert list(style) == [f.name for f in fields(nb.Style)]
    assert {k: row["default"] for k, row in style.items()} == {f.name: str(f.default) for f in fields(nb.Style)}
    assert style["divisor"]["values"] == "a whole number from 1 to 256"
    assert style["init"]["values"] == "he_fan_out, he_fan_in, torch"
    assert all(len(row["meaning"]) > 10 for row in style.values())
    names = [row["activation"] for row in json.loads(call("show", "activations", "--json").stdout)]
    assert names == list(get_args(Act))
    for topic, first in (("types", "Width"), ("style", "norm"), ("activations", "none")):
        ran = call("show", topic)
        assert ran.returncode == 0, ran.stderr
        assert rows(ran.stdout)[0] == first


def test_every_type_that_a_block_shows_is_explained() -> None:
    for name, block_type in BLOCK_TYPES.items():
        for field, spelled, _ in block_type.describe():
            for word in spelled.split(" | "):
                plain = re.sub(r"\[.*\]", "[...]", word)
                assert plain in TYPES, f"{name}.{field}: {spelled}"


@pytest.mark.parametrize("name", ACTS)
def test_the_formula_of_an_activation_is_its_function(name: str) -> None:
    formula = ACTS[name].formula.removesuffix(", also called swish")
    words = {"exp": math.exp, "erf": math.erf, "sqrt": math.sqrt, "tanh": math.tanh, "sigmoid": lambda x: 1 / (1 + math.exp(-x))}
    function = operator.attrgetter(ACTS[name].torch.removeprefix("torch."))(torch)
    for x in (-7.0, -3.5, -1.0, -0.1, 0.0, 0.1, 2.0, 5.0, 9.0):
        assert eval(formula, {**words, "x": x, "min": min, "max": max}) == pytest.approx(float(function(torch.tensor(x))), abs=1e-5)


def test_a_studys_folder_is_its_winner(nasbench, call) -> None:
    best = nasbench.folder / "runs" / "mine" / "best"
    best.mkdir(parents=True)
    (best / "genotype.yaml").write_text(nb.known("resnet18").to_yaml())
    for command in ("show", "cost"):
        assert call(command, "runs/mine", "--json").stdout == call(command, "resnet18", "--json").stdout
    (nasbench.folder / "vgg16").mkdir()  # a known name stays that network
    assert "vgg16" in call("cost", "vgg16", "--json").stdout


def test_a_space_is_shown_and_is_no_network(nasbench, call) -> None:
    (nasbench.folder / "mine.yaml").write_text("name: mine\nresolution: 32\nstem: [{op: conv, width: [8, 16]}]\n")
    for name in ("mine.yaml", "tiny"):
        assert call("show", name).stdout == call("spaces", name).stdout
        assert call("show", name, "--json").stdout == call("spaces", name, "--json").stdout
        one_line(call("cost", name), f"{name} is a search space", f"nasbench spaces {name} --sample 0")


def test_yaml_is_the_genotype(call) -> None:
    assert call("show", "inception_v3", "--yaml").stdout == nb.known("inception_v3").to_yaml()
    assert nb.Genotype.from_yaml(call("show", "resnet18", "--yaml", "--input", "3x64x64").stdout).input == (3, 64, 64)


def test_a_drawing(nasbench, call) -> None:
    ran = call("show", "resnet50", "--draw", "net.svg", "--expand", "stages.2.1", "--expand", "stem")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "wrote net.svg: resnet50, 3x224x224\n"
    text = (nasbench.folder / "net.svg").read_text(encoding="utf-8")
    assert text == nb.draw(nb.known("resnet50"), expand=("stages.2.1", "stem")).svg
    places = [made.get("data-place") for made in ET.fromstring(text).iter() if made.get("data-place")]
    assert {"stages.2.1", "stages.2.1.reduce.conv", "stem.0.conv"} <= set(places)
    assert not any(p.startswith("stages.0.0.") for p in places)
    call("show", "resnet50", "--draw", "all.svg", "--layers")
    assert (nasbench.folder / "all.svg").read_text(encoding="utf-8") == nb.draw(nb.known("resnet50"), layers=True).svg


def test_a_drawing_of_a_file(nasbench, call) -> None:
    (nasbench.folder / "mine.yaml").write_text("name: <b>\nstem: [{op: conv, width: 8}]\n")
    assert call("show", "mine.yaml", "--draw", "net.svg").returncode == 0
    text = (nasbench.folder / "net.svg").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("resnet50", "--draw", "net.doc"), [".svg", "net.doc"]),
        (("resnet50", "--draw", "file/net.svg"), ["cannot write", "file/net.svg"]),
        (("resnet50", "--draw", "net.svg", "--expand", "stages.9.1"), ["no 'stages.9.1'", "did you mean stages."]),
        (("resnet50", "--expand", "stages.0.0"), ["--draw", "stages.0.0"]),
        (("resnet50", "--yaml", "--json"), ["--yaml", "--json"]),
        (("mbconv", "--draw", "net.svg"), ["network", "mbconv"]),
        (("--yaml",), ["network", "no name"]),
    ],
)
def test_mistakes_are_one_line(nasbench, call, words: tuple[str, ...], parts: list[str]) -> None:
    (nasbench.folder / "file").write_text("")
    ran = call("show", *words)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert len(ran.stderr.strip().splitlines()) == 1
    assert all(part in ran.stderr for part in parts), ran.stderr
    assert not list(nasbench.folder.glob("net*"))
