"""Whole searches without training and without a clock: a paper device, and an evaluator that is a formula."""

from __future__ import annotations

import json
import math
from pathlib import Path
from unittest.mock import patch

import numpy as np
from formula import accuracy_of, by_size, evaluator_of

from nasbench.engines.base import Finished
from nasbench.genotype import Genotype, digest, trace
from nasbench.latency import Device, Measurement, Predictor, Profile
from nasbench.latency.predicting.profile import TimedNetwork
from nasbench.latency.predicting.signature import signatures
from nasbench.search.config import SearchConfig
from nasbench.search.limits import Limits
from nasbench.search.problem import Problem
from nasbench.search.run import run_search
from nasbench.spaces import load_space
from nasbench.study.sampling import every
from nasbench.zoo import known

REFERENCE_MS = 5.0
KNOWN = ("mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet_a1")
OF_0_1 = {"strategy": "evolution", "control": "equal", "train_s": 0.0}  # what a search of version 0.1 did, on which most tests count
PAPER = Device("cpu", "Paper", versions={"torch": "2", "python": "3", "nasbench": "0"})


class Silent:
    """A listener that stores all messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def say(self, message):
        self.messages.append(message)

    def stage(self, name, total=None):
        pass

    def step(self, message=None):
        pass

    def expect(self, total, left_s):
        pass

    def rounds(self, done, total):
        pass


def times(g: Genotype) -> list[float]:
    return [0.02 + x.macs / 4e7 + x.elements / 4e6 for x in trace(g)[1:]]


def true_ms(g: Genotype) -> float:
    """The latency on the paper device in milliseconds."""
    return sum(times(g))


def profile(space="tiny", lean=1.0, error=0.0, networks=20) -> Profile:
    """A profile in which networks are `lean` times as slow as they are, with a relative error of `error`."""
    draw = np.random.default_rng(0)
    timed = []
    genotypes = [load_space(space).sample(i) for i in range(networks)] + [known(name) for name in KNOWN]
    for i, g in enumerate(genotypes):
        factor = lean * math.exp(error * draw.normal())
        layers = tuple(zip(signatures(trace(g)), [ms * factor for ms in times(g)], strict=True))
        ms = sum(t for _, t in layers)
        timed.append(TimedNetwork(f"{i}", digest(g), ms, ms, ms, 8, layers))
    return Profile(PAPER, REFERENCE_MS, tuple(timed), "2026-01-01T00:00:00Z")


def write_table(path: Path) -> None:
    """A tabular benchmark of the space tiny: the more multiply-adds, the better."""
    networks = {p.digest: {"acc": [100 * accuracy_of(p.genotype)]} for p in every(load_space("tiny").decode)}
    path.write_text(json.dumps({"space": "tiny", "networks": networks}))


class Stopwatch:
    """Measures on paper.

    Args:
        width: half of each interval, as a share of the latency.
        speed: how many times slower the machine is than when it was profiled.
        noisy: whether measurements are noisy.
        drift: a factor for each session, from the list of sessions.

    Attributes:
        sessions: the names of the networks that were measured in each session.
    """

    def __init__(self, width=0.01, speed=1.0, noisy=False, drift=lambda session: 1.0) -> None:
        self.width, self.speed, self.noisy, self.drift = width, speed, noisy, drift
        self.sessions: list[list[str]] = []

    def __call__(self, networks, weights=None):
        self.sessions.append(list(networks))
        factor = self.drift(self.sessions)
        return {
            name: measurement(true_ms(g) * factor * self.speed, self.width, REFERENCE_MS * self.speed, self.noisy)
            for name, g in networks.items()
        }


def measurement(ms, width=0.01, reference_ms=REFERENCE_MS, noisy=False) -> Measurement:
    return Measurement(ms, ms * (1 - width), ms * (1 + width), 12, 0.02, ms, 0.02, reference_ms, 0.0, noisy, "shaky" if noisy else "")


def problem(measure=None, predicted=None, space="tiny", trials=6, workers=2, **more) -> Problem:
    limits, evaluate = more.pop("limits", Limits(latency_ms=1.0)), more.pop("evaluate", by_size)
    config = SearchConfig(space=space, limits=limits, trials=trials, workers=workers, known=KNOWN, **{**OF_0_1, "final_seeds": 1, **more})
    evaluator = evaluator_of(evaluate) if callable(evaluate) else evaluate
    predictor = Predictor(profile(space) if predicted is None else predicted)
    return Problem(config, load_space(space), evaluator, PAPER, predictor, measure=measure)


class Inline:
    """An engine that runs in this process, because the fork server of other tests would load torch for every trial."""

    def __init__(self, config, workers, evaluator, say) -> None:
        self.workers, self.time_limit_s, self._waiting = workers, None, []

    free = property(lambda self: self.workers - len(self._waiting))
    running = property(lambda self: [key for key, _, _ in self._waiting])

    def submit(self, key, function, argument):
        self._waiting.append((key, function, argument))

    def wait(self, timeout=None):
        key, function, argument = self._waiting.pop(0)
        return [Finished(key, "result", function(argument), seconds=0.01)]

    def cancel(self, key):
        self._waiting = [call for call in self._waiting if call[0] != key]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def run(path, problem: Problem, listener=None, engine=Inline):
    with patch("nasbench.search.plan.open_engine", engine):
        return run_search(problem, path, listener or Silent(), lambda problem, plan: None)
