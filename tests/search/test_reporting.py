"""A search whose trials all fail for one reason ends, says why, and leaves no trial behind that seems to run."""

from __future__ import annotations

import os

import pytest
from formula import by_size
from paper_search import Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.errors import StudyError
from nasbench.evaluate import Evaluation
from nasbench.search.reporting import SAME_FAILURES


def without_data(genotype, fidelity, seed, directory):
    """It succeeds in the plan, and fails in every trial as long as the images are gone."""
    if "trials" in directory.parts and os.environ["IMAGES"] == "gone":
        return Evaluation(status="failed", reason="the disk with the images is gone")
    return by_size(genotype, fidelity, seed, directory)


@pytest.fixture(autouse=True)
def gone(monkeypatch):
    monkeypatch.setenv("IMAGES", "gone")


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_no_trial_stays_running(tmp_path, workers):
    path = tmp_path / "study"
    with pytest.raises(StudyError, match=f"{SAME_FAILURES} trials in a row failed for one reason: the disk with the images is gone"):
        run(path, problem(Stopwatch(), trials=20, workers=workers, evaluate=without_data))
    statuses = [t.status for t in open_study(path).records()]
    assert "running" not in statuses
    assert statuses.count("failed") >= SAME_FAILURES
    assert "skipped" in statuses or workers == 1


def test_the_same_command_continues_when_the_cause_is_corrected(tmp_path, monkeypatch):
    path = tmp_path / "study"
    with pytest.raises(StudyError):
        run(path, problem(Stopwatch(), trials=8, workers=4, evaluate=without_data))
    monkeypatch.setenv("IMAGES", "there")
    outcome = run(path, problem(Stopwatch(), trials=8, workers=4, evaluate=without_data))
    assert outcome.winner is not None
