"""A block of a space: tied fields, runs of layers, names."""

from __future__ import annotations

from typing import Any

import pytest

from nasbench.genotype import Block, Genotype
from nasbench.spaces import Options, read_space
from nasbench.spaces.block import SpaceBlock, Trail, compact, is_name
from nasbench.spaces.parts import Path

TIED = """
resolution: 32
stem: [{op: conv, width: [8, 16], tie: {width: w}}]
stages:
  - {op: conv, width: [8, 16], kernel: [1, 3], tie: {width: w}}
  - {op: conv, width: [8, 16], repeat: [1, 2], tie: {width: w}}
"""


def test_a_tied_field_is_asked_once_and_the_same_everywhere() -> None:
    space = read_space(TIED)
    assert space.count() == len(list(space)) == 2 * 2 * 2
    names: list[str] = []

    def choose(name: str, options: Options) -> Any:
        names.append(name)
        return options[-1]

    g = space.decode(choose)
    assert names == ["w", "stages.0.0.kernel", "stages.1.0.repeat"]
    assert {block.fields["width"] for block in g.blocks} == {16}
    assert space.encode(g) == {"w": 16, "stages.0.0.kernel": 3, "stages.1.0.repeat": 2}
    uneven = Genotype.from_yaml(g.to_yaml().replace("width: 16", "width: 8", 1))
    assert uneven not in space


def conv(width: int, stride: int = 1, repeat: int = 1) -> Block:
    return Block("conv", {"width": width, "stride": stride}, repeat)


@pytest.mark.parametrize(
    ("blocks", "runs"),
    [
        ([], []),
        ([conv(8), conv(8), conv(16)], [conv(8, repeat=2), conv(16)]),
        ([conv(8, 2), conv(8), conv(8)], [conv(8, 2, repeat=3)]),  # only the first layer of a run has its stride
        ([conv(8, 2), conv(8, 2)], [conv(8, 2), conv(8, 2)]),
        ([conv(8), conv(16), conv(8)], [conv(8), conv(16), conv(8)]),
    ],
)
def test_equal_neighbours_are_one_block(blocks: list[Block], runs: list[Block]) -> None:
    assert compact(blocks) == tuple(runs)


def block(**written: Any) -> SpaceBlock:
    return SpaceBlock.read({"op": "conv", "width": 8, **written}, {}, "stem", Path.read)


def test_a_block_in_words() -> None:
    assert block().describe() == "conv: width 8"
    assert (
        block(width=[8, 16], kernel=3, vary=["width"], repeat=[1, 2]).describe()
        == "conv: width (each layer) [8, 16], kernel 3, repeat [1, 2]"
    )
    assert block(repeat=2, tie={"width": "w"}).describe() == "conv: width as w, repeat 2"


def test_a_block_counts_its_combinations() -> None:
    assert block(width=[8, 16], act=["relu", "silu"], repeat=[0, 1, 2]).count() == 1 + 4 + 4
    assert block(width=[8, 16], act=["relu", "silu"], repeat=[0, 1, 2], vary=["width"]).count() == 1 + 2 * 2 + 2 * 4
    assert block(width=[8, 16], tie={"width": "w"}, act=["relu", "silu"]).count() == 2


def test_all_lengths_that_match_and_why_it_stops() -> None:
    trail = Trail()
    layers = [conv(8), conv(8), conv(16)]
    matches = list(block(width=[8, 16], repeat=[1, 2, 3]).match(layers, 0, "stem.0", trail))
    assert matches == [(1, {"stem.0.repeat": 1, "stem.0.width": 8}), (2, {"stem.0.repeat": 2, "stem.0.width": 8})]
    assert (trail.position, trail.reason) == (2, "stem.0.width: width is 8 before layer 3 and 16 there")


@pytest.mark.parametrize(("value", "expected"), [("a-b_1", True), ("", False), ("a b", False), ("x" * 41, False), (3, False)])
def test_names(value: Any, expected: bool) -> None:
    assert is_name(value) is expected
