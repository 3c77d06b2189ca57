"""A benchmark of strategies counts what it says: regret, final round, hypervolume and limits, against brute force on a small table."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from nasbench.bench import BenchConfig, BenchProblem, run_bench, summary
from nasbench.bench.report import as_data, save, shown_measures
from nasbench.bench.rivals import strategy_named
from nasbench.bench.run import search
from nasbench.bench.statistics import frame, paired_p
from nasbench.errors import StudyError
from nasbench.genotype import cost, digest
from nasbench.pareto import hypervolume
from nasbench.search.config import SearchConfig
from nasbench.search.final.repeats import FINALISTS
from nasbench.spaces import load_space
from nasbench.spaces.choosers import every
from nasbench.strategies import make_strategy

TINY = load_space("tiny")
ALL = {digest(g): g for g in every(TINY.decode)}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of `tiny` where accuracy grows with MACs and falls with parameters; its trainings differ by up to 0.4 points."""
    networks = {}
    for i, (name, g) in enumerate(ALL.items()):
        c = cost(g)
        mean = 70 + 4 * math.log(c.macs / 1e5) - c.params / 2e4
        networks[name] = {"acc": [round(mean + d, 6) for d in ((i * 7) % 5 / 10 - 0.2, 0.1, -0.1)]}
    path = tmp_path_factory.mktemp("table") / "tiny.json"
    path.write_text(json.dumps({"space": "tiny", "key": "digest", "networks": networks}))
    return path


@pytest.fixture(scope="module")
def problem(table):
    return BenchProblem("tiny", str(table))


def rows(table):
    return {name: sum(row["acc"]) / 3 for name, row in json.loads(table.read_text())["networks"].items()}


def test_the_problem_is_the_table(table, problem):
    means = rows(table)
    assert set(problem.networks) == set(ALL)
    assert problem.best.mean == pytest.approx(max(means.values()) / 100)
    name = next(iter(ALL))
    assert problem.networks[name].macs == cost(ALL[name]).macs
    assert {problem.draw(problem.networks[name], seed) for seed in range(40)} == set(problem.networks[name].draws)


def test_the_best_within_a_limit(table):
    means, macs = rows(table), sorted(cost(g).macs for g in ALL.values())
    limit = macs[80]
    limited = BenchProblem("tiny", str(table), macs=limit)
    assert limited.best.mean == pytest.approx(max(means[name] for name, g in ALL.items() if cost(g).macs <= limit) / 100)
    assert limited.best.mean < BenchProblem("tiny", str(table)).best.mean, "the limit must bind, or this shows nothing"
    with pytest.raises(StudyError, match="no network of tiny is within 10 MACs; allow more"):
        _ = BenchProblem("tiny", str(table), macs=10).best


def test_hypervolume_is_a_share_of_the_true_front(table):
    pareto = BenchProblem("tiny", str(table), mode="pareto")
    everything = list(pareto.networks.values())
    assert pareto.hypervolume_share(everything) == 1
    assert pareto.true_hypervolume == pytest.approx(hypervolume([(1 - n.mean, n.macs) for n in everything], pareto.reference))
    assert 0 < pareto.hypervolume_share(sorted(everything, key=lambda n: n.mean)[-3:]) < 1
    assert pareto.hypervolume_share([min(everything, key=lambda n: n.mean)]) < 0.5


def test_a_space_that_is_searched_to_the_end_hides_nothing(problem):
    outcome = search(problem, make_strategy("random", 3), (1, 50, 256))
    assert outcome.visited_regret[-1] == 0
    assert list(outcome.visited_regret) == sorted(outcome.visited_regret, reverse=True)
    assert outcome.regret[0] == outcome.visited_regret[0]
    assert outcome.final_regret[0] is None, "one evaluation leaves nothing for a final round"
    assert all(regret >= visited for regret, visited in zip(outcome.regret, outcome.visited_regret, strict=True))


def test_nothing_outside_the_limit_is_handed_over(table):
    macs = sorted(cost(g).macs for g in ALL.values())
    limited = BenchProblem("tiny", str(table), macs=macs[60])
    for name in ("random", "predictor"):
        outcome = search(limited, make_strategy(name, 1), (30,))
        assert outcome.regret[0] >= 0
        assert outcome.asked > 30, "the limit must refuse some, or this shows nothing"


def test_the_final_round_is_paid_for(problem):
    """The network handed over after n evaluations comes from the first n minus those of the final round."""
    spent = FINALISTS * SearchConfig.final_seeds
    first = search(problem, make_strategy("random", 5), (FINALISTS, FINALISTS + spent))
    shown = [problem.best.mean - n.mean for n in problem.networks.values()]
    assert first.final_regret[1] is not None
    assert min(abs(first.final_regret[1] - 100 * s) for s in shown) < 1e-9
    assert first.final_regret[1] >= first.visited_regret[0] - 1e-9


@pytest.fixture(scope="module")
def bench(problem):
    return run_bench(BenchConfig(problem, ("predictor", "random", "optuna:RandomSampler"), (20, 40), tuple(range(6))), jobs=2)


def test_all_cores_give_what_one_gives(bench, problem):
    alone = [search(problem, strategy_named(o.strategy, o.seed), o.after) for o in bench.outcomes[:4]]
    assert alone == bench.outcomes[:4]
    assert [(o.strategy, o.seed) for o in bench.outcomes[:4]] == [
        ("predictor", 0), ("random", 0), ("optuna:RandomSampler", 0), ("predictor", 1),
    ]  # fmt: skip


def test_the_predictor_wins_and_random_is_random(bench):
    means = {(r.evaluations, r.strategy): r.mean for r in summary(bench).itertuples()}
    assert means[40, "predictor"] < means[40, "random"]
    draws = frame(bench).pivot_table(index=["seed", "evaluations"], columns="strategy", values="regret")
    assert (draws["random"] == draws["optuna:RandomSampler"]).all(), "they are the same sampler"


def test_the_summary_is_what_pandas_says(bench):
    df = frame(bench)
    for row in summary(bench, "visited_regret").itertuples():
        values = df[(df.evaluations == row.evaluations) & (df.strategy == row.strategy)]["visited_regret"]
        assert row.mean == pytest.approx(values.mean())
        assert row.standard_error == pytest.approx(values.sem())
        assert row.median == pytest.approx(values.median())


def test_paired_test():
    rng = np.random.default_rng(0)
    a = rng.normal(size=20)
    b = a + rng.normal(1, 0.1, 20)
    assert paired_p(a, b) == pytest.approx(wilcoxon(a, b).pvalue)
    assert paired_p(a, b) < 0.001
    assert paired_p(a, a + rng.normal(size=20)) > 0.05
    assert math.isnan(paired_p(a, a))


def test_files_hold_everything(bench, tmp_path):
    save(bench, tmp_path / "out")
    data = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert data == json.loads(json.dumps(as_data(bench)))
    assert data["seeds"] == list(range(6))
    assert set(data["summary"]) == set(shown_measures(bench)) == {"regret", "final_regret", "visited_regret"}
    assert len(pd.read_csv(tmp_path / "out" / "bench.csv")) == 3 * 6 * 2
    assert (tmp_path / "out" / "bench.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"strategies": ()}, "one strategy or several different ones; got none"),
        ({"strategies": ("tpe", "tpe")}, "several different ones; got tpe, tpe"),
        ({"evaluations": (50, 20)}, "ascending order; got 50, 20"),
        ({"evaluations": (0,)}, "from 1 in ascending order; got 0"),
        ({"seeds": ()}, "at least one seed"),
    ],
)
def test_refused(problem, change, match):
    with pytest.raises(StudyError, match=match):
        BenchConfig(**({"problem": problem, "strategies": ("random",)} | change))


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("predicter", "a strategy is one of .*did you mean predictor"),
        ("optuna:TPE", "optuna: has .*TPESampler.*got 'TPE'"),
        ("hyperopt:tpe", "a rival is optuna:SAMPLER or optunahub:PACKAGE"),
    ],
)
def test_unknown_strategies(problem, name, match):
    with pytest.raises(StudyError, match=match):
        run_bench(BenchConfig(problem, (name,)))


def test_other_tables_and_spaces_are_refused(table):
    with pytest.raises(StudyError, match=r"has none of macro; name its space with --space"):
        _ = BenchProblem("macro", str(table)).networks
    with pytest.raises(StudyError, match="lists all networks of its space, at most 100,000; mbconv has more"):
        _ = BenchProblem("mbconv", str(table)).networks
