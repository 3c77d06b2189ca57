"""Measuring during a search: noisy measurements are repeated, and other work has to end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paper_search import Stopwatch

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype
from nasbench.search.measuring import WAITS_S, repeating

G = Genotype("toy", (3, 16, 16), stages=((Block("conv", {"width": 8, "kernel": 3}),),), head=(Block("gap"), Block("linear", {"width": 10})))


def test_noisy_networks_are_measured_once_more():
    watch = Stopwatch(noisy=True)
    messages = []
    results = repeating(watch, messages.append)({"a": G, "b": G})
    assert watch.sessions == [["a", "b"], ["a", "b"]]
    assert results["a"].noisy
    assert "2 of 2 measurements are noisy (shaky)" in messages[0]
    calm = Stopwatch()
    repeating(calm, messages.append)({"a": G})
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
    results = repeating(session, messages.append, waits.append)({"a": G, "b": G})
    assert watch.sessions == [["a", "b"], ["b"], ["b"], ["b"]]
    assert waits == [10.0, 30.0]
    assert not any(m.disturbed for m in results.values())
    assert "other work kept the cores 40% of the time: measuring 1 networks again in 10 s" in messages


def test_other_work_that_does_not_end_is_an_error():
    def session(networks):
        return {name: replace(m, waited=0.4, noisy=True, why="other work") for name, m in Stopwatch()(networks).items()}

    waits = []
    with pytest.raises(DeviceError, match="measuring needs a quiet machine; other work; stop other work, then give the same command"):
        repeating(session, lambda _: None, waits.append)({"a": G})
    assert waits == list(WAITS_S)
