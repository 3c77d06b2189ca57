"""Fronts of DataFrames, the picture's data, and the verdicts."""

from __future__ import annotations

import pandas as pd
import pytest

import nasbench as nb
from nasbench.analysis.fronts.front import best_within
from nasbench.analysis.plots.study import Final, front_picture, plot_front
from nasbench.analysis.rungs import Spent, spent
from nasbench.analysis.worth import verdicts
from nasbench.errors import NasbenchError
from nasbench.study.trial import Trial


def test_front_keeps_what_no_other_dominates():
    df = pd.DataFrame({"name": list("abcde"), "ms": [1, 2, 3, 2, None], "accuracy": [0.5, 0.7, 0.6, 0.7, 0.9]})
    front = nb.pareto_front(df, minimize=["ms"], maximize=["accuracy"])
    assert list(front["name"]) == ["a", "b", "d"]  # ties stay, c is dominated, e has no latency


@pytest.mark.parametrize(
    ("columns", "part"), [({}, "at least one"), ({"minimize": ["mss"]}, "'mss'"), ({"maximize": ["acc", "x"]}, "'acc'")]
)
def test_front_needs_columns_that_exist(columns, part):
    with pytest.raises(NasbenchError, match=part):
        nb.pareto_front(pd.DataFrame({"ms": [1.0]}), **columns)


def test_front_of_nothing_is_nothing():
    assert nb.pareto_front(pd.DataFrame({"ms": []}), minimize=["ms"]).empty


def test_what_each_limit_buys():
    df = pd.DataFrame({"name": list("abcd"), "latency_ms": [5.0, 9.0, 9.5, 30.0], "accuracy": [0.5, 0.7, 0.6, 0.9]})
    best = best_within(df, [4, 5, 10, 100])
    assert best[["limit", "name"]].to_numpy().tolist() == [[5, "a"], [10, "b"], [100, "d"]]
    assert best_within(df, [1]).columns[0] == "limit"
    with pytest.raises(NasbenchError, match="macs"):
        best_within(df, [1], "macs")


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


def test_picture_holds_each_phase_and_the_front():
    picture = front_picture(TRIALS, [row("search 1", 12.5, 0.8, winner=True)], 20.0)
    assert picture.search == [(10.0, 0.70), (12.0, 0.80), (14.0, 0.75)]
    assert picture.random == [(11.0, 0.60)]
    assert picture.front == [(10.0, 0.70), (12.0, 0.80)]
    assert picture.finals == [Final("search 1", 12.5, 0.8, True, 12.5, 12.5, 0.8, 0.8)]
    assert picture.stopped == []


def test_trials_that_were_stopped_are_no_part_of_the_front():
    picture = front_picture(pd.concat([TRIALS, STOPPED]), [], 20.0)
    assert picture.stopped == [(9.0, 0.5), (8.0, 0.4)]
    assert picture.front == [(10.0, 0.70), (12.0, 0.80)]
    assert "stopped before the end (2 trials)" in plot_front(picture).get_legend_handles_labels()[1]


def test_what_a_phase_spent():
    def trial(number, status, epochs, seconds=1.0):
        return Trial("search", number, status, epochs=epochs, seconds=seconds)

    trials = [trial(0, "ok", 9), trial(1, "stopped", 3), trial(2, "paused", 1), trial(3, "stopped", 1), trial(4, "over_budget", None)]
    cost = spent([*trials, trial(5, "duplicate", 9)], [1, 3, 9])
    assert cost == Spent({1: 4, 3: 2, 9: 1}, 14, 36, 4.0)
    assert str(cost) == "4 networks for 1 epoch, 2 for 3, 1 for 9: 14 of 36 epochs (39%)"
    assert spent([], [1, 3]).of == 0


@pytest.mark.parametrize("rows", [0, 1, len(TRIALS)])
def test_plot_of_anything(rows):
    from matplotlib.figure import Figure

    ax = plot_front(front_picture(TRIALS[:rows], [], 20.0, "a device"), Figure().subplots())
    assert "latency (ms)" in ax.get_xlabel()
    assert "a device" in ax.get_xlabel()


def test_verdicts_compare_within_the_limit_only():
    rows = [
        row("known big", 40.0, 0.95, 0.96),
        row("search 3", 15.0, 0.90, 0.91, winner=True),
        row("random 1", 14.0, 0.85, 0.86),
        row("known small", 9.0, 0.90, 0.93),
    ]
    random, known = verdicts(rows, 20.0)
    assert "+5.0 points against random search" in random
    assert "beyond the spread" in random
    assert "-1.0 points" in known
    assert "known small" in known
    assert "within the spread" in known
    assert "known big" in verdicts(rows, None)[1]


def test_verdicts_where_random_search_found_the_winner():
    rows = [
        row("random 1", 14.0, 0.90, 0.91, winner=True),
        row("search 3", 15.0, 0.85, 0.86),
        row("search 4", 25.0, 0.95),
        row("known a", 9.0, 0.8),
    ]
    random, known = verdicts(rows, 20.0)
    assert "-5.0 points against random search at equal cost (random 1, 14.0 ms)" in random
    assert random.endswith("the winner comes from random search, not search 3")
    assert "+10.5 points" in known
    alone = verdicts([rows[0], rows[2]], 20.0)[0]
    assert alone.endswith("the search found no network within the limit; random search at equal cost found random 1")


def test_verdicts_say_when_there_is_nothing_to_compare():
    assert verdicts([row("search 1", 15.0, 0.9, winner=True)], 20.0)[0].endswith("no network within the limit")
    assert verdicts([row("known a", 15.0, 0.9)], 20.0) == []


@pytest.mark.parametrize("measured", [True, False])
def test_latencies_of_a_device_elsewhere_are_not_called_measured(measured: bool) -> None:
    from matplotlib.figure import Figure

    ax = plot_front(front_picture(TRIALS, [row("search 1", 12.5, 0.8, winner=True) | {"measured": measured}], 20.0), Figure().subplots())
    labels = [text for text in ax.get_legend_handles_labels()[1] if text.startswith("winner")]
    assert labels == [f"winner (search 1), {'measured' if measured else 'predicted'}"]
