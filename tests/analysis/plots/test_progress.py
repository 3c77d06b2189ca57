"""Progress over cost, beside random search."""

from __future__ import annotations

import pytest
from readable import assert_readable, new_axes

from nasbench.analysis.plots.metrics import METRICS
from nasbench.analysis.plots.progress import fronts_over_time, plot_front_over_time, plot_progress, progress_frame


def test_at_equal_cost(study):
    df = progress_frame(study.trials(), (20, 0))
    search = df[df["phase"] == "search"]
    assert search["cost_s"].tolist() == [60, 60, 90, 120]
    assert search["trials"].tolist() == [1, 1, 2, 3]
    assert search["best_accuracy"].tolist() == [0.70, 0.70, 0.80, 0.80]
    assert search["hypervolume_ms"].tolist() == pytest.approx([7.0, 7.0, 1.4 + 6.4, 1.4 + 6.4])
    random = df[df["phase"] == "random"]
    assert random["cost_s"].tolist() == [60, 100, 120]  # a network outside a limit costs as well; the running one does not yet
    assert random["best_accuracy"].tolist() == [0.60, 0.60, 0.65]


def test_ends_where_the_study_stands(study):
    last = progress_frame(study.trials(), study.reference()).groupby("phase")["hypervolume_ms"].last()
    assert last["search"] == pytest.approx(study.hypervolume(phase="search").ms)
    assert last["random"] == pytest.approx(study.hypervolume(phase="random").ms)


def test_never_falls(study):
    for _, df in progress_frame(study.trials(), (20, 0)).groupby("phase"):
        assert df["hypervolume_ms"].is_monotonic_increasing
        assert df["best_accuracy"].dropna().is_monotonic_increasing


def test_fronts_over_time(study):
    fronts = fronts_over_time(study.trials(), (0.5, 0.75, 1.0))
    assert fronts == {0.5: [(10.0, 0.70)], 0.75: [(10.0, 0.70), (12.0, 0.80)], 1.0: [(10.0, 0.70), (12.0, 0.80)]}


@pytest.mark.parametrize("column", ["best_accuracy", "hypervolume_ms"])
def test_picture(study, column):
    ax = plot_progress(progress_frame(study.trials(), (20, 0)), column, new_axes())
    assert_readable(ax)
    assert ax.get_xlabel() == METRICS["cost_s"].label


def test_picture_of_nothing(study):
    plot_progress(progress_frame(study.trials().iloc[:0], (20, 0)), ax=new_axes())
    assert_readable(plot_front_over_time(study.trials(), (20, 0), new_axes()))
