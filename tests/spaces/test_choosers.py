from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from space_strategies import spaces
from variants import cross, mutate

from nasbench.genotype import Genotype
from nasbench.spaces import Options, ParameterValues, Space, load_space
from nasbench.spaces.choosers import random_chooser, record, record_options, replay


def sampled(space: Space, seed: int) -> tuple[Genotype, ParameterValues]:
    answers: ParameterValues = {}
    return space.decode(record(random_chooser(random.Random(seed)), answers)), answers


@settings(max_examples=40)
@given(spaces(), st.integers(0, 10**6))
def test_recorded_answers_lead_back(space: Space, seed: int) -> None:
    g, answers = sampled(space, seed)
    assert space.decode(lambda label, options: answers[label]) == g
    assert space.decode(replay(answers, random_chooser(random.Random(1)))) == g


@settings(max_examples=40)
@given(spaces(), st.integers(0, 10**6), st.integers(1, 3))
def test_a_mutant_differs_in_as_many_answers_as_asked(space: Space, seed: int, changes: int) -> None:
    _, answers = sampled(space, seed)
    g, mutated = mutate(space, answers, random.Random(seed), changes)
    assert space.decode(lambda label, options: mutated[label]) == g
    both = set(answers) & set(mutated)
    differing = [label for label in both if mutated[label] != answers[label]]
    assert len(differing) <= changes
    if answers:  # a change may close other questions, but at least one answer is another one
        assert mutated != answers
    if set(mutated) == set(answers):
        assert len(differing) == min(changes, len(answers))


@settings(max_examples=40)
@given(spaces(), st.integers(0, 10**6))
def test_a_child_has_each_answer_from_a_parent(space: Space, seed: int) -> None:
    (_, a), (_, b) = sampled(space, seed), sampled(space, seed + 1)
    asked: dict[str, Options] = {}
    g, child = cross(space, a, b, random.Random(seed))
    space.decode(record_options(lambda label, options: child[label], asked))
    assert set(asked) == set(child)
    for label, answer in child.items():
        from_parents = [p[label] for p in (a, b) if label in p and p[label] in asked[label]]
        assert not from_parents or answer in from_parents
    assert g in space


def test_a_child_takes_from_both() -> None:
    space = load_space("mbconv")
    (_, a), (_, b) = sampled(space, 1), sampled(space, 2)
    differing = [label for label in set(a) & set(b) if a[label] != b[label]]
    children = [cross(space, a, b, random.Random(seed))[1] for seed in range(20)]
    for label in differing:
        assert {child[label] for child in children if label in child} <= {a[label], b[label]}
    assert len({tuple(child.items()) for child in children}) == 20
    shares = [sum(child[label] == a[label] for label in differing if label in child) / len(differing) for child in children]
    assert 0.3 < sum(shares) / len(shares) < 0.7


def test_an_answer_that_is_no_longer_an_option_is_drawn_anew() -> None:
    space = load_space("tiny")
    answers = {"stem.0.width": 12, "stages.0.0.any_of": "residual"}  # 12 is none of its options
    widths = {space.decode(replay(answers, random_chooser(random.Random(seed)))).stem[0].fields["width"] for seed in range(20)}
    assert widths == {8, 16}


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_mutant_and_child(seed: int) -> None:
    space = load_space("mbconv")
    (_, a), (_, b) = sampled(space, 1), sampled(space, 2)
    assert mutate(space, a, random.Random(seed)) == mutate(space, a, random.Random(seed))
    assert cross(space, a, b, random.Random(seed)) == cross(space, a, b, random.Random(seed))
