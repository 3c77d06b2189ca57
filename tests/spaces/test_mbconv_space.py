"""The `mbconv` space: which classics it holds, and that what is drawn, mutated and crossed in it stays in it."""

from __future__ import annotations

import random
from functools import lru_cache

import pytest
from classics import CORE
from variants import cross, mutate

from nasbench.errors import SpaceError
from nasbench.genotype import Genotype, cost, digest, trace
from nasbench.spaces import ParameterValues, load_space
from nasbench.zoo import known

SPACE = load_space("mbconv")
INSIDE = ["mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mnasnet1_0", "mnasnet_a1", "efficientnet_b0"]

FIRST_FIELD = {
    "lenet5_modern": "its input is [1, 28, 28]; here it is [3, n, n] with n one of 96, 112,",
    "alexnet": "its style is {'norm': 'none', 'init': 'he_fan_in'}; here it is one of plain, relu6, silu, hard, mnas",
    "vgg16": "its style is {'norm': 'none'",
    "squeezenet1_1": "its style is {'norm': 'none'",
    "googlenet": "its style is {'eps': 0.001}",
    "densenet121": "stem: stem.0.width: width of layer 1 is 64, the options are 8, 16, 24, 32, 40",
    "resnet18": "stem: stem.0.width: width of layer 1 is 64",
    "resnet50": "stem: stem.0.width: width of layer 1 is 64",
    "resnext50_32x4d": "stem: stem.0.width: width of layer 1 is 64",
    "seresnet50": "stem: stem.0.width: width of layer 1 is 64",
    "mobilenet_v1": "stages: stages.0.0 is a mbconv and layer 1 a separable",
    "shufflenet_v2_x1_0": "stem: layer 2 (pool) is one too many",
}


def decoded(values: ParameterValues) -> Genotype:
    return SPACE.decode(lambda name, options: values[name])


def test_each_known_network_is_in_one_of_the_two_tables() -> None:
    assert set(INSIDE) | set(FIRST_FIELD) == set(CORE)


@pytest.mark.parametrize("name", INSIDE)
def test_the_mobile_classics_are_points_of_it(name: str) -> None:
    g = known(name)
    assert g in SPACE
    again = decoded(SPACE.encode(g))
    assert again.blocks == g.blocks
    assert digest(again) == digest(g)
    assert trace(again) == trace(g)


@pytest.mark.parametrize("name", FIRST_FIELD)
def test_the_others_are_not_and_the_error_names_the_first_field_that_cannot(name: str) -> None:
    g = known(name)
    assert g not in SPACE
    with pytest.raises(SpaceError) as caught:
        SPACE.encode(g)
    assert str(caught.value).startswith(f"{name} is outside the space mbconv: {FIRST_FIELD[name]}")


def test_it_reaches_well_below_and_above_the_classics() -> None:
    macs = [cost(g).macs for g in drawn()]
    assert min(macs) < cost(known("mobilenet_v3_small")).macs
    assert max(macs) > 2 * cost(known("efficientnet_b0")).macs
    assert SPACE.count() > 10**15


@lru_cache(maxsize=1)
def drawn() -> tuple[Genotype, ...]:
    return tuple(SPACE.sample(seed) for seed in range(1000))


def check(g: Genotype) -> ParameterValues:
    """Valid, inside, and the same both ways."""
    assert cost(g).params > 0
    values = SPACE.encode(g)
    assert decoded(values) == g
    return values


def test_a_thousand_samples_are_valid_and_inside() -> None:
    for g in drawn():
        check(g)
    assert len({digest(g) for g in drawn()}) > 990


def test_five_hundred_mutants_and_crosses_are_valid_and_inside() -> None:
    rng = random.Random(0)
    parents = [SPACE.encode(g) for g in drawn()[:100]]
    for _ in range(500):
        a, b = rng.sample(parents, 2)
        mutant, values = mutate(SPACE, a, rng, changes=rng.randint(1, 3))
        assert decoded(values) == mutant
        assert check(mutant) != a
        child, values = cross(SPACE, a, b, rng)
        assert decoded(values) == child
        check(child)


def test_a_written_sample_reads_back() -> None:
    for g in drawn()[:50]:
        assert Genotype.from_yaml(g.to_yaml()) == g
