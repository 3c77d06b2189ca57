"""The spaces of one family each: which classics are points of them, and that their samples are networks."""

from __future__ import annotations

import random

import pytest
from variants import cross, mutate

from nasbench.genotype import Genotype, cost, digest
from nasbench.genotype.blocks import cell, conv, gap, identity, linear
from nasbench.spaces import load_space
from nasbench.zoo import known

RESIDUAL = [
    "resnet18", "resnet18_a", "resnet18_c", "plain18", "resnet34", "resnet34_a", "resnet34_c", "plain34",
    "resnet50", "resnet50_v1", "resnet101", "resnet101_v1", "resnet152", "resnet152_v1",
    "preresnet18", "preresnet34", "preresnet50", "preresnet101", "preresnet152", "preresnet200",
    "resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2",
    "seresnet50", "seresnet101", "seresnet152", "seresnext50_32x4d", "seresnext101_32x4d",
]  # fmt: skip
MEMBERS = {
    "residual": RESIDUAL,
    "dense": ["densenet121", "densenet161", "densenet169", "densenet201"],
    "shuffle": [
        "shufflenet_v1_g1", "shufflenet_v1_g2", "shufflenet_v1_g3", "shufflenet_v1_g4", "shufflenet_v1_g8", "shufflenet_v1_g3_x0_5",
        "shufflenet_v1_g3_x0_25", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
    ],
    "cells": ["nasnet_a_mobile", "nasnet_a_large"],
    "darts": [],
}  # fmt: skip


@pytest.mark.parametrize("name", MEMBERS)
def test_the_classics_of_its_family_are_points_and_no_others(name: str) -> None:
    space = load_space(name)
    assert [n for n in known() if known(n) in space] == [n for n in known() if n in MEMBERS[name]]
    for n in MEMBERS[name]:
        values = space.encode(known(n))
        assert digest(space.decode(lambda name, options: values[name])) == digest(known(n))  # noqa: B023 - called at once


def darts_v2() -> Genotype:
    """The cells that Liu et al. 2018 found by the second order (fig. 4 and 5), 20 of them with 36 channels at first.

    Here value 0 is the output of the cell before, and 1 of the one before that; in their code it is the other way round.
    """
    normal = (("sep3", 1, "sep3", 0), ("sep3", 1, "sep3", 0), ("sep3", 0, "identity", 1), ("identity", 1, "dil3", 2))
    reduction = (("max3", 1, "max3", 0), ("identity", 2, "max3", 0), ("max3", 1, "identity", 2), ("identity", 2, "max3", 0))
    rest, shrink = {"nodes": normal, "output": (2, 3, 4, 5), "repeat": 6}, {"nodes": reduction, "output": (2, 3, 4, 5), "stride": 2}
    return Genotype(
        "darts_v2",
        input=(3, 32, 32),
        stem=(conv(108, 3, act="none"), identity()),
        stages=((cell(36, **rest),), (cell(72, **shrink), cell(72, **rest)), (cell(144, **shrink), cell(144, **rest))),
        head=(gap(), linear(10)),
    )


def test_darts_v2_is_a_point_and_has_its_published_size() -> None:
    """3.3 million parameters in table 1 of the paper; the authors' code prints 3.349342 for it."""
    g = darts_v2()
    assert cost(g).params == 3_349_342
    space = load_space("darts")
    values = space.encode(g)
    assert values["normal.3.2"] == "dil3"
    assert digest(space.decode(lambda name, options: values[name])) == digest(g)


@pytest.mark.parametrize("name", MEMBERS)
def test_samples_mutants_and_children_are_networks_of_the_space(name: str) -> None:
    space, rng = load_space(name), random.Random(0)
    drawn = [space.sample(seed) for seed in range(40)]
    assert len({digest(g) for g in drawn}) > 35
    for g in drawn:
        assert cost(g).macs > 0
        values = space.encode(g)
        mutant, changed = mutate(space, values, rng)
        assert mutant in space
        assert changed != values
        child, _ = cross(space, values, space.encode(rng.choice(drawn)), rng)
        assert child in space
