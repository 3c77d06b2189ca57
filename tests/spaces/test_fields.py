"""Fields that are lists with choices inside."""

from __future__ import annotations

from typing import Any

import pytest

from nasbench.errors import SpaceError
from nasbench.genotype import Genotype, cost
from nasbench.spaces import read_space
from nasbench.spaces.fields import ListField, Mismatch, ScalarField, read_field

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


def test_lists_in_a_block_may_hold_choices() -> None:
    space = read_space(LISTS)
    assert space.count() == 2 * (3 * 2 * 3) * 2
    seen = set()
    for g in space:
        values = space.encode(g)
        assert space.decode(lambda name, options: values[name]) == g  # noqa: B023 - called at once
        assert cost(g).params > 0
        seen.add(g)
    assert len(seen) == space.count()
    g = space.decode(lambda name, options: options[-1])
    assert g.input[0] == 3
    assert g.stages[0][0].fields["nodes"][0] == ("identity", 1, "avg3", 1)
    assert g.head[0].fields["levels"] == (4, 2, 1)
    assert Genotype.from_yaml(g.to_yaml().replace("[4, 2, 1]", "[4, 2]")) not in space


NODES = ListField((ScalarField(["sep3", "max3"]), ScalarField([0]), ListField((ScalarField([1, 2, 3]),))))


def test_a_field_is_read_decoded_matched_and_counted() -> None:
    field = read_field([["sep3", "max3"], 0, 1], 1, None, {}, "nodes")
    assert field == ListField((ScalarField(["sep3", "max3"]), ScalarField([0]), ScalarField([1])))
    assert NODES.count() == 6
    values = {"nodes.0": "max3", "nodes.2.0": 3}
    assert NODES.decode(lambda name, options: values[name], "nodes") == ("max3", 0, (3,))
    assert NODES.match(("max3", 0, (3,)), "nodes") == values
    assert NODES.describe() == "([sep3, max3] | 0 | ([1, 2, 3]))"
    assert {option for value in NODES.tries() for option in (value[0], *value[2])} == {"sep3", "max3", 1, 2, 3}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (("max3", 0), "has 2 entries, the space 3"),
        (("avg3", 0, (1,)), "is 'avg3', the options are sep3, max3, in entry 1"),
        (("max3", False, (1,)), "is False, the options are 0, in entry 2"),
        (("max3", 0, (4,)), "is 4, the options are 1, 2, 3, in entry 1, in entry 3"),
    ],
)
def test_a_value_that_cannot_come_from_a_field(value: Any, why: str) -> None:
    with pytest.raises(Mismatch, match=f"^{why}$"):
        NODES.match(value, "nodes")


def test_a_pair_of_text_matches_the_pair() -> None:
    kernel = ScalarField([3, "1x7", "5x5"])
    assert kernel.match((1, 7), "kernel") == {"kernel": "1x7"}
    assert kernel.match(5, "kernel") == {"kernel": "5x5"}


def test_a_scalar_where_a_list_is_needed() -> None:
    with pytest.raises(SpaceError, match="nodes, entry 2: a list is needed here; got 3"):
        read_field([[1], 3], 2, None, {}, "nodes")
