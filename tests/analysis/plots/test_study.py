"""The picture of a study: its data by equality, and that it can be read."""

from __future__ import annotations

import pandas as pd
import pytest
from readable import assert_readable, new_axes

from nasbench.analysis.final_round import FinalNetwork
from nasbench.analysis.plots.study import front_picture, plot_front

TRIALS = pd.DataFrame(
    [
        ("search", "ok", 10.0, 0.70),
        ("search", "ok", 12.0, 0.80),
        ("search", "ok", 14.0, 0.75),
        ("search", "over_budget", 30.0, None),
        ("random", "ok", 11.0, 0.60),
        ("final", "ok", 11.0, 0.90),
    ],
    columns=["phase", "status", "latency_ms", "accuracy"],
)


STOPPED = pd.DataFrame([("search", "stopped", 9.0, 0.5), ("random", "paused", 8.0, 0.4)], columns=TRIALS.columns)


def row(network: str, ms: float, *seeds: float, winner: bool = False) -> dict:
    return {"network": network, "latency_ms": ms, "accuracy": sum(seeds) / len(seeds), "accuracy_seeds": list(seeds), "winner": winner}


def test_intervals_and_seeds(study):
    picture = front_picture(study.trials(), study.summary(), study.limit_ms, study.device)
    assert picture.intervals == [pytest.approx((8.1, 9.9)), pytest.approx((9, 11)), pytest.approx((10.8, 13.2))]
    best = picture.finals[0]
    assert (best.low_ms, best.high_ms, best.worst, best.best) == (11.9, 13.4, 0.79, 0.82)
    assert best.accuracy == pytest.approx(0.805)


def test_picture(study):
    ax = plot_front(front_picture(study.trials(), study.summary(), study.limit_ms, study.device), new_axes((9.5, 5.4)))
    assert_readable(ax)
    assert ax.get_xlim()[1] > 20  # the limit is not the edge
    labels = {t.get_text() for t in ax.get_legend().get_texts()}
    assert {"limit 20 ms", "winner (search 2), measured", "known network, measured", "search (3 trials)", "random (2 trials)"} <= labels


def test_picture_holds_each_phase_and_the_front():
    picture = front_picture(TRIALS, [row("search 1", 12.5, 0.8, winner=True)], 20.0)
    assert picture.search == [(10.0, 0.70), (12.0, 0.80), (14.0, 0.75)]
    assert picture.random == [(11.0, 0.60)]
    assert picture.front == [(10.0, 0.70), (12.0, 0.80)]
    assert picture.finals == [FinalNetwork("search", "1", True, 12.5, 12.5, 12.5, 0.8, 0.8, 0.8)]
    assert picture.stopped == []


def test_the_front_is_of_both_phases():
    found = pd.DataFrame([("random", "ok", 9.0, 0.65), ("random", "ok", 13.0, 0.82), ("final", "ok", 1.0, 0.99)], columns=TRIALS.columns)
    picture = front_picture(pd.concat([TRIALS, found]), [], 20.0)
    assert picture.front == [(9.0, 0.65), (10.0, 0.70), (12.0, 0.80), (13.0, 0.82)]
    assert "front of both phases" in plot_front(picture).get_legend_handles_labels()[1]


def test_trials_that_were_stopped_are_no_part_of_the_front():
    picture = front_picture(pd.concat([TRIALS, STOPPED]), [], 20.0)
    assert picture.stopped == [(9.0, 0.5), (8.0, 0.4)]
    assert picture.front == [(10.0, 0.70), (12.0, 0.80)]
    assert "stopped before the end (2 trials)" in plot_front(picture).get_legend_handles_labels()[1]


@pytest.mark.parametrize("rows", [0, 1, len(TRIALS)])
def test_plot_of_anything(rows):
    ax = plot_front(front_picture(TRIALS[:rows], [], 20.0, "a device"), new_axes())
    assert "latency (ms)" in ax.get_xlabel()
    assert "a device" in ax.get_xlabel()


@pytest.mark.parametrize("measured", [True, False])
def test_latencies_of_a_device_elsewhere_are_not_called_measured(measured: bool) -> None:
    ax = plot_front(front_picture(TRIALS, [row("search 1", 12.5, 0.8, winner=True) | {"measured": measured}], 20.0), new_axes())
    labels = [text for text in ax.get_legend_handles_labels()[1] if text.startswith("winner")]
    assert labels == [f"winner (search 1), {'measured' if measured else 'predicted'}"]
