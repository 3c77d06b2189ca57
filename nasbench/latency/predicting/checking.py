"""How well a profile predicts: networks that were not profiled are predicted and measured. No torch."""

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
from nasbench.latency.measuring.other_work import other_work
from nasbench.latency.predicting.predict import Prediction, Predictor
from nasbench.latency.predicting.profile import Profile


class Row(NamedTuple):
    """One network, predicted and measured; the measurement is for the speed that the machine had when it was profiled."""

    name: str
    predicted: Prediction
    measured: Measurement

    @property
    def error(self) -> float:
        """Relative error of the prediction: predicted over measured, minus one."""
        return self.predicted.ms / self.measured.median_ms - 1


@dataclass(frozen=True)
class CheckReport:
    """How predictions compare with measurements.

    Attributes:
        within5, within10: share of networks whose prediction is within 5 % and 10 % of the measurement.
        spearman: Spearman's rank correlation.
        coverage: share of measurements inside the interval of their prediction.
        median_error: median of the absolute relative errors.
        slowdown: how much slower the machine was than when it was profiled; measurements are corrected for it.
        noise: median half-width of the measurements' own intervals, relative. Errors below it mean nothing.
        noisy: number of measurements that are noisy; they are in `rows`, and count.
        rows: the networks.
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
    """Measure the networks and compare with their predictions. Networks of the profile itself are refused: it predicts them too well.

    Networks whose measurement was disturbed by other work are left out.

    Raises:
        DeviceError: there are fewer than 3 networks; fewer than half of them were undisturbed; one was profiled; or the device cannot be
            measured here.
    """
    profiled = {n.digest for n in profile.networks}
    known = [name for name, g in genotypes.items() if digest(g) in profiled]
    if known:
        raise DeviceError(f"a check needs networks that were not profiled; {', '.join(known)} was; leave it out")
    if len(genotypes) < 3:
        raise DeviceError(f"a check needs at least 3 networks; got {len(genotypes)}")
    predictor = Predictor(profile)
    seconds = 3.0 * len(genotypes)
    measured = measure(genotypes, profile.device, max_seconds=seconds, progress=progress, say=say)
    quiet = {name: m for name, m in measured.items() if not m.disturbed}
    if len(quiet) < max(3, len(measured) / 2):
        why = next(m.why for m in measured.values() if m.disturbed)
        raise DeviceError(f"a check needs a quiet machine; {why}; {other_work()}; stop that and check again")
    if len(quiet) < len(measured) and say:
        say(f"{len(measured) - len(quiet)} of {len(measured)} networks are left out: other work had the cores while they were measured")
    return compare(
        [Row(name, predictor.predict(genotypes[name]), m.at_speed(profile.reference_ms)) for name, m in quiet.items()],
        next(iter(measured.values())).reference_ms / profile.reference_ms,
    )


def compare(rows: list[Row], slowdown: float = 1.0) -> CheckReport:
    """The report on networks that were predicted and measured.

    Args:
        slowdown: see `CheckReport`.
    """
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
