from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from space_strategies import spaces
from variants import cross, mutate

from nasbench.errors import SpaceError
from nasbench.genotype import Genotype
from nasbench.spaces import Choose, Options, ParameterValues, Space, load_space
from nasbench.spaces.choosers import every, mutation, random_chooser, record, record_options, replay


def sampled(space: Space, seed: int) -> tuple[Genotype, ParameterValues]:
    values: ParameterValues = {}
    return space.decode(record(random_chooser(random.Random(seed)), values)), values


@settings(max_examples=40)
@given(spaces(), st.integers(0, 10**6))
def test_recorded_values_lead_back(space: Space, seed: int) -> None:
    g, values = sampled(space, seed)
    assert space.decode(lambda name, options: values[name]) == g
    assert space.decode(replay(values, random_chooser(random.Random(1)))) == g


@settings(max_examples=40)
@given(spaces(), st.integers(0, 10**6), st.integers(1, 3))
def test_a_mutant_differs_in_as_many_values_as_asked(space: Space, seed: int, changes: int) -> None:
    _, values = sampled(space, seed)
    g, mutated = mutate(space, values, random.Random(seed), changes)
    assert space.decode(lambda name, options: mutated[name]) == g
    both = set(values) & set(mutated)
    differing = [name for name in both if mutated[name] != values[name]]
    assert len(differing) <= changes
    if values:  # a change may close other questions, but at least one value is another one
        assert mutated != values
    if set(mutated) == set(values):
        assert len(differing) == min(changes, len(values))


@settings(max_examples=40)
@given(spaces(), st.integers(0, 10**6))
def test_a_child_has_each_value_from_a_parent(space: Space, seed: int) -> None:
    (_, a), (_, b) = sampled(space, seed), sampled(space, seed + 1)
    asked: dict[str, Options] = {}
    g, child = cross(space, a, b, random.Random(seed))
    space.decode(record_options(lambda name, options: child[name], asked))
    assert set(asked) == set(child)
    for name, value in child.items():
        from_parents = [p[name] for p in (a, b) if name in p and p[name] in asked[name]]
        assert not from_parents or value in from_parents
    assert g in space


def test_a_child_takes_from_both() -> None:
    space = load_space("mbconv")
    (_, a), (_, b) = sampled(space, 1), sampled(space, 2)
    differing = [name for name in set(a) & set(b) if a[name] != b[name]]
    children = [cross(space, a, b, random.Random(seed))[1] for seed in range(20)]
    for name in differing:
        assert {child[name] for child in children if name in child} <= {a[name], b[name]}
    assert len({tuple(child.items()) for child in children}) == 20
    shares = [sum(child[name] == a[name] for name in differing if name in child) / len(differing) for child in children]
    assert 0.3 < sum(shares) / len(shares) < 0.7


def test_an_value_that_is_no_longer_an_option_is_drawn_anew() -> None:
    space = load_space("tiny")
    values = {"stem.0.width": 12, "stages.0.0.any_of": "residual"}  # 12 is none of its options
    widths = {space.decode(replay(values, random_chooser(random.Random(seed)))).stem[0].fields["width"] for seed in range(20)}
    assert widths == {8, 16}


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_mutant_and_child(seed: int) -> None:
    space = load_space("mbconv")
    (_, a), (_, b) = sampled(space, 1), sampled(space, 2)
    assert mutate(space, a, random.Random(seed)) == mutate(space, a, random.Random(seed))
    assert cross(space, a, b, random.Random(seed)) == cross(space, a, b, random.Random(seed))


def test_every_combination_comes_once_and_errors_are_left_out() -> None:
    def decode(choose: Choose) -> tuple[int, ...]:
        first = choose("first", [1, 2])
        if first == 1:
            return (first, choose("second", range(3)))
        raise SpaceError("no network")

    assert list(every(decode)) == [(1, 0), (1, 1), (1, 2)]
    assert list(every(lambda choose: "fixed")) == ["fixed"]


def test_a_mutant_of_a_fixed_network_is_itself() -> None:
    choose = mutation({"width": 8}, [], random.Random(0))
    assert choose("width", [8, 16]) == 8
    only = mutation({"width": 8}, ["width"], random.Random(0))
    assert only("width", [8]) == 8
    assert only("width", [8, 16]) == 16
