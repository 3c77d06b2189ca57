"""The plan of a fit: the most work that fits into the time, and a refusal where too little does."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest
from formula import evaluator_of
from growth_formula import BASE, by_growth
from paper_search import Inline, Silent

from nasbench.errors import StudyError
from nasbench.scaling_fit import plan
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.directions import lattice
from nasbench.scaling_fit.plan import FEWEST_SEEDS, LEVELS, MOST_SEEDS, FitPlan, plan_fit
from nasbench.scaling_fit.problem import FitProblem

OLD = Path(__file__).parents[1] / "assets" / "study-0.1-fit" / "plan.json"


def planned(time_s, seconds=2.0, workers=2):
    """The plan, and the networks of its lattice, where a trial takes so many seconds without its start."""
    problem = FitProblem(FitConfig(network="base.yaml", genotype=BASE, divisor=4, workers=workers, time_s=time_s), evaluator_of(by_growth))
    with patch.object(plan, "seconds_per_evaluation", lambda *_: (seconds, 0.0)), patch.object(plan, "open_engine", Inline):
        return plan_fit(problem, Silent())


@pytest.mark.parametrize("time_s", [100.0, 130.0, 200.0, 400.0, 3000.0])
def test_a_plan_fits_into_the_time(time_s):
    fit_plan, candidates = planned(time_s)
    assert fit_plan.expected_s <= time_s
    assert FEWEST_SEEDS <= fit_plan.seeds <= MOST_SEEDS
    assert fit_plan.expected_s == pytest.approx((fit_plan.grid_trials + fit_plan.curve_trials) * 3.5 / 2)
    assert [c.wanted_shares for c in candidates] == lattice(fit_plan.parts)
    assert fit_plan.points == len(candidates)


def test_more_time_brings_more_work():
    plans = [planned(time_s)[0] for time_s in (100.0, 200.0, 400.0, 3000.0)]
    trials = [p.grid_trials + p.curve_trials for p in plans]
    assert trials == sorted(set(trials))
    assert (plans[0].parts, plans[-1].parts, plans[-1].sizes, plans[-1].curve_seeds) == (3, 4, (2.0, 4.0, 8.0), 4)


def test_levels_go_from_the_most_work_to_the_least():
    work = [level.points * FEWEST_SEEDS + level.curve_seeds * sum(level.sizes) for level in LEVELS]
    assert work == sorted(work, reverse=True)


def test_where_the_time_is_too_short_the_smallest_plan_says_what_it_needs():
    smallest, candidates = planned(20.0)
    assert (smallest.parts, smallest.seeds, smallest.sizes) == (LEVELS[-1].parts, FEWEST_SEEDS, LEVELS[-1].sizes)
    assert len(candidates) == smallest.points
    assert smallest.needed_s > 20.0
    assert planned(smallest.needed_s + 0.1)[0] == smallest, "with so much time it is made without a word"


def test_the_file_is_that_of_version_0_1(tmp_path):
    stored = FitPlan.from_json(OLD)
    assert (stored.points, stored.grid_trials, stored.curve_trials) == (10, 40, 26)
    assert json.loads(stored.to_json()) == json.loads(OLD.read_text())
    (tmp_path / "plan.json").write_text('{"cost": "MACs"}')
    with pytest.raises(StudyError, match=r"plan\.json; it cannot be read"):
        FitPlan.from_json(tmp_path / "plan.json")
