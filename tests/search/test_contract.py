"""Whole searches on a device on paper: what is handed over keeps its promise."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from paper_search import KNOWN, PAPER, Silent, Stopwatch, problem, profile, run, true_ms

from nasbench.analysis.study import open_study
from nasbench.cli.text.study import show_summary
from nasbench.engines.open import open_engine
from nasbench.errors import LimitError
from nasbench.genotype import Genotype, cost
from nasbench.search.limits import Limits, reward
from nasbench.spaces import load_space
from nasbench.study.sampling import every

TIMES = sorted(true_ms(d.genotype) for d in every(load_space("tiny").decode))
LIMIT = Limits(latency_ms=TIMES[128] * 1.0001)


def used(outcome):
    """Share of the budget that the winner takes in truth."""
    return true_ms(Genotype.from_yaml(outcome.winner.finalist.genotype)) / LIMIT.latency_ms


def said_of(path):
    return [(t.number, t.status, t.digest, t.values, t.latency_ms, t.reason) for t in open_study(path).records("search")]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A search on a machine 1.4 times as slow as when it was profiled."""
    path = tmp_path_factory.mktemp("contract") / "study"
    watch = Stopwatch(speed=1.4)
    made = problem(watch, profile(error=0.1), trials=10, limits=LIMIT)
    return path, made, watch, run(path, made)


def test_the_winner_keeps_the_limit_when_measured_again(done):
    path, _, watch, outcome = done
    card = json.loads((path / "best" / "card.json").read_text())
    assert card["met"]
    assert card["measured"]["high_ms"] <= card["target_ms"] == LIMIT.latency_ms
    assert watch.sessions[-1] == [outcome.winner.finalist.origin], "alone, and last"
    assert card["measured"]["anchor_ms"] == 5.0, "at the profile's speed"
    assert used(outcome) <= 1
    rows = [json.loads(line) for line in (path / "measurements.jsonl").read_text().splitlines()]
    assert {r["measured"]["anchor_ms"] for r in rows} == {7.0}, "and raw ones are kept"
    assert {"finalists", "winner"} <= {r["where"] for r in rows}
    assert not [t for t in open_study(path).records() if t.status == "running"]


def test_measured_latency_makes_the_reward(done):
    path, *_ = done
    trials = [t for t in open_study(path).records("search") if t.status == "ok" and "measured_ms" in t.more]
    assert trials
    for t in trials:
        assert t.more["measured_ms"] == t.latency_ms == pytest.approx(true_ms(Genotype.from_yaml(t.genotype)))
        assert t.reward == pytest.approx(reward(t.accuracy, t.latency_ms, LIMIT.latency_ms, "hard"))


def test_the_plan_is_of_the_whole_space(done):
    plan = open_study(done[0]).plan()
    assert (plan["count"], plan["sampled"]) == (256, 256)
    assert plan["inside"] + plan["unsure"] + plan["outside"] == pytest.approx(1)
    assert plan["unsure"] > 0
    assert plan["binds"] is True
    assert plan["verdict"] == "binds"


def test_the_same_again_measures_and_trains_nothing(done):
    path, made, watch, outcome = done
    sessions, before = len(watch.sessions), said_of(path)
    again = run(path, made)
    assert len(watch.sessions) == sessions
    assert said_of(path) == before
    assert again.winner == outcome.winner


def test_the_search_arm_repeats_exactly(done, tmp_path):
    path, made, *_ = done
    run(tmp_path / "study", made)
    assert said_of(tmp_path / "study") == said_of(path)


@pytest.mark.parametrize("lean", [0.7, pytest.param(1.3, marks=pytest.mark.slow)])
def test_a_predictor_that_leans(tmp_path, lean):
    """30 % too hopeful must not cost the promise, 30 % too careful not the budget."""
    outcome = run(tmp_path / "study", problem(Stopwatch(), profile(lean=lean, error=0.1), trials=16, limits=LIMIT))
    assert outcome.winner is not None
    assert 0.8 < used(outcome) <= 1


@pytest.mark.slow
def test_a_hopeful_prediction_alone_breaks_the_limit(tmp_path):
    """The control: where nothing is measured, the same predictor lets networks above the limit through."""
    path = tmp_path / "study"
    run(path, problem(None, profile(lean=0.7, error=0.01), trials=16, limits=LIMIT))
    trained = [t for t in open_study(path).records("search") if t.status == "ok"]
    assert max(true_ms(Genotype.from_yaml(t.genotype)) for t in trained) > 1.1 * LIMIT.latency_ms


def test_noise_promises_nothing(tmp_path):
    listener = Silent()
    outcome = run(tmp_path / "study", problem(Stopwatch(noisy=True), limits=LIMIT), listener)
    assert outcome.winner is None
    assert outcome.choice.noisy
    card = json.loads((tmp_path / "study" / "best" / "card.json").read_text())
    assert (card["measured"], card["met"]) == (None, None), "delivered unverified"
    assert card["unverified"] == "the measurement was too noisy: shaky"
    calm = run(tmp_path / "study", problem(Stopwatch(), limits=LIMIT))
    assert calm.winner is not None, "the same command on a quieter day"


@pytest.mark.slow
def test_winners_that_miss_are_replaced_by_further_finalists(tmp_path):
    """The first three are three times as slow when they are measured again, so that even the fastest network of the space misses."""

    def drift(sessions):
        again = [s for s in sessions if len(s) == 1]
        return 3.0 if sessions[-1] in again[:3] else 1.0

    listener = Silent()
    near = Limits(latency_ms=TIMES[-1] * 1.1)  # nothing is unsure, all win on accuracy alone
    watch = Stopwatch(drift=drift)
    outcome = run(tmp_path / "study", problem(watch, profile(error=0.001), trials=12, limits=near), listener)
    assert outcome.winner is not None
    assert sum(len(s) == 1 for s in watch.sessions) == 4, "three that missed, and the winner"
    assert sum("the next best takes its place" in line for line in listener.messages) >= 3
    trained = [t for t in open_study(tmp_path / "study").records("final") if t.more["origin"].startswith("search")]
    assert len(trained) == 4, "two finalists, and two that took their place"
    assert outcome.winner.again.high_ms <= near.latency_ms


def test_a_device_elsewhere(tmp_path):
    path = tmp_path / "study"
    outcome = run(path, problem(None, profile(error=0.02), limits=LIMIT))
    card = json.loads((path / "best" / "card.json").read_text())
    assert (card["measured"], card["met"]) == (None, None)
    assert card["device"]["name"] == PAPER.name
    assert card["predicted"]["high_ms"] <= LIMIT.latency_ms
    assert outcome.winner.again is None
    assert all(row["measured"] is False for row in open_study(path).summary())
    assert not (path / "measurements.jsonl").exists()


@pytest.mark.parametrize("mode", ["hard", pytest.param("pareto", marks=pytest.mark.slow)])
def test_a_budget_without_latency(tmp_path, mode, capsys):
    path = tmp_path / "study"
    costs = [cost(d.genotype) for d in every(load_space("tiny").decode)]
    limits = Limits(macs=sorted(c.macs for c in costs)[128], size_bytes=sorted(c.size_bytes() for c in costs)[160])
    outcome = run(path, problem(Stopwatch(), limits=limits, mode=mode))
    found = cost(Genotype.from_yaml(outcome.winner.finalist.genotype))
    assert found.macs <= limits.macs
    assert found.size_bytes() <= limits.size_bytes
    assert not (path / "best" / "card.json").exists(), "nothing was promised"
    good = [t for t in open_study(path).records("search") if t.status == "ok"]
    assert all(t.values[0] == t.accuracy for t in good)
    assert {t.more["size_bytes"] <= limits.size_bytes for t in good} == {True}
    assert open_study(path).plan()["unsure"] == 0
    show_summary(open_study(path))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("search", "random", "known"))]
    assert len(lines) == len(open_study(path).summary()) > len(KNOWN)
    for line in lines:  # each known network is far larger than the space's
        assert ("  no: MACs, size  " if line.startswith("known") else "  yes  ") in line, line


@pytest.mark.slow
def test_an_evaluator_of_ones_own_travels_to_its_processes(done, tmp_path):
    run(tmp_path / "study", done[1], engine=open_engine)
    assert said_of(tmp_path / "study") == said_of(done[0])


def test_a_budget_that_cannot_be_met_leaves_nothing_behind(tmp_path):
    path = tmp_path / "study"
    with pytest.raises(LimitError, match="cannot be met in tiny: the fastest"):
        run(path, problem(Stopwatch(), limits=Limits(latency_ms=0.01)))
    assert not path.exists()


class Unsure:
    """A predictor whose profile reaches none of the networks."""

    def __init__(self, sure):
        self.profile = sure.profile
        self._sure = sure

    def predict(self, network):
        return self._sure.predict(network)._replace(extrapolated=("far outside the profile",))


def test_a_budget_that_predictions_cannot_refuse_is_refused_by_one_measurement(tmp_path):
    watch, path = Stopwatch(speed=1.4), tmp_path / "study"
    made = problem(watch, limits=Limits(latency_ms=TIMES[0] * 0.9))
    with pytest.raises(LimitError, match=f"cannot be met in tiny: the fastest network that was found takes {TIMES[0]:.3g} ms .*measured"):
        run(path, replace(made, predictor=Unsure(made.predictor)))
    assert watch.sessions == [["fastest"]]
    assert not path.exists()


def test_a_budget_that_can_be_met_is_not_refused(tmp_path):
    """The control: a quarter of the space is inside."""
    watch = Stopwatch()
    made = problem(watch, limits=Limits(latency_ms=TIMES[64]))
    outcome = run(tmp_path / "study", replace(made, predictor=Unsure(made.predictor)))
    assert watch.sessions[0] == ["fastest"]
    assert true_ms(Genotype.from_yaml(outcome.winner.finalist.genotype)) <= TIMES[64]


@pytest.mark.parametrize(("mode", "limits"), [("soft", Limits(macs=1)), ("hard", Limits())])
def test_rewards_that_need_a_limit(mode, limits):
    with pytest.raises(LimitError, match=f"the {mode} reward needs a"):
        problem(mode=mode, limits=limits)
