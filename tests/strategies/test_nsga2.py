"""NSGA-II: parents are among the best, and a child has their values but for few."""

from __future__ import annotations

import statistics

from learning import BOTH, UP, search
from toy_search import record


def test_values_come_from_good_trials():
    trials = search("nsga2", 3, 60, population=10)
    assert all(t.parent is None for t in trials[:10])
    for trial in trials[10:]:
        best = sorted(trials[: trial.number], key=lambda t: -t.values[0])
        best = [t for t in best if t.values >= best[9].values]
        assert trial.parent in {t.number for t in best}
        foreign = [k for k, v in trial.params.items() if all(t.params.get(k) != v for t in best)]
        assert len(foreign) < len(trial.params) / 2
    changed = [sum(t.params.get(k) != v for k, v in trials[t.parent].params.items()) for t in trials[10:]]
    assert statistics.mean(changed) > 1, "a child is more than a mutation of its first parent"


def test_without_crossover_about_one_value_changes():
    trials = search("nsga2", 3, 60, population=10, crossover=0.0)
    pairs = [(t.params, trials[t.parent].params) for t in trials[10:]]
    changed = [sum(a[k] != b[k] for k in a.keys() & b.keys()) for a, b in pairs]
    assert 0.6 < statistics.mean(changed) < 2


def test_refused_trials_are_parents_while_there_is_nothing_better():
    """Every trial is refused; the parents are those that exceed the limit least."""

    def refuse(genotype, _):
        return {"status": "over_budget", "constraints": {"latency": record(genotype)["latency_ms"] + 0.1}}

    trials = search("nsga2", 3, 40, UP, refuse, population=8)
    for trial in trials[8:]:
        least = sorted(trials[: trial.number], key=lambda t: t.constraints["latency"])[:8]
        assert trial.parent in {t.number for t in least}


def test_the_front_is_wide():
    """With two objectives the ends of the front are parents too: crowding distance keeps them."""
    trials = search("nsga2", 3, 120, BOTH, population=10)
    late = [t.values[1] for t in trials[60:]]
    assert max(late) > 1.5 * min(late)
