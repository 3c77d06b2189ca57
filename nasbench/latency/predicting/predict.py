"""Predicts the latency of networks that were never built. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, Trace, digest, trace
from nasbench.latency.predicting.kernel_times import Array, LayerTimes, by_group
from nasbench.latency.predicting.profile import Profile, TimedNetwork
from nasbench.latency.predicting.signature import Signature, group, signatures
from nasbench.latency.predicting.total_times import Totals

FEWEST = 5  # networks on which a predictor can be fitted
FOLDS = 5
REACH = 1.5  # factor beyond the fastest and the slowest profiled network; farther out is extrapolation
GUESS = 0.5  # relative error assumed for kernels of groups that were never timed
AT_ONCE = 1000  # networks at a time: millions of kernels in memory would slow down Python's garbage collector
MOST_BEYOND = 0.25  # share of a network's time that may be in kernels of sizes far from those timed


class Prediction(NamedTuple):
    """A predicted latency.

    Attributes:
        ms: milliseconds, at the speed that the machine had when it was profiled.
        low_ms, high_ms: interval that holds a measurement with the predictor's coverage.
        extrapolated: what lies outside the profile, in words; empty if nothing does. The interval of an extrapolated prediction is not
            reliable.
    """

    ms: float
    low_ms: float
    high_ms: float
    extrapolated: tuple[str, ...] = ()


class Predictor:
    """Predicts a latency as the sum over the kernels of a trace, with one factor that is fitted to whole networks.

    The interval is conformal: each profiled network is predicted by a fit without it (in folds), and the relative errors give the
    width. A network on which the fits of the folds disagree gets a wider interval (normalised conformal prediction, Lei et al. 2018,
    section 5.2; the disagreement is the jackknife's standard error). The coverage holds for networks like the profiled ones.

    Of a profile that other work disturbed, a prediction is the time without the waits for a core, and the upper end that with them.

    Attributes:
        profile: the profile on which it was fitted.
        coverage: share of measurements that the interval shall hold.
        range_ms: milliseconds of the fastest and the slowest profiled network.
        error: half the width of the median profiled network's interval, relative: 0.06 is from 6 % below to 6 % above.

    Example:
        >>> Predictor(load_profile(path)).predict(known("mobilenet_v2"))
        Prediction(ms=14.1, low_ms=13.4, high_ms=14.8, extrapolated=())
    """

    def __init__(self, profile: Profile, coverage: float = 0.9) -> None:
        """
        Raises:
            DeviceError: the profile has fewer than `FEWEST` networks, or the coverage is not between 0 and 1.
        """
        networks = profile.networks
        if len(networks) < FEWEST:
            raise DeviceError(f"a predictor needs a profile of at least {FEWEST} networks; this one has {len(networks)}; profile more")
        if not 0 < coverage < 1:
            raise DeviceError(f"coverage is a share between 0 and 1; got {coverage:g}; try 0.9")
        self.profile, self.coverage, self.range_ms = profile, coverage, profile.range_ms
        self._fuses = profile.fuses
        base = None if profile.base is None else LayerTimes(timings(profile.base.networks))
        folds = min(FOLDS, len(networks))
        self._whole = fit(networks, base)
        self._without = [fit([n for i, n in enumerate(networks) if i % folds != fold], base) for fold in range(folds)]
        self._place: dict[Signature, int] = {}
        # These arrays have a row for each kernel seen so far: its times by the whole fit and by that of each fold; whether its group was
        # never timed; whether its sizes are far from the timed ones.
        self._table = np.zeros((0, 1 + folds))
        self._guessed = np.zeros(0, bool)
        self._beyond = np.zeros(0, bool)

        kernels = [[s for s, _ in n.kernels] for n in networks]
        self._learn([s for of_network in kernels for s in of_network])
        sums = np.array([self._table[self._rows(of_network)].sum(axis=0) for of_network in kernels])
        unseen = np.array([sums[i, 1 + i % folds] for i in range(len(networks))])
        errors = np.log([n.ms for n in networks]) - np.log(unseen)
        self._factor = math.exp(float(np.median(errors)))
        errors = np.abs(errors - np.median(errors))
        self._usual = max(float(np.median(errors)), 1e-3)
        scale = np.array([self._scale(each) for each in sums])
        self._width = _conformal(errors / scale, coverage)
        self.error = self._width * float(np.median(scale))

    def predict(self, network: Genotype | Trace) -> Prediction:
        """The latency of a genotype or of its trace."""
        return self.predict_many([network])[0]

    def predict_many(self, networks: Iterable[Genotype | Trace]) -> list[Prediction]:
        """The latency of each network; this is much faster than one call for each."""
        predictions: list[Prediction] = []
        left = iter(networks)
        while chunk := list(islice(left, AT_ONCE)):
            kernels = [signatures(trace(n) if isinstance(n, Genotype) else n, self._fuses) for n in chunk]
            self._learn([s for of_network in kernels for s in of_network])
            predictions += [self._predict(of_network) for of_network in kernels]
        return predictions

    def unsure(self, network: Genotype | Trace) -> float:
        """How far the fits of the folds disagree about a network, relative. Measurements of the most unsure networks teach most."""
        kernels = signatures(trace(network) if isinstance(network, Genotype) else network, self._fuses)
        self._learn(kernels)
        times = self._table[rows := self._rows(kernels)]
        sums = times.sum(axis=0)
        return self._disagreement(sums) + GUESS * float(times[self._guessed[rows], 0].sum() / sums[0])

    def _predict(self, kernels: Sequence[Signature]) -> Prediction:
        times = self._table[rows := self._rows(kernels)]
        sums = times.sum(axis=0)
        ms = float(sums[0]) * self._factor
        guessed, beyond = self._guessed[rows], self._beyond[rows]
        reasons = outside(self.range_ms, ms, [s for s, guess in zip(kernels, guessed, strict=True) if guess] if guessed.any() else ())
        if beyond.any() and (share := float(times[beyond, 0].sum() / sums[0])) > MOST_BEYOND:
            reasons = (*reasons, f"{share:.0%} of its time is in layers of sizes far from those timed")
        unsure = GUESS * float(times[guessed, 0].sum()) * self._factor
        factor = math.exp(self._width * self._scale(sums))
        undisturbed = 1 - self.profile.waited  # the waits of a noisy profile are within the interval: below its upper end, above the rest
        return Prediction(undisturbed * ms, max(0.0, undisturbed * (ms / factor - unsure)), ms * factor + unsure, reasons)

    def _rows(self, kernels: Sequence[Signature]) -> list[int]:
        """The rows of the table for these kernels."""
        return [self._place[s] for s in kernels]

    def _learn(self, kernels: Sequence[Signature]) -> None:
        new = list(dict.fromkeys([s for s in kernels if s not in self._place]))
        if not new:
            return
        batches = by_group(new)
        times = np.stack([model.times(batches, len(new)) for model in (self._whole, *self._without)], axis=1)
        guessed, beyond = np.zeros(len(new), bool), np.zeros(len(new), bool)
        for name, batch in batches.items():
            if self._whole.knows(batch.signatures[0]):
                beyond[batch.places] = ~self._whole.reaches(name, batch)
            else:
                guessed[batch.places] = True
        self._place.update((s, len(self._table) + i) for i, s in enumerate(new))
        self._table = np.concatenate([self._table, times])
        self._guessed, self._beyond = np.concatenate([self._guessed, guessed]), np.concatenate([self._beyond, beyond])

    def _disagreement(self, sums: Array) -> float:
        """The jackknife's standard error of log milliseconds."""
        folds = len(sums) - 1
        return float(np.log(sums[1:]).std() * math.sqrt(folds - 1))

    def _scale(self, sums: Array) -> float:
        return math.hypot(self._usual, self._disagreement(sums))


def fit(networks: Sequence[TimedNetwork], base: LayerTimes | None = None) -> LayerTimes | Totals:
    """The model of these networks' kernels: from the time of each kernel if it is known, else from the total times."""
    if all(n.in_place for n in networks):
        return LayerTimes(timings(networks), base)
    return Totals((([s for s, _ in n.kernels], n.ms) for n in networks), base)


def outside(range_ms: tuple[float, float], ms: float, guessed: Iterable[Signature]) -> tuple[str, ...]:
    """What makes the prediction of a network an extrapolation, in words.

    Args:
        range_ms: milliseconds of the fastest and the slowest profiled network.
        ms: predicted milliseconds of the network.
        guessed: its kernels of groups that were not timed.
    """
    reasons = [f"{name} was never timed" for name in sorted({group(s) for s in guessed})]
    low, high = range_ms
    if not low / REACH <= ms <= high * REACH:
        reasons.append(f"{ms:.3g} ms is far outside the profiled {low:.3g} to {high:.3g} ms")
    return tuple(reasons)


def timings(networks: Iterable[TimedNetwork]) -> list[tuple[Signature, float]]:
    """Signature and milliseconds of each timed kernel of the networks."""
    return [(s, ms) for n in networks for s, ms in n.kernels if ms is not None]


def _conformal(errors: NDArray[np.float64], coverage: float) -> float:
    """The error that the share `coverage` of further networks does not exceed: an order statistic, corrected for their number."""
    rank = math.ceil((len(errors) + 1) * coverage)
    return float(np.sort(errors)[min(rank, len(errors)) - 1])


def uncovered(profile: Profile, genotypes: Mapping[str, Genotype]) -> dict[str, Genotype]:
    """Those networks that the profile can predict only by extrapolation."""
    timed, predictor = {n.digest for n in profile.networks}, Predictor(profile)
    return {name: g for name, g in genotypes.items() if digest(g) not in timed and predictor.predict(g).extrapolated}


@lru_cache(maxsize=2)
def fitted_predictor(profile: Profile) -> Predictor:
    """The predictor of a profile. Fitting takes seconds, and studies of one device often have one profile."""
    return Predictor(profile)
