"""How a genotype, its cost and its trace print, and what a notebook shows of them."""

from __future__ import annotations

import pickle
import xml.etree.ElementTree as ET

import pytest

import nasbench as nb
from nasbench.genotype import Trace
from nasbench.genotype.blocks import branches, conv, gap, linear, mbconv
from nasbench.notebook import PICTURES, table

SMALL = nb.Genotype(
    "small",
    (3, 32, 32),
    stem=(conv(16, 3, 2),),
    stages=((mbconv(24, stride=2, repeat=2), mbconv(24, expand=None)),),
    head=(gap(), linear(10)),
    style=nb.Style(act="relu6"),
)


def test_a_genotype_prints_as_its_blocks() -> None:
    assert repr(SMALL).splitlines() == [
        "Genotype 'small', input 3x32x32, 6 blocks",
        "  stem     conv width 16, kernel 3, stride 2",
        "  stage 1  2 x mbconv width 24, stride 2",
        "           mbconv width 24, expand null",
        "  head     gap",
        "           linear width 10",
        "  style    act relu6",
    ]
    assert str(SMALL) == repr(SMALL)
    assert repr(nb.Genotype("n")) == "Genotype 'n', input 3x224x224, 0 blocks"


@pytest.mark.parametrize("name", ["nasnet_a_mobile", "inception_v3", "lenet5"])
def test_a_large_genotype_prints_on_few_short_lines(name: str) -> None:
    lines = repr(nb.known(name)).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 122


def test_a_block_prints_as_what_makes_it() -> None:
    block = branches([[], [conv(8, 3)]], "add", repeat=2)
    assert repr(block) == "Block('branches', {'paths': ((), (Block('conv', {'width': 8, 'kernel': 3}),)), 'join': 'add'}, 2)"
    assert eval(repr(block), {"Block": nb.Block}) == block


def test_a_cost_prints_as_python_and_as_a_table() -> None:
    cost = nb.cost(SMALL)
    assert repr(cost).startswith(f"Cost(params={cost.params:_}, macs={cost.macs:_}, ")
    assert eval(repr(cost), {"Cost": nb.Cost}) == cost
    lines = str(cost).splitlines()
    assert lines[0] == f"parameters{cost.params:>28,}"
    assert len({len(line) for line in lines}) == 1
    assert "auxiliary parameters" not in str(cost)
    assert str(nb.cost(nb.known("googlenet"))).splitlines()[-1] == "auxiliary parameters         6,379,984"


def test_a_trace_prints_as_a_table() -> None:
    lines = repr(nb.trace(SMALL)).splitlines()
    assert lines[0] == f"Trace of {len(nb.trace(SMALL))} layers"
    assert lines[1].split() == ["place", "layer", "shape", "params", "MACs"]
    assert lines[3].split() == ["stem.0.conv", "conv", "3×3", "stride", "2", "16x16x16", "432", "110,592"]
    long = repr(nb.trace(nb.known("googlenet"))).splitlines()
    assert len(long) == 2 + 12 + 1 + 6
    assert long[14].split() == ["..."] * 5
    assert long[-1].split()[-2:] == ["1,025,000", "1,024,000"]


def test_a_trace_is_still_a_tuple() -> None:
    layers = nb.trace(SMALL)
    assert type(layers) is Trace
    assert layers == tuple(layers)
    assert hash(layers[1].shape) == hash((16, 16, 16))
    again = pickle.loads(pickle.dumps(layers))
    assert (type(again), again) == (Trace, layers)


@pytest.mark.parametrize("item", [SMALL, nb.cost(SMALL), nb.Style(act="silu"), SMALL.stem[0]])
def test_what_prints_is_pickled_and_equal(item: object) -> None:
    assert pickle.loads(pickle.dumps(item)) == item


def test_a_notebook_shows_the_drawing_and_the_blocks_of_a_genotype() -> None:
    html = SMALL._repr_html_()
    assert nb.draw(SMALL).svg in html
    root = ET.fromstring(f"<body>{html}</body>")
    assert [[cell.text for cell in row] for row in root.iter("tr")][1:3] == [
        ["stem", "conv width 16, kernel 3, stride 2"],
        ["stage 1", "2 x mbconv width 24, stride 2"],
    ]


def test_a_notebook_shows_a_genotype_that_cannot_be_traced() -> None:
    html = nb.Genotype("<b>wrong</b>", (3, 8, 8), (conv(8, 9, padding="valid"),))._repr_html_()
    assert "<svg" not in html
    assert "Genotype &#x27;&lt;b&gt;wrong&lt;/b&gt;&#x27;" in html


def test_a_notebook_shows_a_cost_and_a_trace_as_tables() -> None:
    rows = [[cell.text for cell in row] for row in ET.fromstring(nb.cost(SMALL)._repr_html_()).iter("tr")]
    assert rows[1] == ["parameters", f"{nb.cost(SMALL).params:,}"]
    layers = nb.trace(nb.known("googlenet"))
    rows = [[cell.text for cell in row] for row in ET.fromstring(layers._repr_html_()).iter("tr")]
    assert len(rows) == 1 + 60 + 1 + 30
    assert rows[2] == ["stem.0.conv", "conv 7×7 stride 2", "64x112x112", "9,408", "118,013,952"]


def test_the_core_knows_no_drawing_and_the_package_registers_it() -> None:
    assert set(PICTURES) == {"Genotype"}
    assert table("t", ("a", "b"), [("<", 1)], right=(1,)).count("text-align:right") == 1
