"""A law for the time of a kernel, learnt from timed kernels. No torch."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench.latency.predicting.signature import ODD, SIZES, Signature, features, group, is_head, parts, work

Array = NDArray[np.float64]

FLOOR_MS = 1e-4  # a tenth of a microsecond: below what a clock tells
FEW = 12  # timings of a group under which only its work is fitted
PRIOR = 4.0  # timings of one signature that weigh as much as the law of its group
ALPHAS = np.logspace(-1, 4, 11)
BEYOND = math.log(2.0)  # a size is out of range beyond twice the largest or half the smallest of its group


class Some(NamedTuple):
    """Signatures of one group, with what the laws read of them: `work` and `features`, a row each."""

    places: list[int]
    signatures: list[Signature]
    work: Array
    features: Array


def sorted_out(signatures: Sequence[Signature]) -> dict[str, Some]:
    """The signatures by group, to be asked of several laws."""
    where: dict[str, list[int]] = defaultdict(list)
    for i, signature in enumerate(signatures):
        where[group(signature)].append(i)
    found = {}
    for name, places in where.items():
        several = [signatures[i] for i in places]
        found[name] = Some(places, several, _rows(work, several), _rows(features, several))
    return found


class LayerTimes:
    """Milliseconds of any kernel, from `timings` of kernels in place.

    Per group of kernels, the time is a non-negative sum over the kernel's work (a call, multiply-adds, elements read and
    written, weights), times a smooth correction by its sizes (ridge regression of the logarithm). A signature that was
    timed itself is drawn to what was seen, the more the oftener it was seen: one timing knows less than the law. A group that was
    not timed is as on another device (`base`), but for what all others took there; without one, it is as all others together.
    """

    def __init__(self, timings: Iterable[tuple[Signature, float]], base: LayerTimes | None = None) -> None:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        seen: dict[str, dict[Signature, list[float]]] = defaultdict(lambda: defaultdict(list))
        for signature, ms in timings:
            seen[group(signature)][signature].append(max(ms, FLOOR_MS))
        simple = {s: t for timed in seen.values() for s, t in timed.items() if not is_head(s)}
        heavy = {s: t for timed in seen.values() for s, t in timed.items() if is_head(s)}
        with threadpool_limits(1):  # small matrices: more threads would only wait for each other
            self.laws = {name: _Law(timed) for name, timed in seen.items()}
            self._other = {False: _Law(simple or heavy, few=True), True: _Law(heavy or simple, few=True)}
        self._base = base
        self._ratio = 1.0
        if base is not None:
            mine = {s: float(np.median(t)) for timed in seen.values() for s, t in timed.items()}
            self._ratio = sum(mine.values()) / float(apart(base, list(mine)).sum())

    def knows(self, signature: Signature) -> bool:
        """Whether kernels of its group were timed; the time of others is a guess."""
        return group(signature) in self.laws

    def reaches(self, name: str, some: Some) -> NDArray[np.bool_]:
        """Whether the sizes of these kernels are near those that were timed."""
        law = self.laws.get(name)
        return np.zeros(len(some.signatures), bool) if law is None else law.reaches(some.features)

    def __call__(self, signatures: Sequence[Signature]) -> Array:
        """Milliseconds of each kernel."""
        return self.times(sorted_out(signatures), len(signatures))

    def times(self, by_group: Mapping[str, Some], count: int) -> Array:
        """Milliseconds of each of `count` kernels, sorted out before."""
        times = np.zeros(count)
        for name, some in by_group.items():
            law = self.laws.get(name)
            if law is None and self._base is not None:
                times[some.places] = apart(self._base, some.signatures) * self._ratio
                continue
            law = law or self.laws.get(name.removesuffix(ODD)) or self._other[is_head(some.signatures[0])]
            times[some.places] = law(some)
        return times


def apart(times: LayerTimes, signatures: Sequence[Signature]) -> Array:
    """Milliseconds of each kernel where its layers run one by one."""
    several = [(i, part) for i, s in enumerate(signatures) for part in parts(s)]
    found = np.zeros(len(signatures))
    np.add.at(found, [i for i, _ in several], times([part for _, part in several]))
    return found


class _Law:
    """The times of one group."""

    def __init__(self, timed: dict[Signature, list[float]], few: bool = False) -> None:
        from scipy.optimize import nnls

        count = np.array([len(times) for times in timed.values()], float)
        logs = np.array([math.fsum(map(math.log, times)) / len(times) for times in timed.values()])
        works, sizes = _rows(work, timed), _rows(features, timed)
        weight = np.sqrt(count)
        # Relative errors are made small, not absolute ones: a network has many small kernels.
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
        found: NDArray[np.bool_] = near.all(axis=1)
        return found

    def __call__(self, some: Some) -> Array:
        own = np.array([self.own.get(s, 0.0) for s in some.signatures])
        times: Array = np.exp(self._base(some.work) + self._correction(some.features) + own)
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
