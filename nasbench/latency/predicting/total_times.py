"""A law for the time of a kernel, learnt from whole networks alone, and from another device where one was profiled. No torch.

So little can be measured of a runtime that does not say what a layer takes, or of a device on which a few networks were run by
hand. A network's time is then a sum of what its kernels do, at prices that are fitted to the totals; what each kernel takes
on the other device is one more thing that it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nasbench.latency.predicting.kernel_times import FLOOR_MS, Array, LayerTimes, Some, apart, sorted_out
from nasbench.latency.predicting.signature import Signature

FORMS = ("pointwise convolution", "depthwise convolution", "convolution")  # a kind of work each; all others are one
STRENGTHS = np.logspace(-4, 0, 9)  # of the pull to the other device's times


class Totals:
    """Milliseconds of any kernel, from networks' kernels and their total times.

    Attributes:
        base: kernel times of another device, or None.
    """

    def __init__(self, networks: Iterable[tuple[Sequence[Signature], float]], base: LayerTimes | None = None) -> None:
        """
        Args:
            networks: kernels and milliseconds of each.
        """
        self.base = base
        several = list(networks)
        sums = np.array([self._columns(sorted_out(kernels), len(kernels)).sum(axis=0) for kernels, _ in several])
        share = sums / np.array([ms for _, ms in several])[:, None]  # of the time, per price
        self._unit = np.maximum(share.max(axis=0), 1e-12)
        share = share / self._unit
        like = np.zeros(share.shape[1])
        if base is not None:  # as on the other device, but for one factor
            own = slice(-len(FORMS) - 1, None)
            whole = (share[:, own] * self._unit[own]).sum(axis=1)
            like[own] = self._unit[own] / np.median(whole)
        self._price = _fit(share, like, _strength(share, like)) / self._unit

    def knows(self, signature: Signature) -> bool:
        """Every kernel is made of the same work."""
        return True

    def reaches(self, name: str, some: Some) -> np.ndarray:
        """Nothing is known of single kernels' sizes."""
        return np.ones(len(some.signatures), bool)

    def __call__(self, signatures: Sequence[Signature]) -> Array:
        """Milliseconds of each kernel."""
        return self.times(sorted_out(signatures), len(signatures))

    def times(self, by_group: Mapping[str, Some], count: int) -> Array:
        """Milliseconds of each of `count` kernels, sorted out before."""
        times: Array = np.maximum(self._columns(by_group, count) @ self._price, FLOOR_MS)
        return times

    def _columns(self, by_group: Mapping[str, Some], count: int) -> Array:
        """What is paid for: calls and elements, multiply-adds by form, and the other device's milliseconds by form."""
        forms = len(FORMS) + 1
        found = np.zeros((count, 6 + forms * (2 if self.base else 1)))
        for name, some in by_group.items():
            form = _form(name)
            call, macs, _, read, written, weights, curved, summed = some.work.T
            found[some.places, :6] = np.stack([call, read, written, weights, curved, summed], axis=1)
            found[some.places, 6 + form] = macs
            if self.base is not None:
                found[some.places, 6 + forms + form] = apart(self.base, some.signatures)
        return found


def _form(group: str) -> int:
    return next((i for i, form in enumerate(FORMS) if group.startswith(form) and "cell" not in group), len(FORMS))


def _fit(share: Array, like: Array, strength: float) -> Array:
    """Non-negative prices by least squares of relative errors, pulled to `like`."""
    from scipy.optimize import nnls

    pull = np.sqrt(strength * len(share)) * np.eye(share.shape[1])
    found: Array = nnls(np.concatenate([share, pull]), np.concatenate([np.ones(len(share)), pull @ like]))[0]
    return found


def _strength(share: Array, like: Array) -> float:
    """The pull that predicts each network best from the others."""
    rows = np.arange(len(share))
    errors = []
    for strength in STRENGTHS:
        left_out = [share[i] @ _fit(share[rows != i], like, strength) - 1 for i in rows]
        errors.append(float(np.median(np.abs(left_out)) + np.mean(np.abs(left_out))))
    return float(STRENGTHS[int(np.argmin(errors))])
