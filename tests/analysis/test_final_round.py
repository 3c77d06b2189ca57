"""The networks of the final round, and the verdicts."""

from __future__ import annotations

import pytest
from made_study import row

from nasbench.analysis.final_round import FinalNetwork, final_network, verdict_lines, verdicts


@pytest.mark.parametrize(
    ("name", "source", "label"),
    [("search 12", "search", "12"), ("random 3", "random", "3"), ("known mobilenet_v2", "known", "mobilenet_v2")],
)
def test_a_network_from_its_row(name, source, label):
    network = final_network(row(name, 12.5, 0.78, 0.82, winner=True))
    assert network == FinalNetwork(source, label, True, 12.5, 12.0, 13.5, 0.8, 0.78, 0.82, row(name, 12.5, 0.78, 0.82)["macs"])
    assert network.name == name
    assert network.at == " at 12.5 ms"


def test_a_row_without_intervals_and_seeds():
    network = final_network({"network": "search 1", "winner": False, "accuracy": 0.8, "latency_ms": 9})
    assert network == FinalNetwork("search", "1", False, 9.0, 9.0, 9.0, 0.8, 0.8, 0.8)


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


def compared(difference, low, high, name="random search", evaluated=12, networks=47):
    return {"name": name, "difference": difference, "low": low, "high": high, "evaluated": evaluated, "networks": networks}


def test_the_verdict_in_words():
    known = compared(0.002, -0.005, 0.009, "known mnasnet_a1", 0, 0)
    verdict = {"best_probability": 0.64, "expected_loss": 0.0012, "random": compared(0.013, 0.004, 0.022), "known": known}
    assert verdict_lines(verdict) == [
        "was it worth it? +1.3 points [+0.4, +2.2] against random search with as many evaluations (47; estimated from 12 of its own)",
        "was it worth it? not distinguishable from the best known network within the limit (known mnasnet_a1): +0.2 points [-0.5, +0.9]",
        "the delivered network is the best finalist with a probability of 64%; "
        "0.1 points are lost on average because another may be better",
        "all this is about the short training that ranked the networks; a longer one may rank them otherwise",
    ]


def test_the_verdict_says_how_well_the_short_training_ranks():
    ranking = {"tau": 0.55, "low": 0.31, "high": 0.72, "networks": 30, "times": 7.6}
    verdict = {"best_probability": 1.0, "expected_loss": 0.0, "random": None, "known": None, "ranking": ranking}
    assert verdict_lines(verdict)[-1] == (
        "all this is about the short training that ranked the networks; its order agrees with that of a training 8 times as long by "
        "Kendall's tau 0.55 [0.31, 0.72] (30 networks)"
    )


def test_a_known_network_that_is_better_is_recommended():
    known = compared(-0.02, -0.03, -0.01, "known mobilenet_v3_large", 0, 0)
    lines = verdict_lines({"best_probability": 1.0, "expected_loss": 0.0, "random": None, "known": known})
    assert "take mobilenet_v3_large: the search did not find better" in lines
    assert lines[0] == "was it worth it? too few random networks are surely within the limits to compare with random search"
    assert "no known network" in verdict_lines({"best_probability": 1.0, "expected_loss": 0.0, "random": None, "known": None})[1]
