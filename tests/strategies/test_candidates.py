"""Candidates: of several draws the first that is new and expected within the limits."""

from __future__ import annotations

import random
from functools import partial

from toy_search import chain, latency, record

from nasbench.errors import GenotypeError
from nasbench.strategies import make_strategy
from nasbench.strategies.candidates import DRAWS, Candidates, candidate
from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.trial import judge

ONE = partial(chain, layers=1)


def fixed(width, kernel=3):
    values = {"0.width": width, "0.kernel": kernel, "0.more": False}
    return lambda name, options: values[name]


def study_of(*choosers, limit=None):
    study = InMemoryStudy("toy", ("maximize",), [])
    for number, choose in enumerate(choosers):
        sampler = make_strategy("random", 1).sampler(1)
        sampler.sample_independent = lambda study, trial, name, distribution, choose=choose: choose(name, ())
        proposal = study.sample(sampler, ONE)
        study.set_attributes(number, {"digest": proposal.digest})
        result = record(proposal.genotype)
        if limit is not None:
            excess = latency(proposal.genotype) / limit - 1
            result = (result if excess <= 0 else {"status": "over_budget"}) | {"constraints": {"latency": excess}}
        study.finish(number, judge(result, 1))
    return study.study


def picked(study, draws, attempts=None):
    return Candidates(study, 99, ONE).promising(lambda i: draws[i], len(draws) if attempts is None else attempts)


def test_the_first_new_one():
    study = study_of(fixed(4), fixed(8))
    drawn = picked(study, [fixed(4), fixed(8), fixed(12), fixed(16)])
    assert (drawn.values["0.width"], drawn.draw, drawn.violation) == (12, 2, 0)
    assert picked(study, [fixed(4), fixed(8)]) is None
    assert picked(study, [fixed(4), fixed(12)], attempts=1) is None


def test_new_ones_whatever_the_limits_are():
    study = study_of(*[fixed(w, k) for w in (4, 8, 12, 16) for k in (1, 5)], limit=0.1)
    draws = iter([fixed(4, 1), fixed(16, 3)])
    assert Candidates(study, 99, ONE).new(lambda: next(draws), 2).values["0.width"] == 16
    assert Candidates(study, 99, ONE).new(lambda: fixed(4, 1), 3) is None


def test_after_some_draws_their_mutations_follow():
    study = study_of(fixed(4), fixed(8))
    near = Candidates(study, 99, ONE).promising_near(lambda: fixed(4), 32, random.Random(0))
    assert near.digest not in Candidates(study, 99, ONE).seen
    assert near.draw >= DRAWS
    first = candidate(ONE, fixed(4)).values
    assert sum(near.values.get(k) != v for k, v in first.items()) == 1
    assert Candidates(study, 99, ONE).promising_near(lambda: fixed(4), DRAWS, random.Random(0)).values == first, "none was new"
    assert Candidates(study, 99, ONE).promising_near(lambda: fixed(12), 32, random.Random(0)).draw == 0


def test_draws_that_lead_to_no_network_are_passed_over():
    def broken(name, options):
        raise GenotypeError("no such network")

    assert candidate(ONE, broken) is None
    assert picked(study_of(fixed(4)), [broken, fixed(8)]).draw == 1


def test_the_first_within_the_limits_and_else_the_nearest():
    several = [fixed(w, k) for w in (4, 8, 12, 16) for k in (1, 5)] + [fixed(4, 3)]
    study = study_of(*several, limit=0.3)
    drawn = picked(study, [fixed(16, 3), fixed(12, 3), fixed(8, 3)])
    assert drawn.values["0.width"] == 8
    assert drawn.violation == 0
    nearest = picked(study, [fixed(16, 3), fixed(12, 3)])
    assert nearest.values["0.width"] == 12
    assert nearest.violation > 0
    assert picked(study_of(*several), [fixed(16, 3), fixed(12, 3)]).values["0.width"] == 16, "the control: without a limit"


def test_open_parameters_have_several_options():
    drawn = candidate(lambda choose: chain(lambda name, options: choose(name, options[:1] if "width" in name else options), 1), fixed(4))
    assert drawn.open == ["0.kernel", "0.more"]
