"""Bounds: nothing above them belongs to a space."""

from __future__ import annotations

import random

import pytest
from variants import cross, mutate

from nasbench.errors import GenotypeError, SpaceError
from nasbench.genotype import cost
from nasbench.spaces import read_space
from nasbench.spaces.bounds import Bounds
from nasbench.zoo import known

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


def test_impossible_draws_are_repeated() -> None:
    space = read_space(
        "resolution: 8\nstem: [{op: conv, width: 8, kernel: [3, 11], padding: valid}, {op: conv, width: 8, kernel: [3, 7], padding: valid}]"
    )
    kernels = {tuple(block.fields["kernel"] for block in space.sample(seed).stem) for seed in range(40)}
    assert kernels == {(3, 3)}
    with pytest.raises(GenotypeError):
        cost(space.decode(lambda name, options: options[1]))


@pytest.mark.parametrize(
    ("written", "bounds", "words"),
    [
        ({}, Bounds(), ""),
        ({"macs": "30G", "params": "150M"}, Bounds(macs=30_000_000_000, params=150_000_000), "at most 30G macs, 150M params"),
        ({"memory": "4GiB", "depth": 300}, Bounds(memory=4 * 2**30, depth=300), "at most 4GiB memory, 300 depth"),
    ],
)
def test_bounds_of_yaml(written: dict[str, object], bounds: Bounds, words: str) -> None:
    read = Bounds.read(written)
    assert read == bounds
    assert read.describe() == words
    assert bool(read) == bool(words)


@pytest.mark.parametrize("name", ["macs", "params", "memory", "depth"])
def test_each_bound_is_checked_to_the_unit(name: str) -> None:
    g = known("lenet5_modern")
    c = cost(g)
    exact = {"macs": c.macs, "params": c.params, "memory": c.train_peak_bytes, "depth": c.depth}[name]
    Bounds(**{name: exact}).check(g)
    with pytest.raises(SpaceError, match=rf"a network of lenet5_modern has at most .* {name}; this one has .*; make it smaller"):
        Bounds(**{name: exact - 1}).check(g)
