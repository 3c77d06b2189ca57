"""Screen: lets only networks through to training that are surely inside every limit, and measures those of which it is not sure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nasbench.errors import GenotypeError, LimitError
from nasbench.genotype import Genotype, digest
from nasbench.latency import Prediction
from nasbench.search.limits import Limits, Metrics
from nasbench.search.measuring import Measure
from nasbench.spaces import ParameterValues
from nasbench.study.measurements import Measured, Measurements
from nasbench.study.phase import Asked, Phase
from nasbench.study.sampling import Decode, Proposal, retrace

REJECTED = 3000  # draws in a row outside the limits before an arm gives up
TOGETHER = 4  # unsure networks that are worth a session of measuring, which takes seconds to start
PATIENCE = 50  # draws that one of them waits at most
FRUITLESS = 8  # sessions in a row that let nothing through, after which an arm gives up
NOT_HERE = "measuring would tell, but the device is elsewhere"


class CandidateFilter:
    """Draws for one arm until a network is inside.

    Those outside are told to the ledger at once; the unsure stay there as running until enough of them wait together, and are
    measured in one session.

    What happens depends on the phase's own trials and on measurements alone, and both are stored, so a driver that goes on
    after a kill does as the dead one would have done.

    Args:
        first: known networks with their answers to begin with.
        measure: None where the device cannot be measured; then the unsure are outside.
    """

    def __init__(
        self,
        phase: Phase,
        decode: Decode,
        describe: Callable[[Genotype], Metrics],
        limits: Limits,
        kept: Measurements,
        measure: Measure | None,
        say: Callable[[str], None],
        first: Sequence[tuple[Genotype, ParameterValues]] = (),
    ) -> None:
        self._phase, self._decode, self._describe, self._limits = phase, decode, describe, limits
        self._kept, self._measure, self._say, self._first = kept, measure, say, list(first)
        # Of a dead driver: it may have died before it looked at their limits. Those beyond a rung are let in already.
        self._left = [asked for asked in phase.unfinished() if not asked.passed]
        self._waiting: list[Asked] = []
        self._ready: list[Asked] = []
        self._admitted: dict[int, Metrics] = {}

    def draw(self, needed: int) -> Asked | None:
        """The next network to train, or None when there is no other; `needed` are still to be trained.

        Raises:
            LimitError: too many in a row were outside, drawn or measured, and none was ever inside.
            DeviceError: measuring failed.
        """
        sessions = 0
        for _ in range(REJECTED):
            if self._ready:
                return self._ready.pop(0)
            if sessions == FRUITLESS:
                self._give_up("sessions", sessions, "measured nothing within")
                return None
            if self._due(needed):
                self._settle()
                sessions += 1
                continue
            asked = self._next()
            if asked is None and not self._waiting:
                return None
            if asked is None:
                self._settle()
            elif self._look(asked):
                return asked
        self._give_up("draws", REJECTED, "were outside")
        return None

    def _give_up(self, of: str, count: int, why: str) -> None:
        """
        Raises:
            LimitError: nothing was ever inside.
        """
        why = f"{count} {of} of {self._phase.name} in a row {why} {self._limits.describe()}"
        if not any(trial.standing for trial in self._phase.records()):
            raise LimitError(f"{why}; allow more, or choose another space")
        self._say(f"{why}; it draws no more")

    def figures(self, asked: Asked) -> Metrics:
        """With what a network was let through."""
        found = self._admitted.get(asked.number)
        return self._estimate(asked.genotype) if found is None else found

    def end(self) -> None:
        """No more will be trained: tell those that wait for it."""
        for asked in [*self._left, *self._waiting, *self._ready]:
            self._phase.tell(asked.number, {"status": "skipped", "reason": "the search ended before its turn", "seconds": 0.0})
        self._left, self._waiting, self._ready = [], [], []

    def _next(self) -> Asked | None:
        if self._left:
            return self._left.pop(0)
        while self._first:
            g, answers = self._first.pop(0)
            if self._phase.find(digest(g)) is None:
                drawn: Proposal = retrace(self._decode, answers)
                return self._phase.enter(g, drawn)
        return self._phase.ask(self._decode)

    def _due(self, needed: int) -> bool:
        """Whether the waiting are to be measured now."""
        if not self._waiting or self._left:
            return False
        if len(self._waiting) >= min(TOGETHER, needed):
            return True
        return len(self._phase) - self._waiting[0].number > PATIENCE

    def _look(self, asked: Asked) -> bool:
        """Whether a drawn network may be trained at once."""
        try:
            f = self._estimate(asked.genotype)
        except GenotypeError as error:
            self._phase.tell(asked.number, {"status": "infeasible", "reason": str(error), "seconds": 0.0})
            return False
        if self._kept.find(asked.digest, self._phase.name) is not None:  # by a driver that died before it told
            return self._judge(asked, self._measured(asked))
        if self._limits.judge(f) != "unsure":
            return self._judge(asked, f)
        if self._measure is None:
            self._refuse(asked, f, f"{self._limits.broken(f)}; {NOT_HERE}")
        else:
            self._waiting.append(asked)
        return False

    def _measured(self, asked: Asked) -> Metrics:
        return replace(self._describe(asked.genotype), measured=self._kept.find(asked.digest, self._phase.name))

    def _judge(self, asked: Asked, f: Metrics) -> bool:
        if self._limits.judge(f) == "inside":
            self._admitted[asked.number] = f
            return True
        self._refuse(asked, f, self._limits.broken(f))
        return False

    def _settle(self) -> None:
        """Measure the waiting together. Another arm's measurement of the same network serves too, and is copied."""
        waiting, self._waiting = self._waiting, []
        new = {a.digest: a.genotype for a in waiting if self._kept.raw(a.digest) is None}
        results = {}
        if new and self._measure is not None:
            self._say(f"{self._phase.name}: measuring {len(new)} networks whose prediction is too near the limit to tell")
            results = dict(self._measure(new))
        rows = []
        for asked in waiting:
            raw = results.get(asked.digest) or self._kept.raw(asked.digest)
            if raw is not None:
                rows.append(Measured(self._phase.name, asked.digest, self._describe(asked.genotype).predicted.ms, raw))
        self._kept.add(rows)
        self._ready += [asked for asked in waiting if self._judge(asked, self._measured(asked))]

    def _refuse(self, asked: Asked, f: Metrics, reason: str) -> None:
        self._phase.tell(asked.number, {"status": "over_budget", "reason": reason, "seconds": 0.0} | as_record(f, self._limits))

    def _estimate(self, g: Genotype) -> Metrics:
        """With the prediction corrected by what this phase measured."""
        f, factor = self._describe(g), self._kept.correction(self._phase.name)
        p = f.predicted
        return f if factor == 1 else replace(f, predicted=Prediction(p.ms * factor, p.low_ms * factor, p.high_ms * factor, p.extrapolated))


RECORDED = (
    "latency_ms", "latency_low_ms", "latency_high_ms", "measured_ms", "predicted_ms", "macs", "params_count", "peak_bytes", "size_bytes",
    "constraints",
)  # fmt: skip


def as_record(f: Metrics, limits: Limits) -> dict[str, Any]:
    """Figures as the ledger keeps them: `latency_ms` is measured where that was needed, else predicted."""
    return {
        "latency_ms": f.latency_ms,
        "latency_low_ms": f.low_ms,
        "latency_high_ms": f.high_ms,
        **({} if f.measured is None else {"measured_ms": f.measured.median_ms, "predicted_ms": f.predicted.ms}),
        "macs": f.macs,
        "params_count": f.params,
        "peak_bytes": f.peak_bytes,
        "size_bytes": f.size_bytes,
        "constraints": limits.excess(f),
    }
