"""The regression of excesses finds a limit on MACs in a few dozen trials, and says nothing where there is nothing to say."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from optuna.trial import TrialState, create_trial

from nasbench.genotype import cost
from nasbench.spaces import load_space
from nasbench.spaces.choosers import random_chooser
from nasbench.strategies.excess import LEAST, ExcessModel
from nasbench.study.sampling import propose


def proposals(space, count, seed):
    decode, rng = load_space(space).decode, random.Random(seed)
    return [propose(decode, random_chooser(rng)) for _ in range(count)]


NUMBERS = itertools.count()


def trial(proposal, state=TrialState.PRUNED, status="over_budget", values=None, **constraints):
    made = create_trial(
        state=state,
        values=values,
        params=proposal.params,
        distributions=proposal.distributions,
        constraints=constraints,
        user_attrs={"status": status},
    )
    made.number = next(NUMBERS)
    return made


@pytest.mark.parametrize(("space", "count", "right"), [("macro", 40, 0.97), ("mbconv", 150, 0.85)])
def test_it_predicts_who_keeps_a_limit_on_macs(space, count, right):
    """On networks that it has not seen, at a limit that a third of all keep."""
    several = proposals(space, count + 200, 1)
    macs = [cost(p.genotype).macs for p in several]
    limit = sorted(macs)[len(macs) // 3]
    model = ExcessModel([trial(p, macs=m / limit - 1) for p, m in zip(several[:count], macs, strict=False)])
    assert model.known
    correct = [(model.violation(p.params) > 0) == (m > limit) for p, m in zip(several[count:], macs[count:], strict=True)]
    assert sum(correct) / len(correct) > right
    outside = [(model.violation(p.params), m / limit - 1) for p, m in zip(several[count:], macs[count:], strict=True) if m > 1.2 * limit]
    assert sum(abs(math.log1p(a) - math.log1p(b)) for a, b in outside) / len(outside) < 0.35, "by how much, too"


def test_several_limits_add_up():
    several = proposals("macro", 60, 2)
    rng = random.Random(0)
    shuffled = [trial(p, macs=rng.uniform(0.4, 0.6), params=rng.uniform(0.9, 1.1)) for p in several]
    one = ExcessModel([trial(p, macs=t.constraints["macs"]) for p, t in zip(several, shuffled, strict=True)])
    both = ExcessModel(shuffled)
    assert one.violation(several[0].params) == pytest.approx(0.5, abs=0.1)
    assert both.violation(several[0].params) == pytest.approx(1.5, abs=0.2)


def test_nothing_is_predicted_without_a_broken_limit_or_with_few_trials():
    several = proposals("tiny", 20, 3)
    inside = [trial(p, TrialState.COMPLETE, "ok", [0.5], macs=-0.1) for p in several]
    few = [trial(p, macs=0.5) for p in several[: LEAST - 1]]
    running = [trial(p, TrialState.RUNNING, "running") for p in several]
    failed = [trial(p, TrialState.FAIL, "diverged") for p in several]
    skipped = [trial(p, status="skipped", skipped=1.0) for p in several]
    invalid = [trial(p, status="infeasible", invalid=1.0) for p in several]
    duplicates = [trial(p, status="duplicate", macs=0.5) for p in several]
    for trials in ([], inside, few, running, failed, skipped, invalid, duplicates):
        model = ExcessModel(trials)
        assert not model.known
        assert model.violation(several[0].params) == 0
    assert ExcessModel([*few, trial(several[-1], macs=0.5)]).known, "the control"


def test_what_only_some_networks_lack_is_learned_where_the_others_say_nothing():
    """A table lacks the networks of one option; trials within it have no constraint at all."""
    several = proposals("tiny", 60, 4)
    name = next(name for name, d in several[0].distributions.items() if not d.single())
    bad = several[0].params[name]
    trials = [
        trial(p, status="infeasible", infeasible=1.0) if p.params[name] == bad else trial(p, TrialState.COMPLETE, "ok", [0.5])
        for p in several
    ]
    model = ExcessModel(trials)
    assert all((model.violation(p.params) > 0) == (p.params[name] == bad) for p in several)


def test_a_value_that_no_trial_has_is_no_error():
    several = proposals("mbconv", 30, 5)
    model = ExcessModel([trial(p, macs=0.5) for p in several])
    assert model.violation({"unknown": 3}) > 0
    assert model.violation({}) > 0
