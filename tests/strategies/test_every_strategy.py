"""What every strategy must do: resume, stay inside the space, learn, keep limits, take two objectives, and refuse bad options in a line."""

from __future__ import annotations

import inspect
import random
from functools import partial

import pytest
from learning import (
    BOTH,
    DECODE,
    UP,
    check_better_than_random,
    check_learns_from_paused_trials,
    check_learns_where_the_limit_is,
    check_two_objectives,
    search,
)
from toy_search import chain, record

from nasbench.errors import GenotypeError, StudyError
from nasbench.spaces import load_space
from nasbench.strategies import STRATEGIES, SpaceSampler, make_strategy, strategy
from nasbench.study.sampling import retrace

NAMES = sorted(STRATEGIES)
LEARNING = [name for name in NAMES if name != "random"]
# `rl` needs hundreds of trials, as its help says; tests/strategies/rl/test_strategy.py has its own measure.
QUICK = [name for name in LEARNING if name != "rl"]
BEGUN = {"startup": 4, "population": 4, "sample": 3, "batch": 3}  # so that twelve trials are more than a random beginning
OPTIONS = {name: {o: v for o, v in BEGUN.items() if o in inspect.signature(STRATEGIES[name]).parameters} for name in NAMES}

EACH = pytest.mark.parametrize("name", NAMES)
OBJECTIVES = pytest.mark.parametrize("directions", [UP, BOTH], ids=["one", "two"])


def half(genotype, objectives):
    """Networks above a latency are refused, so that the strategies learn from constraints too."""
    result = record(genotype, objectives)
    excess = result["latency_ms"] / 1.5 - 1
    return result | {"constraints": {"latency": excess}} if excess <= 0 else {"status": "over_budget", "constraints": {"latency": excess}}


def shown(trials):
    return [(t.number, t.status, t.digest, t.params, t.values, t.parent) for t in trials]


@EACH
@OBJECTIVES
def test_a_restart_before_each_trial_changes_nothing(name, directions):
    """Everything that a strategy knows follows from the stored trials, also what it keeps in memory."""
    searches = [search(name, 5, 14, directions, half, restart=restart, **OPTIONS[name]) for restart in (False, True)]
    assert shown(searches[0]) == shown(searches[1])
    assert {t.status for t in searches[0]} == {"ok", "over_budget"}, "both kinds of trials, or this shows less"


def test_a_strategy_that_remembers_is_caught():
    """The control: what is kept in a study's memory alone is lost by a restart."""
    before = dict(STRATEGIES)

    class Remembering(SpaceSampler):
        def before_trial(self, study, trial):
            study.__dict__.setdefault("count", []).append(1)
            self.choose = lambda name, options: options[len(study.count) % len(options)]

    def remembering(seed):
        return Remembering(random.Random(seed))

    try:
        strategy(remembering)
        first, again = (search("remembering", 5, 6, restart=restart) for restart in (False, True))
        assert shown(first) != shown(again)
    finally:
        STRATEGIES.restore(before)


@EACH
def test_one_seed_one_search(name):
    first, again, other = (search(name, seed, 15, **OPTIONS[name]) for seed in (1, 1, 2))
    assert shown(first) == shown(again)
    assert [t.params for t in first] != [t.params for t in other]


@EACH
@pytest.mark.parametrize("space", ["toy", "tiny", "mbconv", "shared_small"])
def test_every_network_is_one_of_the_space(name, space):
    """Conditional parameters too: the values of a trial are those that its network has, and lead to it again."""
    decode = DECODE if space == "toy" else load_space(space).decode

    def by_digest(genotype, objectives):
        return {"status": "ok", "values": [float(len(genotype.to_yaml()) % 97)] * objectives}

    trials = [t for t in search(name, 3, 10, evaluate=by_digest, decode=decode, **OPTIONS[name]) if t.status == "ok"]
    assert len(trials) > 5
    for trial in trials:
        assert retrace(decode, trial.params).digest == trial.digest


@EACH
def test_a_space_where_few_values_lead_to_a_network(name):
    def fragile(choose):
        if choose("broken", [True, False]):
            raise GenotypeError("stage 1: shapes do not meet")
        return chain(choose, layers=3)

    trials = search(name, 3, 16, decode=fragile, **OPTIONS[name])
    assert sum(t.status == "ok" for t in trials) >= 4


@pytest.mark.parametrize("name", QUICK)
def test_better_than_random(name):
    check_better_than_random(name)


@pytest.mark.parametrize("name", QUICK)
def test_learns_where_the_limit_is(name):
    check_learns_where_the_limit_is(name)


@pytest.mark.parametrize("name", QUICK)
def test_two_objectives(name):
    check_two_objectives(name)


@pytest.mark.parametrize("name", QUICK)
@OBJECTIVES
def test_learns_from_trials_that_wait_at_a_rung(name, directions):
    check_learns_from_paused_trials(name, directions)


@pytest.mark.parametrize("name", ["random", *QUICK])
def test_no_network_twice(name):
    """In a space of 36 networks, of which 24 are wanted. Random search is the control. A controller that is sure repeats itself."""
    trials = search(name, 2, 24, decode=partial(chain, layers=1), **OPTIONS[name])
    repeated = len(trials) - len({t.digest for t in trials})
    assert (repeated > 3) if name == "random" else (repeated == 0)


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name in NAMES for option in inspect.signature(STRATEGIES[name]).parameters if option != "seed"],
)
@pytest.mark.parametrize("value", [-1, "many", None, [3], True])
def test_a_bad_value_of_an_option_is_one_line(name, option, value):
    with pytest.raises(StudyError, match=option) as error:
        make_strategy(name, 1, **{option: value})
    assert "\n" not in str(error.value)
    assert repr(value) in str(error.value)
