"""Run a probe: train, compare, choose, and keep what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nasbench.engines.base import Engine
from nasbench.errors import StudyError
from nasbench.evaluate.base import Evaluator, Fidelity, Timed
from nasbench.files import JsonLines, checksum
from nasbench.genotype import cost
from nasbench.search.probe.candidates import DRAWS, Probe
from nasbench.search.probe.ranking import Ranking, ranking, tau_samples
from nasbench.search.reporting import Listener
from nasbench.search.timed_calls import Job, timed_calls
from nasbench.strategies.predictor.features import Matrix, Vector
from nasbench.training.recipe import Recipe

LONGER = "longer"
CONFIDENCE = 0.8  # probability that another training ranks better, from which it replaces the usual one
LEAST = 4  # networks that must have been trained with both


@dataclass(frozen=True)
class _Trained:
    """The result of one training; an accuracy of None where it failed."""

    accuracy: float | None
    seconds: float
    reason: str = ""


def run_probe(probe: Probe, evaluator_of: Callable[[Recipe], Evaluator], engine: Engine, listener: Listener, kept: Path) -> list[Ranking]:
    """Train the networks of a probe; returns one ranking for each candidate, the chosen one first.

    The validation images of the longer training are others than those of the short ones, so that no network seems good in both because
    it suits them; data that has validation images of its own has no others.

    Args:
        evaluator_of: the evaluator with a recipe.
        kept: a file of results. An interrupted probe continues from it.

    Raises:
        StudyError: too few of the networks could be trained.
    """
    jobs: list[tuple[str, int, int]] = [(LONGER, 0, i) for i in range(len(probe.networks))]
    jobs += [(name, draw, i) for draw in range(DRAWS) for name in probe.candidates for i in range(len(probe.networks))]
    recipes = probe.candidates | {LONGER: probe.longer}
    keys = {
        job: checksum({"network": probe.networks[job[2]].to_yaml(), "recipe": recipes[job[0]].to_dict(), "draw": job[1]}) for job in jobs
    }
    file = JsonLines(kept)
    kept.parent.mkdir(parents=True, exist_ok=True)
    done = {line["key"]: _Trained(**line["result"]) for line in file.read(skip_damaged=True)}
    listener.stage("training the networks of the probe", len(jobs))
    missing = [job for job in jobs if keys[job] not in done]
    for _ in range(len(jobs) - len(missing)):
        listener.step()
    evaluators = {name: evaluator_of(recipe) for name, recipe in recipes.items()}
    calls = [Job(evaluators[name], probe.networks[i], Fidelity(fold=DRAWS if name == LONGER else draw), draw) for name, draw, i in missing]
    for place, timed in timed_calls(engine, calls):
        result = _trained(timed)
        done[keys[missing[place]]] = result
        file.append([{"key": keys[missing[place]], "result": vars(result)}])
        name, _, i = missing[place]
        listener.step(f"{name}, network {i + 1}: {result.reason or f'{100 * (result.accuracy or 0.0):.1f} %'}")
    rankings = _compared(probe, {job: done[key] for job, key in keys.items()})
    kept.unlink(missing_ok=True)
    return rankings


def _trained(timed: Timed) -> _Trained:
    record = timed.record
    ok = record.get("status") == "ok"
    seconds = float(
        record.get("seconds") or timed.wall_s
    )  # without the start of a process, which is long beside a small network's training
    return _Trained(record["accuracy"] if ok else None, seconds, "" if ok else str(record.get("reason")))


def _compared(probe: Probe, results: dict[tuple[str, int, int], _Trained]) -> list[Ranking]:
    """One ranking for each candidate, the chosen one first. A network whose short training failed is the worst there."""
    places = [i for i in range(len(probe.networks)) if results[LONGER, 0, i].accuracy is not None]
    if len(places) < LEAST:
        reasons = sorted({results[LONGER, 0, i].reason for i in range(len(probe.networks))} - {""})
        raise StudyError(
            f"a probe compares {LEAST} networks at least; {len(places)} of {len(probe.networks)} could be trained: {'; '.join(reasons)}"
        )
    long = _accuracies(results, LONGER, 1, places)
    macs = [float(cost(probe.networks[i]).macs) for i in places]
    longer_s = [results[LONGER, 0, i].seconds for i in places]
    rankings, samples = [], []
    for name, recipe in probe.candidates.items():
        short = _accuracies(results, name, DRAWS, places)
        seconds = [results[name, draw, i].seconds for draw in range(DRAWS) for i in places]
        rankings.append(ranking(recipe.to_dict(), probe.longer.to_dict(), short, long, macs, seconds, longer_s))
        samples.append(tau_samples(short, long.mean(axis=1)))
    best = better_than_first(rankings, samples)
    return [rankings[best], *(ranking for k, ranking in enumerate(rankings) if k != best)]


def better_than_first(rankings: Sequence[Ranking], samples: Sequence[Vector]) -> int:
    """The place of the one with the highest tau; 0 where it is not probable enough that it ranks better than the first.

    Args:
        samples: of each, see `tau_samples`.
    """
    best = max(range(len(rankings)), key=lambda k: rankings[k].tau)
    return best if float((samples[best] > samples[0]).mean()) >= CONFIDENCE else 0


def _accuracies(results: dict[tuple[str, int, int], _Trained], name: str, draws: int, places: Sequence[int]) -> Matrix:
    """One row for each network, one column for each of its trainings; 0 for one that failed."""
    return np.array([[results[name, draw, i].accuracy or 0.0 for draw in range(draws)] for i in places])
