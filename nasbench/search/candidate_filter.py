"""The candidate filter: admits only networks that are surely inside every limit, and measures those of which that is not sure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nasbench.errors import BusyError, GenotypeError, LimitError
from nasbench.genotype import Genotype, digest
from nasbench.latency import Prediction
from nasbench.search.limits import Limits, Metrics
from nasbench.search.measuring import Measure
from nasbench.search.records import metrics_record
from nasbench.spaces import ParameterValues
from nasbench.study.measurements import Measured, Measurements
from nasbench.study.phase import Phase
from nasbench.study.sampling import Decode, retrace
from nasbench.study.trial import Trial

REJECTED = 3000  # candidates in a row outside the limits before a phase gives up
TOGETHER = 4  # unsure networks that are worth a session of measuring, which takes seconds to start
PATIENCE = 50  # candidates after which an unsure one is measured with fewer others
FRUITLESS = 8  # sessions in a row that admitted nothing, after which a phase gives up
NOT_HERE = "measuring would tell, but the device is elsewhere"
BUSY = "measuring would tell, but other work kept this machine busy"


class CandidateFilter:
    """The candidates of one phase: its strategy's proposals within the limits.

    Those outside are finished in the ledger at once; the unsure stay there as running until enough of them wait together,
    and are measured in one session.

    What happens depends on the phase's own trials and on measurements alone, and both are stored, so a driver that resumes
    after a kill does as the killed one would have done.

    Args:
        estimate: the metrics of a network.
        measure: None where the device cannot be measured; the unsure then count as outside.
        starts: known networks to begin with, and the values that lead to them.
        interrupted: trials that a killed driver left running; it may not have checked their limits.
        proposes: whether the strategy proposes candidates after `starts` and `interrupted`.
    """

    def __init__(
        self,
        phase: Phase,
        decode: Decode,
        estimate: Callable[[Genotype], Metrics],
        limits: Limits,
        measurements: Measurements,
        measure: Measure | None,
        say: Callable[[str], None],
        starts: Sequence[tuple[Genotype, ParameterValues]] = (),
        interrupted: Sequence[Trial] = (),
        proposes: bool = True,
    ) -> None:
        self._phase, self._decode, self._estimate, self._limits = phase, decode, estimate, limits
        self._measurements, self._measure, self._say = measurements, measure, say
        self._starts, self._interrupted = list(starts), list(interrupted)
        self._proposes = proposes
        self._waiting: list[Trial] = []
        self._ready: list[Trial] = []
        self._admitted: dict[int, Metrics] = {}
        self._busy = False
        self._asked, self._sessions = 0, 0  # since the last trial that was admitted

    def ask(self, needed: int) -> Trial | None:
        """The next candidate, or None when there is no other; `needed` are still to be evaluated.

        Raises:
            LimitError: too many in a row were outside, predicted or measured, and none was ever inside.
            DeviceError: measuring failed. Where other work keeps the machine busy, predictions decide instead.
        """
        while self._asked < REJECTED or not self._proposes:
            if self._ready:
                return self._ready.pop(0)
            if self._sessions == FRUITLESS and self._proposes:
                self._give_up("sessions", self._sessions, "measured nothing within")
                return None
            self._asked += 1
            if self._due(needed):
                self._sessions += 1
                self._measure_waiting()
                continue
            trial = self._next()
            if trial is not None:
                return trial
            if not self._waiting:
                return None
            self._measure_waiting()
        self._give_up("candidates", REJECTED, "were outside")
        return None

    def check_limits(self, trial: Trial) -> bool:
        """Whether a candidate may be evaluated now: it is inside every limit. An unsure one waits to be measured."""
        if trial.number in self._admitted or self._look(trial):
            self._asked, self._sessions = 0, 0
            return True
        return False

    def metrics(self, trial: Trial) -> Metrics:
        """The metrics with which a trial was admitted."""
        admitted = self._admitted.get(trial.number)
        return self._corrected(trial.network) if admitted is None else admitted

    def end(self) -> None:
        """No more will be evaluated: finish those that wait for it."""
        for trial in [*self._interrupted, *self._waiting, *self._ready]:
            self._phase.tell(trial.number, {"status": "skipped", "reason": "the search ended before its turn", "seconds": 0.0})
        self._interrupted, self._waiting, self._ready = [], [], []

    def _next(self) -> Trial | None:
        if self._interrupted:
            return self._interrupted.pop(0)
        while self._starts:
            g, values = self._starts.pop(0)
            if self._phase.find(digest(g)) is None:
                return self._phase.enter(g, retrace(self._decode, values))
        return self._phase.ask(self._decode) if self._proposes else None

    def _due(self, needed: int) -> bool:
        """Whether the waiting are to be measured now."""
        if not self._waiting or self._interrupted:
            return False
        if len(self._waiting) >= min(TOGETHER, needed):
            return True
        return len(self._phase) - self._waiting[0].number > PATIENCE

    def _look(self, trial: Trial) -> bool:
        """Whether a new candidate may be evaluated at once."""
        try:
            metrics = self._corrected(trial.network)
        except GenotypeError as error:
            self._phase.tell(trial.number, {"status": "infeasible", "reason": str(error), "seconds": 0.0})
            return False
        if self._measurements.find(trial.digest, self._phase.name) is not None:  # by a driver that was killed before it went on
            return self._judge(trial, self._measured(trial))
        if self._limits.judge(metrics) != "unsure":
            return self._judge(trial, metrics)
        if self._busy:
            return self._judge(trial, replace(metrics, unverifiable=True))
        if self._measure is None:
            self._refuse(trial, metrics, f"{self._limits.broken(metrics)}; {NOT_HERE}")
        else:
            self._waiting.append(trial)
        return False

    def _judge(self, trial: Trial, metrics: Metrics) -> bool:
        if self._limits.judge(metrics) == "inside":
            self._admitted[trial.number] = metrics
            return True
        reasons = (self._limits.broken(metrics), BUSY if metrics.unverifiable else "")
        self._refuse(trial, metrics, "; ".join(filter(None, reasons)))
        return False

    def _refuse(self, trial: Trial, metrics: Metrics, reason: str) -> None:
        record = {"status": "over_budget", "reason": reason, "seconds": 0.0} | metrics_record(metrics, self._limits)
        self._phase.tell(trial.number, record)

    def _measure_waiting(self) -> None:
        """Measure the waiting together. Another phase's measurement of the same network serves too, and is copied."""
        waiting, self._waiting = self._waiting, []
        new = {t.digest: t.network for t in waiting if self._measurements.raw(t.digest) is None}
        results = {}
        if new and self._measure is not None:
            self._say(f"{self._phase.name}: measuring {len(new)} networks whose prediction is too near the limit to tell")
            try:
                results = dict(self._measure(new))
            except BusyError as error:
                self._go_on_without_measuring(error)
        rows = []
        for trial in waiting:
            raw = results.get(trial.digest) or self._measurements.raw(trial.digest)
            if raw is not None:
                rows.append(Measured(self._phase.name, trial.digest, self._estimate(trial.network).prediction.ms, raw))
        self._measurements.add(rows)
        for trial in waiting:
            metrics = self._measured(trial)
            if self._judge(trial, metrics if metrics.measured is not None else replace(metrics, unverifiable=True)):
                self._ready.append(trial)

    def _go_on_without_measuring(self, error: BusyError) -> None:
        """From now on unsure networks count by their predictions, without the intervals."""
        self._say(f"{error}; {self._phase.name} goes on with networks that are within the limit by their prediction, not verified")
        self._measure, self._busy = None, True

    def _measured(self, trial: Trial) -> Metrics:
        return replace(self._estimate(trial.network), measured=self._measurements.find(trial.digest, self._phase.name))

    def _corrected(self, g: Genotype) -> Metrics:
        """The metrics, with the prediction corrected by what this phase measured."""
        metrics, factor = self._estimate(g), self._measurements.correction(self._phase.name)
        if factor == 1:
            return metrics
        p = metrics.prediction
        return replace(metrics, predicted=Prediction(p.ms * factor, p.low_ms * factor, p.high_ms * factor, p.extrapolated))

    def _give_up(self, of: str, count: int, why: str) -> None:
        """
        Raises:
            LimitError: nothing was ever inside.
        """
        why = f"{count} {of} of {self._phase.name} in a row {why} {self._limits.describe()}"
        if not any(trial.reached for trial in self._phase.records()):
            again = f"{BUSY}: stop that and give the same command again, or " if self._busy else ""
            raise LimitError(f"{why}; {again}allow more, or choose another space")
        self._say(f"{why}; no more are proposed")
