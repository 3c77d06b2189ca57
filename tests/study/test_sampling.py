"""Proposals of a space, and how new ones are found."""

from __future__ import annotations

import random

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from toy_search import chain, pairs, toy

from nasbench.errors import GenotypeError, SpaceError
from nasbench.genotype import Block
from nasbench.spaces import load_space
from nasbench.spaces.choosers import random_chooser
from nasbench.study.sampling import distribution, every, mutation, propose, retrace, unseen


def impossible(choose):
    """Half of its values lead to no network."""
    if choose("broken", [True, False]):
        raise GenotypeError("shapes do not meet")
    return toy([Block("conv", {"width": 8, "kernel": choose("kernel", [1, 3])})])


def test_options_in_optunas_words():
    assert distribution([3, None, "in/4"]) == CategoricalDistribution([3, None, "in/4"])
    assert distribution(range(8, 65, 8)) == IntDistribution(8, 64, step=8)
    assert distribution(range(8, 64, 8)) == IntDistribution(8, 56, step=8)


@pytest.mark.parametrize("seed", range(5))
def test_retrace_is_the_way_back(seed):
    proposal = propose(chain, random_chooser(random.Random(seed)))
    assert retrace(chain, proposal.params) == proposal


def test_retrace_follows_a_space():
    space = load_space("mbconv")
    genotype = space.sample(1)
    assert retrace(space.decode, space.encode(genotype)).genotype == genotype


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"0.kernel": 4}, r"0.kernel is one of 1, 3, 5; got 4"),
        ({"0.width": 9}, r"0.width is one of 4 to 16 in steps of 4; got 9"),
        ({"0.kernle": 3}, r"no parameter '0.kernle'; did you mean 0.kernel"),
        ({"0.kernel": None}, r"0.kernel is one of"),
    ],
)
def test_values_that_lead_nowhere(change, match):
    values = propose(chain, random_chooser(random.Random(0))).params
    with pytest.raises(SpaceError, match=match):
        retrace(chain, values | change)


def test_a_missing_value():
    values = propose(chain, random_chooser(random.Random(0))).params
    del values["0.kernel"]
    with pytest.raises(SpaceError, match=r"has a value for 0.kernel; it is missing; give one of 1, 3, 5"):
        retrace(chain, values)


@pytest.mark.parametrize("seed", range(20))
def test_a_mutant_differs_in_one_value(seed):
    rng = random.Random(seed)
    parent = propose(chain, random_chooser(rng))
    child = propose(chain, mutation(parent, rng))
    both = parent.params.keys() & child.params.keys()
    changed = [name for name in both if parent.params[name] != child.params[name]]
    assert len(changed) == 1
    # a parameter that only one of them has depends on the changed one
    assert all(name.startswith(changed[0]) for name in parent.params.keys() ^ child.params.keys())


def test_every_is_the_whole_space():
    tiny = load_space("tiny")
    assert [d.genotype for d in every(tiny.decode)] == list(tiny)
    assert len({d.digest for d in every(tiny.decode)}) == 256
    assert [d.params for d in every(impossible)] == [{"broken": False, "kernel": 1}, {"broken": False, "kernel": 3}]


def test_unseen_finds_the_last_network():
    tiny = load_space("tiny")
    digests = [d.digest for d in every(tiny.decode)]
    for last in (digests[0], digests[100], digests[255]):
        proposal = unseen(tiny.decode, set(digests) - {last}, {}, random.Random(0))
        assert proposal is not None
        assert proposal.digest == last
    assert unseen(tiny.decode, set(digests), {}, random.Random(0)) is None


def test_unseen_begins_near_the_given_values():
    start = propose(chain, random_chooser(random.Random(0)))
    proposal = unseen(chain, {start.digest}, start.params, random.Random(1))
    assert sum(start.params.get(name) != value for name, value in proposal.params.items()) <= 2


def test_unseen_in_spaces_with_little_in_them():
    seen = {propose(pairs, lambda _, options: options[0]).digest}
    assert unseen(pairs, seen, {}, random.Random(0)).params["kernel"] == 3
    assert unseen(impossible, set(), {"broken": True}, random.Random(0)) is not None


def nothing(choose):
    raise GenotypeError(f"no way: {choose('a', [1, 2])}")


def test_unseen_in_a_space_of_nothing():
    assert unseen(nothing, set(), {}, random.Random(0)) is None
    assert list(every(nothing)) == []
