"""Predicts the time of a kernel from timed kernels. No torch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.latency.predicting.signature import ODD, SIZES, Signature, features, group, is_head, parts, work

Array = NDArray[np.float64]

FLOOR_MS = 1e-4  # a tenth of a microsecond, less than a clock resolves
FEW = 12  # a group with fewer signatures gets no ridge regression: only its work is fitted
PRIOR = 4.0  # so many timings of one signature weigh as much as the model of its group
ALPHAS = np.logspace(-1, 4, 11)
BEYOND = math.log(2.0)  # a size is out of range above twice the largest or below half the smallest of its group


class Batch(NamedTuple):
    """Signatures of one group.

    Attributes:
        places: their indices among all signatures.
        signatures: the signatures.
        work, features: arrays with a row for each signature, see `signature.work` and `signature.features`.
    """

    places: list[int]
    signatures: list[Signature]
    work: Array
    features: Array


def by_group(signatures: Sequence[Signature]) -> dict[str, Batch]:
    """The signatures as a batch for each group, which several models can then predict."""
    places_of: dict[str, list[int]] = defaultdict(list)
    for i, signature in enumerate(signatures):
        places_of[group(signature)].append(i)
    batches = {}
    for name, places in places_of.items():
        members = [signatures[i] for i in places]
        batches[name] = Batch(places, members, _rows(work, members), _rows(features, members))
    return batches


class LayerTimes:
    """Predicts the milliseconds of any kernel, from timings of kernels within networks.

    For each group of kernels a model is fitted: a non-negative sum over the kernel's work (a call, multiply-adds, elements read and
    written, weights), times a smooth correction by its sizes (ridge regression of the logarithm). The prediction for a signature that was
    timed itself is shrunk towards the model; signatures that were timed often are shrunk less. A group that was not timed takes its time
    on another device (`base`), times the ratio of the two devices. Without a base, one model of all groups predicts it.
    """

    def __init__(self, timings: Iterable[tuple[Signature, float]], base: LayerTimes | None = None) -> None:
        """
        Args:
            timings: signature and milliseconds of each timed kernel.
            base: the same for another device.
        """
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        seen: dict[str, dict[Signature, list[float]]] = defaultdict(lambda: defaultdict(list))
        for signature, ms in timings:
            seen[group(signature)][signature].append(max(ms, FLOOR_MS))
        simple = {s: t for timed in seen.values() for s, t in timed.items() if not is_head(s)}
        heavy = {s: t for timed in seen.values() for s, t in timed.items() if is_head(s)}
        with threadpool_limits(1):  # the matrices are small: more threads would only wait for each other
            self.models = {name: _Model(timed) for name, timed in seen.items()}
            self._other = {False: _Model(simple or heavy, few=True), True: _Model(heavy or simple, few=True)}
        self._base = base
        self._ratio = 1.0
        if base is not None:
            mine = {s: float(np.median(t)) for timed in seen.values() for s, t in timed.items()}
            self._ratio = sum(mine.values()) / float(unfused(base, list(mine)).sum())

    def knows(self, signature: Signature) -> bool:
        """Whether kernels of its group were timed. The time of other kernels is a guess."""
        return group(signature) in self.models

    def reaches(self, name: str, batch: Batch) -> NDArray[np.bool_]:
        """For each kernel of the group `name`, whether its sizes are near those that were timed."""
        model = self.models.get(name)
        return np.zeros(len(batch.signatures), bool) if model is None else model.reaches(batch.features)

    def __call__(self, signatures: Sequence[Signature]) -> Array:
        """Milliseconds of each kernel."""
        return self.times(by_group(signatures), len(signatures))

    def times(self, batches: Mapping[str, Batch], count: int) -> Array:
        """Milliseconds of each of `count` kernels, given by group."""
        times = np.zeros(count)
        for name, batch in batches.items():
            model = self.models.get(name)
            if model is None and self._base is not None:
                times[batch.places] = unfused(self._base, batch.signatures) * self._ratio
                continue
            model = model or self.models.get(name.removesuffix(ODD)) or self._other[is_head(batch.signatures[0])]
            times[batch.places] = model(batch)
        return times


def unfused(times: LayerTimes, signatures: Sequence[Signature]) -> Array:
    """Milliseconds of each kernel if its layers run one by one."""
    layers = [(i, part) for i, s in enumerate(signatures) for part in parts(s)]
    sums = np.zeros(len(signatures))
    np.add.at(sums, [i for i, _ in layers], times([part for _, part in layers]))
    return sums


class _Model:
    """Predicts the times of the kernels of one group."""

    def __init__(self, timed: dict[Signature, list[float]], few: bool = False) -> None:
        from scipy.optimize import nnls

        count = np.array([len(times) for times in timed.values()], float)
        logs = np.array([math.fsum(map(math.log, times)) / len(times) for times in timed.values()])
        works, sizes = _rows(work, timed), _rows(features, timed)
        weight = np.sqrt(count)
        # The fit is of relative errors, not of absolute ones, because a network has many small kernels.
        parts = works / np.exp(logs)[:, None] * weight[:, None]
        unit = parts.max(axis=0, initial=FLOOR_MS)
        self.price: Array = nnls(parts / unit, weight)[0] / unit
        self.low, self.high = sizes[:, :SIZES].min(axis=0), sizes[:, :SIZES].max(axis=0)
        rest = logs - self._base(works)
        self.ridge = None if few or len(timed) < FEW else _Ridge(sizes, rest, count)
        self.shift = float(np.median(rest)) if self.ridge is None else 0.0
        rest = rest - self._correction(sizes)
        self.own = {} if few else dict(zip(timed, (rest * count / (count + PRIOR)).tolist(), strict=True))

    def reaches(self, sizes: Array) -> NDArray[np.bool_]:
        near = (sizes[:, :SIZES] >= self.low - BEYOND) & (sizes[:, :SIZES] <= self.high + BEYOND)
        all_near: NDArray[np.bool_] = near.all(axis=1)
        return all_near

    def __call__(self, batch: Batch) -> Array:
        own = np.array([self.own.get(s, 0.0) for s in batch.signatures])
        times: Array = np.exp(self._base(batch.work) + self._correction(batch.features) + own)
        return times

    def _base(self, works: Array) -> Array:
        base: Array = np.log(np.maximum(works @ self.price, FLOOR_MS))
        return base

    def _correction(self, sizes: Array) -> Array:
        return np.full(len(sizes), self.shift) if self.ridge is None else self.ridge(sizes)


class _Ridge:
    """Ridge regression on features and their products. Outside the range of its data it is constant."""

    def __init__(self, x: Array, y: Array, weight: Array) -> None:
        from sklearn.linear_model import RidgeCV

        # Of features that are always equal, such as a norm's input and output channels, only the first is used.
        _, first = np.unique(x, axis=1, return_index=True)
        self.used = np.array([i for i in sorted(first) if x[:, i].std() > 0], dtype=int)
        x = x[:, self.used]
        self.low, self.high, self.middle, self.scale = x.min(axis=0), x.max(axis=0), x.mean(axis=0), x.std(axis=0)
        count = len(self.used)
        pairs = np.triu_indices(count)
        z = self._scaled(x)
        products = np.concatenate([z, z[:, pairs[0]] * z[:, pairs[1]]], axis=1)
        model = RidgeCV(ALPHAS).fit(products, y, sample_weight=weight) if count else None
        self.factors: Array = np.zeros(0) if model is None else model.coef_[:count]
        self.products = np.zeros((count, count))
        self.products[pairs] = 0.0 if model is None else model.coef_[count:]
        self.offset = float(np.average(y, weights=weight)) if model is None else float(model.intercept_)

    def __call__(self, x: Array) -> Array:
        z = self._scaled(x[:, self.used])
        corrected: Array = z @ self.factors + ((z @ self.products) * z).sum(axis=1) + self.offset
        return corrected

    def _scaled(self, x: Array) -> Array:
        scaled: Array = (np.minimum(np.maximum(x, self.low), self.high) - self.middle) / self.scale
        return scaled


def _rows(read: Callable[[Signature], tuple[float, ...]], signatures: Iterable[Signature]) -> Array:
    return np.array([read(s) for s in signatures], float)
