"""A member of a family: the network of one latency limit."""

from __future__ import annotations

from dataclasses import dataclass

from nasbench.latency import Measurement
from nasbench.latency.contract import keeps_limit
from nasbench.scaling_fit.family.candidates import FamilyCandidate

LEAST_USED = 0.85  # the least share of its limit that a member must use


@dataclass(frozen=True)
class Member:
    """The network of one latency limit.

    Attributes:
        limit_ms: the limit in milliseconds.
        candidate: the network; None where none was found.
        measured: its latency in the session that found it; None where the device is elsewhere.
        again: its latency in a session of its own, which the card states; None where the device is elsewhere.
        why: the reason why no network was found.
    """

    limit_ms: float
    candidate: FamilyCandidate | None = None
    measured: Measurement | None = None
    again: Measurement | None = None
    why: str = ""

    @property
    def used(self) -> float:
        """The share of the limit that the second measurement uses; the prediction where the device is elsewhere."""
        if self.candidate is None:
            return 0.0
        return (self.candidate.predicted.ms if self.again is None else self.again.median_ms) / self.limit_ms

    @property
    def kept(self) -> bool:
        """Whether a network was found that keeps the limit and uses enough of it."""
        return self.candidate is not None and self.used >= LEAST_USED


def suits(measurement: Measurement, limit_ms: float) -> bool:
    """Whether a measured network keeps the limit and uses enough of it."""
    return keeps_limit(measurement, limit_ms) and measurement.median_ms >= LEAST_USED * limit_ms
