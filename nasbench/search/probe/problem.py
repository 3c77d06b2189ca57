"""The probe of a search: whether there is time for one, which networks it trains, and what it changes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from nasbench.engines.base import Engine
from nasbench.errors import NasbenchError, StudyError
from nasbench.evaluate import Evaluator, make_evaluator
from nasbench.genotype import Genotype
from nasbench.latency import Predictor
from nasbench.search.config import SearchConfig, space_digest
from nasbench.search.device_profile import stored_profile
from nasbench.search.limits import estimate
from nasbench.search.plan import engine_of, seconds_per_evaluation
from nasbench.search.probe.candidates import DRAWS, FEWEST, LONGER, MOST, Probe, make_probe
from nasbench.search.probe.ranking import Ranking
from nasbench.search.probe.run import run_probe
from nasbench.search.probe.store import rankings_file, save_rankings, stored_rankings
from nasbench.search.problem import Problem, open_problem
from nasbench.search.reporting import Listener
from nasbench.spaces.choosers import random_chooser
from nasbench.training.proxy import FITTED, fitted
from nasbench.training.recipe import PROXY, Recipe

SHARE = 0.1  # of the time of a search, which a probe may take
LEAST_WORK, LEAST_S = DRAWS + LONGER, 2.0  # short trainings' worth of work for each network, and seconds of one training, at least
SAMPLES = 60  # networks of the space, of which those with evenly spread multiply-adds are trained
TRIES = 20  # networks that are drawn for each one within the limits


def probe_first(config: SearchConfig, problem: Problem, listener: Listener) -> Problem:
    """The problem of a new search, with the short training that a probe chooses, where there is time for a probe and none was made.

    Args:
        config: with the fields that the user left open; those of `problem` are filled.
    """
    data = problem.evaluator.data
    if not data.training or not set(FITTED) <= set(config.open_fields):
        return problem
    if stored_rankings(data.fingerprint, space_digest(problem.space)).chosen:
        return problem
    if SHARE * config.time_s * problem.config.workers < FEWEST * LEAST_WORK * LEAST_S:  # so that no engine is opened in vain
        return problem
    with engine_of(problem, listener) as engine:
        networks = networks_within(problem)
        probe = _fitting(problem, networks, engine, SHARE * config.time_s) if len(networks) >= FEWEST else None
        if probe is None:
            return problem
        listener.say(f"training {len(probe.networks)} networks briefly and longer, to choose the short training that ranks networks best")
        _probe(problem, probe, engine, listener)
    again = open_problem(config, problem.device)
    return again if problem.predictor is None else again.predicting(problem.predictor.profile)


def probe_now(problem: Problem, listener: Listener) -> list[Ranking]:
    """Probe the space and the data of a problem, and keep what is found for later searches; the chosen short training comes first.

    Raises:
        StudyError: the evaluator trains nothing, or too few networks can be trained.
    """
    if not problem.evaluator.data.training:
        raise StudyError(f"a probe trains networks; the evaluator {problem.config.evaluator} trains none; leave --probe out")
    networks = networks_within(problem)
    if len(networks) < FEWEST:
        raise StudyError(f"a probe needs {FEWEST} networks within the limits; {len(networks)} were found; allow more")
    with engine_of(problem, listener) as engine:
        training = problem.evaluator.data.training
        return _probe(problem, make_probe(problem.config.recipe, networks, training), engine, listener)


def networks_within(problem: Problem) -> list[Genotype]:
    """Random networks of the space within the limits. A latency limit counts where the device has a profile already."""
    limits, predictor = problem.config.limits, problem.predictor
    if predictor is None and limits.latency_ms is not None:
        profile = stored_profile(problem.device)
        predictor = None if profile is None else Predictor(profile)
        limits = limits if predictor else replace(limits, latency_ms=None)
    rng, found = random.Random(problem.config.seed), list[Genotype]()
    for _ in range(TRIES * SAMPLES):
        if len(found) == SAMPLES:
            break
        try:
            genotype = problem.decode(random_chooser(rng))
            metrics = estimate(genotype, None if predictor is None else predictor.predict, problem.device.precision)
            if limits.judge(metrics) != "outside":
                found.append(genotype)
        except NasbenchError:
            continue
    return found


def _fitting(problem: Problem, networks: list[Genotype], engine: Engine, seconds: float) -> Probe | None:
    """The probe with the most networks that takes so many seconds at most; None if not even the smallest does."""
    training = problem.evaluator.data.training
    probes = [make_probe(problem.config.recipe, networks, training, count) for count in range(MOST, FEWEST - 1, -1)]
    each, _ = seconds_per_evaluation(problem.evaluator, [networks[len(networks) // 2]], [], engine)
    return next((p for p in probes if p.work(training) * each / engine.workers <= seconds), None)


def _probe(problem: Problem, probe: Probe, engine: Engine, listener: Listener) -> list[Ranking]:
    fingerprint, space = problem.evaluator.data.fingerprint, space_digest(problem.space)
    kept = rankings_file(fingerprint, space).with_suffix(".jsonl")
    rankings = run_probe(probe, _evaluators(problem), engine, listener, kept)
    before = stored_rankings(fingerprint, space)
    # A probe of a recipe that the user gave says nothing about the one that is used where none is given.
    by_default = problem.config.recipe in (fitted(PROXY, problem.evaluator.data.training), before.chosen)
    chosen = Recipe.from_dict(dict(rankings[0].recipe)) if by_default else None
    save_rankings(fingerprint, space, before.with_others(rankings, chosen))
    return rankings


def _evaluators(problem: Problem) -> Callable[[Recipe], Evaluator]:
    def with_recipe(recipe: Recipe) -> Evaluator:
        config = replace(problem.config, recipe=recipe)
        return make_evaluator(config.evaluator, config.context(problem.plugins), config.evaluator_options)

    return with_recipe
