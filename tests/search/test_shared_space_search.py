"""A search over the space of all families puts the blocks of one behind those of another."""

from __future__ import annotations

import math

import pytest
from variants import picks_block

from nasbench.errors import NasbenchError
from nasbench.genotype import cost
from nasbench.spaces import load_space
from nasbench.strategies import make_strategy
from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.seeds import derive
from nasbench.study.trial import judge

WANTED = 300e6  # MACs: a score that every family can reach


@pytest.mark.parametrize("name", ["evolution", "random", "tpe"])
def test_trials_are_networks_and_cross_families(name: str) -> None:
    space = load_space("shared")
    mirror, chosen = InMemoryStudy("shared", ("maximize",), []), make_strategy(name, 0)
    scores: list[float] = []
    for number in range(60):
        found = mirror.sample(chosen.sampler(derive(0, number)), space.decode)
        if isinstance(found, NasbenchError):
            mirror.finish(number, judge({"status": "infeasible", "reason": str(found)}, 1))
            continue
        assert found.genotype in space
        scores.append(-abs(math.log(cost(found.genotype).macs / WANTED)))
        mirror.finish(number, judge({"status": "ok", "values": [scores[-1]]}, 1))
    assert len(scores) > 30, "most draws are networks"
    if name == "evolution":
        by_number = {trial.number: trial for trial in mirror.trials()}
        pairs = [(by_number[t.user_attrs["parent"]].params, t.params) for t in by_number.values() if "parent" in t.user_attrs]
        crossed = [
            label for before, after in pairs for label in after if picks_block(label) and label in before and before[label] != after[label]
        ]
        assert len(pairs) > 30
        assert len(crossed) >= 3
        assert sum(scores[-15:]) > sum(scores[:15])
