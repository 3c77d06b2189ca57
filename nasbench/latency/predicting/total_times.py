"""Predicts the time of a kernel from the times of whole networks, and from another device's kernels where one was profiled. No torch.

This is all that can be done for a runtime that does not time layers, or for a device on which a few networks were run by hand. The time
of a network is then a sum of the work of its kernels, at prices that are fitted to the whole networks; the time of a kernel on the
other device counts as one more kind of work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nasbench.latency.predicting.kernel_times import FLOOR_MS, Array, Batch, LayerTimes, by_group, unfused
from nasbench.latency.predicting.signature import Signature

FORMS = ("pointwise convolution", "depthwise convolution", "convolution")  # each is a kind of work; all other kernels are one more
STRENGTHS = np.logspace(-4, 0, 9)  # of the pull to the other device's times
WORK = 6  # columns of work that do not depend on the form


class Totals:
    """Predicts the milliseconds of any kernel, from networks of which only the total time is known.

    Attributes:
        base: kernel times of another device, or None.
    """

    def __init__(self, networks: Iterable[tuple[Sequence[Signature], float]], base: LayerTimes | None = None) -> None:
        """
        Args:
            networks: the kernels of each network, and its milliseconds.
            base: see `base`.
        """
        self.base = base
        totals = list(networks)
        sums = np.array([self._columns(by_group(kernels), len(kernels)).sum(axis=0) for kernels, _ in totals])
        share = sums / np.array([ms for _, ms in totals])[:, None]  # work per millisecond
        self._unit = np.maximum(share.max(axis=0), 1e-12)
        share = share / self._unit
        prior = np.zeros(share.shape[1])
        if base is not None:  # the times of the other device, times one factor
            of_base = slice(-len(FORMS) - 1, None)
            whole = (share[:, of_base] * self._unit[of_base]).sum(axis=1)
            prior[of_base] = self._unit[of_base] / np.median(whole)
        self._price = _fit(share, prior, _strength(share, prior)) / self._unit

    def knows(self, signature: Signature) -> bool:
        """True: every kernel consists of the same kinds of work."""
        return True

    def reaches(self, name: str, batch: Batch) -> np.ndarray:
        """True for each kernel: nothing is known about the sizes of single kernels."""
        return np.ones(len(batch.signatures), bool)

    def __call__(self, signatures: Sequence[Signature]) -> Array:
        """Milliseconds of each kernel."""
        return self.times(by_group(signatures), len(signatures))

    def times(self, batches: Mapping[str, Batch], count: int) -> Array:
        """Milliseconds of each of `count` kernels, given by group."""
        times: Array = np.maximum(self._columns(batches, count) @ self._price, FLOOR_MS)
        return times

    def _columns(self, batches: Mapping[str, Batch], count: int) -> Array:
        """The work of each kernel: calls and elements, multiply-adds by form, and the other device's milliseconds by form."""
        forms = len(FORMS) + 1
        columns = np.zeros((count, WORK + forms * (2 if self.base else 1)))
        for name, batch in batches.items():
            form = _form(name)
            call, macs, _, read, written, weights, curved, summed = batch.work.T
            columns[batch.places, :WORK] = np.stack([call, read, written, weights, curved, summed], axis=1)
            columns[batch.places, WORK + form] = macs
            if self.base is not None:
                columns[batch.places, WORK + forms + form] = unfused(self.base, batch.signatures)
        return columns


def _form(group: str) -> int:
    return next((i for i, form in enumerate(FORMS) if group.startswith(form) and "cell" not in group), len(FORMS))


def _fit(share: Array, prior: Array, strength: float) -> Array:
    """Non-negative prices by least squares of relative errors, pulled to `prior`."""
    from scipy.optimize import nnls

    pull = np.sqrt(strength * len(share)) * np.eye(share.shape[1])
    prices: Array = nnls(np.concatenate([share, pull]), np.concatenate([np.ones(len(share)), pull @ prior]))[0]
    return prices


def _strength(share: Array, prior: Array) -> float:
    """The strength with which each network is predicted best from the others."""
    rows = np.arange(len(share))
    errors = []
    for strength in STRENGTHS:
        left_out = [share[i] @ _fit(share[rows != i], prior, strength) - 1 for i in rows]
        errors.append(float(np.median(np.abs(left_out)) + np.mean(np.abs(left_out))))
    return float(STRENGTHS[int(np.argmin(errors))])
