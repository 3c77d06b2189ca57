"""Is the predictor right? Networks that it has not seen are measured. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, digest
from nasbench.latency.measurement import Measurement
from nasbench.latency.measuring.measure import measure
from nasbench.latency.predicting.predict import Prediction, Predictor
from nasbench.latency.predicting.profile import Profile


class Row(NamedTuple):
    """One network: `measured` at the profile's speed of the machine."""

    name: str
    predicted: Prediction
    measured: Measurement

    @property
    def error(self) -> float:
        """Predicted over measured, less one."""
        return self.predicted.ms / self.measured.median_ms - 1


@dataclass(frozen=True)
class CheckReport:
    """How predictions compare with measurements.

    Attributes:
        within5, within10: share of networks predicted within 5 and 10 % of the measurement.
        spearman: rank correlation.
        coverage: share of measurements inside the prediction's interval.
        median_error: median of the relative errors without their signs.
        slowdown: how much slower the machine was than when it was profiled; measurements are corrected for it.
        noise: median half-width of the measurements' own intervals, relative: errors below it mean nothing.
        noisy: measurements whose interval is wide; they are in `rows`, and in the numbers.
        rows: network by network.
    """

    within5: float
    within10: float
    spearman: float
    coverage: float
    median_error: float
    slowdown: float
    noise: float
    noisy: int
    rows: tuple[Row, ...]


def check(
    profile: Profile,
    genotypes: Mapping[str, Genotype],
    *,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> CheckReport:
    """Measure the networks and compare. Networks of the profile itself would flatter it, and are refused.

    Networks during whose measurement other work had the cores are left out.

    Raises:
        DeviceError: fewer than 3 networks, or fewer than half of them undisturbed; one that was profiled; or the device cannot be
            measured here.
    """
    seen = {n.digest for n in profile.networks}
    known = [name for name, g in genotypes.items() if digest(g) in seen]
    if known:
        raise DeviceError(f"a check needs networks that were not profiled; {', '.join(known)} was; leave it out")
    if len(genotypes) < 3:
        raise DeviceError(f"a check needs at least 3 networks; got {len(genotypes)}")
    predictor = Predictor(profile)
    seconds = 3.0 * len(genotypes)
    measured = measure(genotypes, profile.device, max_seconds=seconds, progress=progress, say=say)
    calm = {name: m for name, m in measured.items() if not m.disturbed}
    if len(calm) < max(3, len(measured) / 2):
        why = next(m.why for m in measured.values() if m.disturbed)
        raise DeviceError(f"a check needs a quiet machine; {why}; stop other work and check again")
    if len(calm) < len(measured) and say:
        say(f"{len(measured) - len(calm)} of {len(measured)} networks are left out: other work had the cores while they were measured")
    return compare(
        [Row(name, predictor.predict(genotypes[name]), m.at_speed(profile.anchor_ms)) for name, m in calm.items()],
        next(iter(measured.values())).anchor_ms / profile.anchor_ms,
    )


def compare(rows: list[Row], slowdown: float = 1.0) -> CheckReport:
    """The figures of a report."""
    from scipy.stats import spearmanr

    n = len(rows)
    errors = [abs(row.error) for row in rows]
    rank = float(spearmanr([r.predicted.ms for r in rows], [r.measured.median_ms for r in rows]).statistic)
    inside = sum(r.predicted.low_ms <= r.measured.median_ms <= r.predicted.high_ms for r in rows)
    return CheckReport(
        within5=sum(e <= 0.05 for e in errors) / n,
        within10=sum(e <= 0.10 for e in errors) / n,
        spearman=0.0 if math.isnan(rank) else rank,
        coverage=inside / n,
        median_error=median(errors),
        slowdown=slowdown,
        noise=median((r.measured.high_ms - r.measured.low_ms) / 2 / r.measured.median_ms for r in rows),
        noisy=sum(r.measured.noisy for r in rows),
        rows=tuple(rows),
    )
