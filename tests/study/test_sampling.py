"""Walking through a space, and finding what is new in it."""

from __future__ import annotations

import random

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from toy_search import chain, pairs, toy

from nasbench.errors import GenotypeError, SpaceError
from nasbench.genotype import Block
from nasbench.spaces import load_space
from nasbench.spaces.choosers import random_chooser
from nasbench.study.sampling import distribution, draw, every, mutation, retrace, unseen


def impossible(choose):
    """Half of it is no network."""
    if choose("broken", [True, False]):
        raise GenotypeError("shapes do not meet")
    return toy([Block("conv", {"width": 8, "kernel": choose("kernel", [1, 3])})])


def test_options_in_optunas_words():
    assert distribution([3, None, "in/4"]) == CategoricalDistribution([3, None, "in/4"])
    assert distribution(range(8, 65, 8)) == IntDistribution(8, 64, step=8)
    assert distribution(range(8, 64, 8)) == IntDistribution(8, 56, step=8)


@pytest.mark.parametrize("seed", range(5))
def test_retrace_is_the_way_back(seed):
    found = draw(chain, random_chooser(random.Random(seed)))
    again = retrace(chain, found.params)
    assert again == found


def test_retrace_follows_a_space():
    space = load_space("mbconv")
    genotype = space.sample(1)
    assert retrace(space.decode, space.encode(genotype)).genotype == genotype


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"0.kernel": 4}, r"0.kernel is one of 1, 3, 5; got 4"),
        ({"0.width": 9}, r"0.width is one of 4 to 16 in steps of 4; got 9"),
        ({"0.kernle": 3}, r"no open field '0.kernle'; did you mean 0.kernel"),
        ({"0.kernel": None}, r"0.kernel is one of"),
    ],
)
def test_answers_that_lead_nowhere(change, match):
    answers = draw(chain, random_chooser(random.Random(0))).params
    with pytest.raises(SpaceError, match=match):
        retrace(chain, answers | change)


def test_a_missing_answer():
    answers = draw(chain, random_chooser(random.Random(0))).params
    del answers["0.kernel"]
    with pytest.raises(SpaceError, match=r"answers 0.kernel; the answer is missing; give one of 1, 3, 5"):
        retrace(chain, answers)


@pytest.mark.parametrize("seed", range(20))
def test_a_mutant_differs_in_one_answer(seed):
    rng = random.Random(seed)
    parent = draw(chain, random_chooser(rng))
    child = draw(chain, mutation(parent, rng))
    both = parent.params.keys() & child.params.keys()
    changed = [label for label in both if parent.params[label] != child.params[label]]
    assert len(changed) == 1
    # a field that comes or goes hangs on the changed one
    assert all(label.startswith(changed[0]) for label in parent.params.keys() ^ child.params.keys())


def test_every_is_the_whole_space():
    tiny = load_space("tiny")
    assert [d.genotype for d in every(tiny.decode)] == list(tiny)
    assert len({d.digest for d in every(tiny.decode)}) == 256
    assert [d.params for d in every(impossible)] == [{"broken": False, "kernel": 1}, {"broken": False, "kernel": 3}]


def test_unseen_finds_the_last_network():
    tiny = load_space("tiny")
    digests = [d.digest for d in every(tiny.decode)]
    for last in (digests[0], digests[100], digests[255]):
        found = unseen(tiny.decode, set(digests) - {last}, {}, random.Random(0))
        assert found is not None
        assert found.digest == last
    assert unseen(tiny.decode, set(digests), {}, random.Random(0)) is None


def test_unseen_begins_near_the_proposal():
    start = draw(chain, random_chooser(random.Random(0)))
    found = unseen(chain, {start.digest}, start.params, random.Random(1))
    assert sum(start.params.get(label) != answer for label, answer in found.params.items()) <= 2


def test_unseen_in_spaces_with_little_in_them():
    seen = {draw(pairs, lambda _, options: options[0]).digest}
    assert unseen(pairs, seen, {}, random.Random(0)).params["kernel"] == 3
    assert unseen(impossible, set(), {"broken": True}, random.Random(0)) is not None


def nothing(choose):
    raise GenotypeError(f"no way: {choose('a', [1, 2])}")


def test_unseen_in_a_space_of_nothing():
    assert unseen(nothing, set(), {}, random.Random(0)) is None
    assert list(every(nothing)) == []
