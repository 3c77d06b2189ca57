"""A law for the time of a layer, learnt from timed layers. No torch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from nasbench.latency.signature import HEADS, ODD, Signature, features, group, work

Array = NDArray[np.float64]

FLOOR_MS = 1e-4  # a tenth of a microsecond: below what a clock tells
FEW = 12  # timings of a group under which only its work is fitted
PRIOR = 4.0  # timings of one signature that weigh as much as the law of its group
ALPHAS = np.logspace(-1, 4, 11)


class LayerTimes:
    """Milliseconds of any layer, from `timings` of layers in place.

    Per group of layers, the time is a non-negative sum over the layer's work (a call, multiply-adds, elements read and
    written, weights), times a smooth correction by its sizes (ridge regression of the logarithm). A signature that was
    timed itself is drawn to what was seen, the more the oftener it was seen: one timing knows less than the law.
    """

    def __init__(self, timings: Iterable[tuple[Signature, float]]) -> None:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        seen: dict[str, dict[Signature, list[float]]] = defaultdict(lambda: defaultdict(list))
        for signature, ms in timings:
            seen[group(signature)][signature].append(max(ms, FLOOR_MS))
        simple = {s: t for timed in seen.values() for s, t in timed.items() if s.kind not in HEADS}
        heavy = {s: t for timed in seen.values() for s, t in timed.items() if s.kind in HEADS}
        with threadpool_limits(1):  # small matrices: more threads would only wait for each other
            self.laws = {name: _Law(timed) for name, timed in seen.items()}
            self._other = {False: _Law(simple or heavy, few=True), True: _Law(heavy or simple, few=True)}

    def knows(self, signature: Signature) -> bool:
        """Whether layers of its group were timed; the time of others is a guess from all groups."""
        return group(signature) in self.laws

    def __call__(self, signatures: Sequence[Signature]) -> Array:
        """Milliseconds of each layer."""
        times = np.zeros(len(signatures))
        where: dict[str, list[int]] = defaultdict(list)
        for i, signature in enumerate(signatures):
            where[group(signature)].append(i)
        for name, places in where.items():
            some = [signatures[i] for i in places]
            law = self.laws.get(name) or self.laws.get(name.removesuffix(ODD)) or self._other[some[0].kind in HEADS]
            times[places] = law(some)
        return times


class _Law:
    """The times of one group."""

    def __init__(self, timed: dict[Signature, list[float]], few: bool = False) -> None:
        from scipy.optimize import nnls

        count = np.array([len(times) for times in timed.values()], float)
        logs = np.array([math.fsum(map(math.log, times)) / len(times) for times in timed.values()])
        works, sizes = _work(timed), _features(timed)
        weight = np.sqrt(count)
        # Relative errors are made small, not absolute ones: a network has many small layers.
        parts = works / np.exp(logs)[:, None] * weight[:, None]
        unit = parts.max(axis=0, initial=FLOOR_MS)
        self.price: Array = nnls(parts / unit, weight)[0] / unit
        rest = logs - self._base(works)
        self.ridge = None if few or len(timed) < FEW else _Ridge(sizes, rest, count)
        self.shift = float(np.median(rest)) if self.ridge is None else 0.0
        rest = rest - self._correction(sizes)
        self.own = {} if few else dict(zip(timed, (rest * count / (count + PRIOR)).tolist(), strict=True))

    def __call__(self, signatures: Sequence[Signature]) -> Array:
        own = np.array([self.own.get(s, 0.0) for s in signatures])
        times: Array = np.exp(self._base(_work(signatures)) + self._correction(_features(signatures)) + own)
        return times

    def _base(self, works: Array) -> Array:
        base: Array = np.log(np.maximum(works @ self.price, FLOOR_MS))
        return base

    def _correction(self, sizes: Array) -> Array:
        return np.full(len(sizes), self.shift) if self.ridge is None else self.ridge(sizes)


class _Ridge:
    """Ridge regression on features and their products; outside the range it was fitted on, it stays as at the border."""

    def __init__(self, x: Array, y: Array, weight: Array) -> None:
        from sklearn.linear_model import RidgeCV

        # Of features that are always equal, such as a norm's input and output channels, one says it all.
        _, first = np.unique(x, axis=1, return_index=True)
        self.used = np.array([i for i in sorted(first) if x[:, i].std() > 0], dtype=int)
        x = x[:, self.used]
        self.low, self.high, self.middle, self.scale = x.min(axis=0), x.max(axis=0), x.mean(axis=0), x.std(axis=0)
        self.pairs = np.triu_indices(len(self.used))
        model = RidgeCV(ALPHAS).fit(self._products(x), y, sample_weight=weight) if len(self.used) else None
        self.factors: Array = np.zeros(0) if model is None else model.coef_
        self.offset = float(np.average(y, weights=weight)) if model is None else float(model.intercept_)

    def __call__(self, x: Array) -> Array:
        corrected: Array = self._products(x[:, self.used]) @ self.factors + self.offset
        return corrected

    def _products(self, x: Array) -> Array:
        z = (np.minimum(np.maximum(x, self.low), self.high) - self.middle) / self.scale
        return np.concatenate([z, z[:, self.pairs[0]] * z[:, self.pairs[1]]], axis=1)


def _work(signatures: Iterable[Signature]) -> Array:
    return np.array([work(s) for s in signatures], float)


def _features(signatures: Iterable[Signature]) -> Array:
    return np.array([features(s) for s in signatures], float)
