"""Measuring during a search: noisy measurements are repeated, and other work has to end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paper_search import Stopwatch

from nasbench.errors import BusyError
from nasbench.genotype import Block, Genotype
from nasbench.latency import Patience
from nasbench.latency.measuring.patience import PAUSES_S
from nasbench.search.measuring import LEAST_PATIENCE_S, MOST_PATIENCE_S, repeating, search_patience

G = Genotype("toy", (3, 16, 16), stages=((Block("conv", {"width": 8, "kernel": 3}),),), head=(Block("gap"), Block("linear", {"width": 10})))


def patience(seconds, messages, waits):
    """A patience whose waits are written down."""
    return Patience(seconds, messages.append, who=lambda: "process 7 keeps 1.9 cores", sleep=waits.append)


def test_noisy_networks_are_measured_once_more():
    watch = Stopwatch(noisy=True)
    messages = []
    results = repeating(watch, messages.append, patience(0.0, messages, []))({"a": G, "b": G})
    assert watch.sessions == [["a", "b"], ["a", "b"]]
    assert results["a"].noisy
    assert "2 of 2 measurements are noisy (shaky)" in messages[0]
    calm = Stopwatch()
    repeating(calm, messages.append, patience(0.0, messages, []))({"a": G})
    assert len(calm.sessions) == 1


def test_what_other_work_disturbed_is_measured_again_later_and_never_returned():
    watch = Stopwatch()

    def session(networks):
        """b is disturbed three times."""
        results = dict(watch(networks))
        if len(watch.sessions) <= 3:
            results["b"] = replace(results["b"], waited=0.4, noisy=True, why="other work kept the cores 40% of the time")
        return results

    messages, waits = [], []
    results = repeating(session, messages.append, patience(1000.0, messages, waits))({"a": G, "b": G})
    assert watch.sessions == [["a", "b"], ["b"], ["b"], ["b"]]
    assert waits == list(PAUSES_S[:3])
    assert not any(m.disturbed for m in results.values())
    first = next(line for line in messages if "waiting since" in line)
    for words in (
        "process 7 keeps 1.9 cores",
        "other work kept the cores 40% of the time",
        "what was stored is safe",
        "at most 16 min 40 s",
    ):
        assert words in first


def test_other_work_that_does_not_end_is_an_error():
    def session(networks):
        return {name: replace(m, waited=0.4, noisy=True, why="other work") for name, m in Stopwatch()(networks).items()}

    waits = []
    with pytest.raises(
        BusyError, match=r"a quiet machine; process 7 keeps 1.9 cores \(other work\); waited 25 s .*give the same command again"
    ):
        repeating(session, lambda _: None, patience(25.0, [], waits))({"a": G})
    assert waits == [10.0, 15.0], "all of the time, and no more"


def test_a_search_waits_an_eighth_of_its_time_within_bounds():
    seconds = {time_s: search_patience(time_s, lambda _: None).left_s for time_s in (10.0, 480.0, 100_000.0)}
    assert seconds == {10.0: LEAST_PATIENCE_S, 480.0: 60.0, 100_000.0: MOST_PATIENCE_S}
