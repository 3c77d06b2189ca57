"""Named alternatives, rows inside fields, tied fields, bounds; each in both directions."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nasbench.errors import GenotypeError, SpaceError
from nasbench.genotype import Genotype, cost, digest
from nasbench.spaces import Options, ParameterValues, Space, read_space
from nasbench.spaces.choosers import cross, mutate, picks_block, random_chooser, record

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
    answers: ParameterValues = {}
    return space.decode(record(choose, answers)), answers


def test_a_mapping_of_names_is_a_choice_among_sequences_of_rows() -> None:
    space = read_space(NAMED)
    assert space.count() == (1 + 2) * (2 * 2 + 1 + 1)
    wanted = {"stem": "none", "stages.0": "fire", "stages.0.fire.1.repeat": 2, "stages.0.fire.1.expand": 16}
    g, answers = asked(space, lambda label, options: wanted[label])
    assert answers == wanted
    assert [row.op for row in g.blocks] == ["pool", "fire", "gap", "linear"]
    assert space.encode(g) == wanted
    assert [place for place, _, _ in space.describe()] == [
        "resolution", "style", "stem none", "stem conv", "stage 1 fire", "stage 1 mbconv", "stage 1 none", "head", "head",
    ]  # fmt: skip


def test_one_alternative_is_not_asked() -> None:
    space = read_space("stages: [{only: [{op: conv, width: [8, 16]}]}]")
    assert asked(space, lambda label, options: options[1])[1] == {"stages.0.0.width": 16}


def test_where_a_stage_begins_is_no_property_of_a_network() -> None:
    """The pool ends its stage here, and begins the next one in the space."""
    space = read_space(NAMED)
    g = Genotype.from_yaml("""
      input: [3, 32, 32]
      stem: [{op: conv, width: 8, kernel: 3}, {op: pool}]
      stages: [[{op: fire, squeeze: 4, expand: 8}]]
      head: [{op: gap}, {op: linear, width: 10}]
    """)
    answers = space.encode(g)
    assert answers["stages.0"] == "fire"
    again = space.decode(lambda label, options: answers[label])
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
def test_rows_inside_a_field_are_open_too(vary: bool) -> None:
    space = read_space(PATHS + "    vary: [paths]\n" * vary)
    each = 2 * (2 * 2 * 2)
    assert space.count() == each + (each**2 if vary else each)
    rng = random.Random(0)
    for _ in range(40):
        g, answers = asked(space, random_chooser(rng))
        assert space.encode(g) == answers
    label = "stages.0.0.paths.1.1.1.kernel" if vary else "stages.0.0.paths.1.1.kernel"
    wanted = {"stages.0.0.repeat": 2, label: "1x3"}
    g, answers = asked(space, lambda at, options: wanted.get(at, options[-1]))
    assert answers[label] == "1x3"
    layers = [block for row in g.stages[0] for block in row.unrolled]
    kernels = [block.fields["paths"][1][1].fields["kernel"] for block in layers]
    assert kernels == ([3, (1, 3)] if vary else [(1, 3), (1, 3)])


def test_what_differs_inside_a_field_is_named() -> None:
    space = read_space(PATHS)
    g = asked(space, lambda label, options: options[0])[0]
    other = Genotype.from_yaml(g.to_yaml().replace("width: 16", "width: 9").replace("width: 8", "width: 9"))
    with pytest.raises(
        SpaceError, match=r"paths of layer 1 differs: stages\.0\.0\.paths\.0\.0\.width: width of layer 1 is 9, the options are 8"
    ):
        space.encode(other)
    longer = Genotype.from_yaml(g.to_yaml().replace("- {op: conv, width: 8}", "- {op: conv, width: 8}\n    - {op: gap}", 1))
    assert longer == g or longer not in space


LISTS = """
resolution: 32
channels: [1, 3]
stem: [{op: conv, width: 8}, {op: conv, width: 8}]
stages:
  - op: cell
    width: 8
    nodes: [[[sep3, max3, identity], [0, 1], avg3, 1], [sep3, 0, sep3, [0, 1, 2]]]
    output: [2, 3]
head: [{op: spp, levels: [[3, 4], 2, 1]}, {op: linear, width: 5}]
"""


def test_lists_in_a_row_may_hold_choices() -> None:
    space = read_space(LISTS)
    assert space.count() == 2 * (3 * 2 * 3) * 2
    seen = set()
    for g in space:
        answers = space.encode(g)
        assert space.decode(lambda label, options: answers[label]) == g  # noqa: B023 - called at once
        assert cost(g).params > 0
        seen.add(g)
    assert len(seen) == space.count()
    g, _ = asked(space, lambda label, options: options[-1])
    assert g.input[0] == 3
    assert g.stages[0][0].fields["nodes"][0] == ("identity", 1, "avg3", 1)
    assert g.head[0].fields["levels"] == (4, 2, 1)
    assert Genotype.from_yaml(g.to_yaml().replace("[4, 2, 1]", "[4, 2]")) not in space


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
    labels: list[str] = []

    def choose(label: str, options: Options) -> Any:
        labels.append(label)
        return options[-1]

    g = space.decode(choose)
    assert labels == ["w", "stages.0.0.kernel", "stages.1.0.repeat"]
    assert {row.fields["width"] for row in g.blocks} == {16}
    assert space.encode(g) == {"w": 16, "stages.0.0.kernel": 3, "stages.1.0.repeat": 2}
    uneven = Genotype.from_yaml(g.to_yaml().replace("width: 16", "width: 8", 1))
    assert uneven not in space


BOUNDED = "resolution: 32\nbounds: {params: 5k}\nstages: [{op: conv, width: {range: [8, 256, 8]}, kernel: 3, repeat: [1, 2, 3]}]"


def test_nothing_above_a_bound_is_in_the_space() -> None:
    space = read_space(BOUNDED)
    inside = list(space)
    assert 0 < len(inside) < space.count()
    assert all(cost(g).params <= 5000 for g in inside)
    assert {space.sample(seed) for seed in range(50)} <= set(inside)
    free = read_space(BOUNDED.replace("bounds: {params: 5k}", ""))
    large = [g for g in free if cost(g).params > 5000]
    assert len(large) + len(inside) == space.count()
    for g in large:
        assert g not in space
    with pytest.raises(SpaceError, match=r"outside the space .*at most 5k params; this one has"):
        space.encode(large[0])
    rng = random.Random(0)
    for g in inside:
        assert mutate(space, space.encode(g), rng, 2)[0] in inside
        assert cross(space, space.encode(g), space.encode(rng.choice(inside)), rng)[0] in inside


def test_a_space_without_a_network_says_so() -> None:
    with pytest.raises(
        SpaceError, match=r"none of 1000 draws from text is a network; check strides, paddings and bounds; the last: .*params"
    ):
        read_space(BOUNDED.replace("5k", "10")).sample(0)
    with pytest.raises(SpaceError, match=r"none of 1000 draws .* does not fit"):
        read_space("resolution: 8\nstem: [{op: conv, width: [8, 16], kernel: 11, padding: valid}]").sample(0)


def test_draws_that_are_no_network_are_drawn_again() -> None:
    space = read_space(
        "resolution: 8\nstem: [{op: conv, width: 8, kernel: [3, 11], padding: valid}, {op: conv, width: 8, kernel: [3, 7], padding: valid}]"
    )
    kernels = {tuple(row.fields["kernel"] for row in space.sample(seed).stem) for seed in range(40)}
    assert kernels == {(3, 3)}
    with pytest.raises(GenotypeError):
        cost(space.decode(lambda label, options: options[1]))


def test_a_mutant_may_be_asked_to_change_the_family() -> None:
    space = read_space(NAMED)
    rng = random.Random(0)
    for seed in range(30):
        _, answers = asked(space, random_chooser(random.Random(seed)))
        _, mutated = mutate(space, answers, rng, among=picks_block)
        assert [mutated[k] != answers[k] for k in ("stem", "stages.0")].count(True) == 1
    assert picks_block("stages.3")
    assert picks_block("stages.0.0.any_of")
    assert not picks_block("stages.0.fire.1.expand")
