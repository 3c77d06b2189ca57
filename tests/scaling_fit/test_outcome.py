"""The outcome of a fit: accuracies are corrected for the costs that are off, and a phase without results has a reason."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from growth_formula import BEST, truth

from nasbench.errors import StudyError
from nasbench.scaling_fit.directions import lattice
from nasbench.scaling_fit.outcome import fit_phase, fit_trials
from nasbench.study.trial import Trial


def trial(number, accuracy, shares=BEST, ratio=2.0, direction="lattice", status="ok", reason=None):
    more = {"direction": direction, "shares": list(shares), "ratio": ratio, "growth": ratio**1.5}
    return Trial(phase="grid", number=number, status=status, accuracy=accuracy, reason=reason, more=more)


def grid(trials):
    return SimpleNamespace(name="grid", records=lambda: trials)


def test_costs_that_are_off_are_corrected():
    """Every third network costs 8 % too much, and is better for that; the law must not see it."""
    ratios = [2.0, 2.0, 2.16]
    linear = [trial(i, 0.6 + 0.05 * (1.0 if i % 3 < 2 else 1.111), s, ratios[i % 3]) for i, s in enumerate(lattice(4))]
    fit, gain = fit_trials(linear, 0.6, latency=False, seed=0)
    assert gain == pytest.approx(0.05, rel=0.01)
    assert fit.spread == pytest.approx(0, abs=1e-4)
    assert fit.growth == 2.0


def test_under_latency_the_growth_of_the_multiply_adds_is_that_of_one_doubling():
    fit, _ = fit_trials([trial(i, truth(s, 1.0), s, 2.0) for i, s in enumerate(lattice(4))], 0.6, latency=True, seed=0)
    assert fit.growth == pytest.approx(2**1.5)


def test_the_gain_counts_from_the_base():
    grown = [trial(i, truth(s, 1.0), s) for i, s in enumerate(lattice(4))]
    base = [trial(20, 0.58, direction="base", ratio=1.0), trial(21, 0.62, direction="base", ratio=1.0)]
    fit, gain = fit_phase(grid([*grown, *base]), False, 0, Path("runs/fit"))
    assert fit.trials == 15
    assert gain == pytest.approx(sum(t.accuracy for t in grown) / 15 - 0.6)


@pytest.mark.parametrize("trials", [[], [trial(0, None, status="failed", reason="no luck")], [trial(0, 0.6, direction="base")]])
def test_a_phase_without_results_is_refused(trials):
    with pytest.raises(StudyError, match=r"grid of runs/fit has [01] and 0.*" + ("no luck" if trials and trials[0].reason else "")):
        fit_phase(grid(trials), False, 0, Path("runs/fit"))
