"""`show`: a table per stage, YAML, a drawing; mistakes are one line."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

import nasbench as nb


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
