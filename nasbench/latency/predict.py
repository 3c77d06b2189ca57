"""Predicting the latency of networks that were never built. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, Trace, trace
from nasbench.latency.layer_times import LayerTimes
from nasbench.latency.profile import Profile, TimedNetwork
from nasbench.latency.signature import Signature, group, signatures

FEWEST = 5  # networks a predictor is fitted on
FOLDS = 5
REACH = 1.5  # times beyond the fastest and slowest profiled network; farther out is extrapolation
GUESS = 0.5  # relative error granted to layers of kinds that were never timed


class Prediction(NamedTuple):
    """A predicted latency.

    Attributes:
        ms: at the machine's speed when it was profiled.
        low_ms, high_ms: hold a measurement with the predictor's coverage.
        extrapolated: what lies outside the profile, in words; empty where nothing does. Then the interval is no promise.
    """

    ms: float
    low_ms: float
    high_ms: float
    extrapolated: tuple[str, ...] = ()


class Predictor:
    """Latency as the sum over a trace's layers, corrected on whole networks.

    The interval is conformal: each profiled network is predicted by a fit without it (in folds), and the relative errors
    made there give the width. It holds for networks like those that were profiled.

    Attributes:
        profile: what it was fitted on.
        coverage: share of measurements that the interval is to hold.
        error: half of the interval, relative: 0.06 is from 6 % below to 6 % above.
    """

    def __init__(self, profile: Profile, coverage: float = 0.9) -> None:
        """
        Raises:
            DeviceError: fewer than `FEWEST` profiled networks, or a coverage outside 0 to 1.
        """
        networks = profile.networks
        if len(networks) < FEWEST:
            raise DeviceError(f"a predictor needs a profile of at least {FEWEST} networks; this one has {len(networks)}; profile more")
        if not 0 < coverage < 1:
            raise DeviceError(f"coverage is a share between 0 and 1; got {coverage:g}; try 0.9")
        self.profile, self.coverage = profile, coverage
        self._layers = LayerTimes(timings(networks))
        errors = _errors_unseen(networks)
        self._factor = math.exp(float(np.median(errors)))
        self.error = _conformal(np.abs(errors - np.median(errors)), coverage)
        self.range_ms = profile.range_ms
        self._known: dict[Signature, float] = {}
        self._guessed: set[Signature] = set()

    def predict(self, network: Genotype | Trace) -> Prediction:
        """The latency of a genotype or of its trace."""
        layers = signatures(trace(network) if isinstance(network, Genotype) else network)
        self._learn(layers)
        ms = self._sum(layers)
        guessed = [s for s in layers if s in self._guessed] if self._guessed else []
        unsure = GUESS * self._sum(guessed)
        factor = math.exp(self.error)
        return Prediction(ms, max(0.0, ms / factor - unsure), ms * factor + unsure, outside(self.range_ms, ms, guessed))

    def predict_many(self, networks: Iterable[Genotype | Trace]) -> NDArray[np.float64]:
        """Milliseconds of each network; faster than one by one."""
        several = [signatures(trace(n) if isinstance(n, Genotype) else n) for n in networks]
        self._learn([s for layers in several for s in layers])
        return np.array([self._sum(layers) for layers in several])

    def _learn(self, layers: Sequence[Signature]) -> None:
        new = list(dict.fromkeys(s for s in layers if s not in self._known))
        if new:
            self._known.update(zip(new, (self._layers(new) * self._factor).tolist(), strict=True))
            self._guessed.update(s for s in new if not self._layers.knows(s))

    def _sum(self, layers: Sequence[Signature]) -> float:
        known = self._known
        return math.fsum([known[s] for s in layers])


def outside(range_ms: tuple[float, float], ms: float, guessed: Iterable[Signature]) -> tuple[str, ...]:
    """What about a network of `ms` lies outside a profile of networks of `range_ms`, in words.

    `guessed` are its layers of kinds that were not timed.
    """
    found = [f"{name} was never timed" for name in sorted({group(s) for s in guessed})]
    low, high = range_ms
    if not low / REACH <= ms <= high * REACH:
        found.append(f"{ms:.3g} ms is far outside the profiled {low:.3g} to {high:.3g} ms")
    return tuple(found)


def timings(networks: Iterable[TimedNetwork]) -> list[tuple[Signature, float]]:
    """The timed layers of several networks."""
    return [timing for n in networks for timing in n.layers]


def _errors_unseen(networks: Sequence[TimedNetwork]) -> NDArray[np.float64]:
    """log(measured / predicted) of each network, by a fit that has not seen it."""
    folds = min(FOLDS, len(networks))
    errors = np.zeros(len(networks))
    for fold in range(folds):
        model = LayerTimes(timings(n for i, n in enumerate(networks) if i % folds != fold))
        for i in range(fold, len(networks), folds):
            errors[i] = math.log(networks[i].ms / model([s for s, _ in networks[i].layers]).sum())
    return errors


def _conformal(errors: NDArray[np.float64], coverage: float) -> float:
    """The error that so many of further networks stay below: an order statistic, corrected for their number."""
    rank = math.ceil((len(errors) + 1) * coverage)
    return float(np.sort(errors)[min(rank, len(errors)) - 1])
