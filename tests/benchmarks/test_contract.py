"""The benchmark of the latency contract, on a paper device: its rows have the keys of the stored results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest
from paper_search import PAPER, Inline, Stopwatch, measurement, profile, true_ms

from nasbench.evaluate import EVALUATORS, make_evaluator
from nasbench.latency.verify import Verification
from nasbench.search.problem import Problem
from nasbench.spaces import load_space

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def contract(monkeypatch):
    evaluators = dict(EVALUATORS)
    monkeypatch.syspath_prepend(BENCHMARKS)
    import contract

    yield contract
    EVALUATORS.restore(evaluators)
    for name in ("contract", "by_size", "side_by_side"):
        sys.modules.pop(name)


def test_searches_on_paper(contract, tmp_path, monkeypatch):
    def open_problem(config, device):
        evaluator = make_evaluator(config.evaluator, config.context(), {})
        return Problem(config, load_space(config.space), evaluator, PAPER, measure=Stopwatch())

    def verify_card(card):
        again = measurement(true_ms(card.network))
        return Verification(card, card.measured, again, again)

    monkeypatch.setattr(contract, "open_problem", open_problem)
    monkeypatch.setattr(contract, "obtain_profile", lambda *_: profile())
    monkeypatch.setattr(contract, "verify_card", verify_card)
    monkeypatch.setattr("nasbench.search.plan.open_engine", Inline)
    options = argparse.Namespace(
        space="tiny", latency="1ms", runtime="eager", threads=None, searches=2, trials=12, device=None, search_only=False
    )
    results = contract.run(options, tmp_path)
    contract.show(results)
    assert results["handed_over"] == results["inside_again"] == 2
    assert {row["answer"] for row in results["rows"]} == {"kept"}
    assert 0.5 < results["used_least"] <= results["used_mean"] <= 1
    stored = json.loads((BENCHMARKS / "results/contract_eager_2.json").read_text())
    assert results.keys() == stored.keys()
    assert results["rows"][0].keys() == stored["rows"][0].keys()
    assert (tmp_path / "1" / "best" / "card.json").exists()
    repeated = contract.run(options, tmp_path)
    assert repeated["rows"] == results["rows"], "studies that are complete are read back"
