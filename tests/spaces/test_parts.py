"""Named alternatives and blocks inside fields, in both directions."""

from __future__ import annotations

import random
from typing import Any

import pytest
from variants import mutate, picks_block

from nasbench.errors import SpaceError
from nasbench.genotype import Genotype, digest
from nasbench.spaces import ParameterValues, Space, read_space
from nasbench.spaces.choosers import random_chooser, record

NAMED = """
resolution: 32
stem: {none: [], conv: [{op: conv, width: 8, kernel: 3, stride: [1, 2]}]}
stages:
  - fire: [{op: pool}, {op: fire, squeeze: 4, expand: [8, 16], repeat: [1, 2]}]
    mbconv: [{op: mbconv, width: 8, stride: 2}]
    none: []
head: [{op: gap}, {op: linear, width: 10}]
"""


def asked(space: Space, choose: Any) -> tuple[Genotype, ParameterValues]:
    values: ParameterValues = {}
    return space.decode(record(choose, values)), values


def test_a_mapping_of_names_is_a_choice_among_sequences_of_blocks() -> None:
    space = read_space(NAMED)
    assert space.count() == (1 + 2) * (2 * 2 + 1 + 1)
    wanted = {"stem": "none", "stages.0": "fire", "stages.0.fire.1.repeat": 2, "stages.0.fire.1.expand": 16}
    g, values = asked(space, lambda name, options: wanted[name])
    assert values == wanted
    assert [block.op for block in g.blocks] == ["pool", "fire", "gap", "linear"]
    assert space.encode(g) == wanted
    assert [place for place, _, _ in space.describe()] == [
        "resolution", "style", "stem none", "stem conv", "stage 1 fire", "stage 1 mbconv", "stage 1 none", "head", "head",
    ]  # fmt: skip


def test_one_alternative_is_not_asked() -> None:
    space = read_space("stages: [{only: [{op: conv, width: [8, 16]}]}]")
    assert asked(space, lambda name, options: options[1])[1] == {"stages.0.0.width": 16}


def test_where_a_stage_begins_does_not_change_a_network() -> None:
    """The pool ends its stage here, and begins the next one in the space."""
    space = read_space(NAMED)
    g = Genotype.from_yaml("""
      input: [3, 32, 32]
      stem: [{op: conv, width: 8, kernel: 3}, {op: pool}]
      stages: [[{op: fire, squeeze: 4, expand: 8}]]
      head: [{op: gap}, {op: linear, width: 10}]
    """)
    values = space.encode(g)
    assert values["stages.0"] == "fire"
    again = space.decode(lambda name, options: values[name])
    assert digest(again) == digest(g)
    assert again.blocks == g.blocks
    assert again.stages != g.stages


PATHS = """
resolution: 32
stages:
  - op: branches
    paths:
      - [{op: conv, width: [8, 16]}]
      - [{op: conv, width: 4}, {op: conv, width: [8, 16], kernel: [1x3, 3], repeat: [1, 2]}]
    repeat: [1, 2]
"""


@pytest.mark.parametrize("vary", [False, True])
def test_blocks_inside_a_field_have_parameters_too(vary: bool) -> None:
    space = read_space(PATHS + "    vary: [paths]\n" * vary)
    each = 2 * (2 * 2 * 2)
    assert space.count() == each + (each**2 if vary else each)
    rng = random.Random(0)
    for _ in range(40):
        g, values = asked(space, random_chooser(rng))
        assert space.encode(g) == values
    name = "stages.0.0.paths.1.1.1.kernel" if vary else "stages.0.0.paths.1.1.kernel"
    wanted = {"stages.0.0.repeat": 2, name: "1x3"}
    g, values = asked(space, lambda at, options: wanted.get(at, options[-1]))
    assert values[name] == "1x3"
    layers = [layer for block in g.stages[0] for layer in block.unrolled]
    kernels = [layer.fields["paths"][1][1].fields["kernel"] for layer in layers]
    assert kernels == ([3, (1, 3)] if vary else [(1, 3), (1, 3)])


def test_what_differs_inside_a_field_is_named() -> None:
    space = read_space(PATHS)
    g = asked(space, lambda name, options: options[0])[0]
    other = Genotype.from_yaml(g.to_yaml().replace("width: 16", "width: 9").replace("width: 8", "width: 9"))
    with pytest.raises(
        SpaceError, match=r"paths of layer 1 differs: stages\.0\.0\.paths\.0\.0\.width: width of layer 1 is 9, the options are 8"
    ):
        space.encode(other)
    longer = Genotype.from_yaml(g.to_yaml().replace("- {op: conv, width: 8}", "- {op: conv, width: 8}\n    - {op: gap}", 1))
    assert longer == g or longer not in space


def test_a_mutant_may_be_asked_to_change_the_family() -> None:
    space = read_space(NAMED)
    rng = random.Random(0)
    for seed in range(30):
        _, values = asked(space, random_chooser(random.Random(seed)))
        _, mutated = mutate(space, values, rng, among=picks_block)
        assert [mutated[k] != values[k] for k in ("stem", "stages.0")].count(True) == 1
    assert picks_block("stages.3")
    assert picks_block("stages.0.0.any_of")
    assert not picks_block("stages.0.fire.1.expand")
