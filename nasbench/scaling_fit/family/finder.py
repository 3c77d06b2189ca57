"""The search for the members of a family among its candidates, by prediction and by measurement."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from nasbench.latency import Measurement
from nasbench.latency.contract import predicted_inside, within_limit
from nasbench.scaling_fit.family.candidates import FamilyCandidate
from nasbench.scaling_fit.family.member import LEAST_USED, Member, suits
from nasbench.search.final.finalists import NOISY_SESSIONS
from nasbench.search.measuring import Measure
from nasbench.study.measurements import Measured, Measurements

AIM = (0.92, 0.96)  # shares of a limit between which the corrected prediction should lie: `keeps_limit` wants room for another session
SEARCHES = 5  # sessions in which a network for a limit is looked for
SECOND_MEASUREMENTS = 3  # networks that may miss their limit when they are measured again
FIRST, SECOND = "member", "member again"  # in measurements.jsonl


class FamilyFinder:
    """Finds a member for each limit.

    Args:
        candidates: networks along the law.
        limits_ms: the latency limits.
        measure: measures networks; None where the device is elsewhere, and predictions decide.
        measurements: the measurements of the study.
        say: receives lines about the progress.
    """

    def __init__(
        self,
        candidates: Sequence[FamilyCandidate],
        limits_ms: Sequence[float],
        measure: Measure | None,
        measurements: Measurements,
        say: Callable[[str], None],
    ) -> None:
        self._candidates, self._limits_ms = candidates, sorted(limits_ms)
        self._measure, self._measurements, self._say = measure, measurements, say
        self._failed: dict[float, set[str]] = {limit_ms: set() for limit_ms in limits_ms}

    def find(self) -> list[Member]:
        """A member for each limit, the smallest limit first."""
        if self._measure is None:
            return [self._predicted(limit_ms) for limit_ms in self._limits_ms]
        members = {limit_ms: member for limit_ms in self._limits_ms if (member := self._stored(limit_ms)) is not None}
        for _ in range(SECOND_MEASUREMENTS):
            for member in self._search([limit_ms for limit_ms in self._limits_ms if limit_ms not in members], self._measure):
                if member.candidate is None:
                    members[member.limit_ms] = member
                    continue
                again = self._measured_again(member.candidate, member.limit_ms, self._measure)
                if suits(again, member.limit_ms):
                    members[member.limit_ms] = replace(member, again=again)
                else:
                    self._say(f"{member.limit_ms:g} ms: measured again, its network takes {again}; another takes its place")
                    self._failed[member.limit_ms].add(member.candidate.digest)
        why = f"{SECOND_MEASUREMENTS} networks did not keep it, or used less than {LEAST_USED:.0%} of it, when they were measured again"
        return [members.get(limit_ms) or Member(limit_ms, why=why) for limit_ms in self._limits_ms]

    def _stored(self, limit_ms: float) -> Member | None:
        """The member that an earlier run of the same command found."""
        members = [
            Member(limit_ms, candidate, self._first(candidate), again)
            for candidate in self._candidates
            if (again := self._measurements.find(candidate.digest, SECOND)) is not None and suits(again, limit_ms)
        ]
        return max(members, key=lambda member: member.used, default=None)

    def _search(self, limits_ms: list[float], measure: Measure) -> list[Member]:
        """For each limit a network that keeps it in a session with the others, or the reason why there is none."""
        members: dict[float, Member] = {}
        tried = {limit_ms: set(self._failed[limit_ms]) for limit_ms in limits_ms}
        noisy_sessions = 0
        for _ in range(SEARCHES):
            chosen: dict[float, FamilyCandidate] = {}
            for limit_ms in limits_ms:
                if limit_ms in members:
                    continue
                candidate = self._choose(limit_ms, tried[limit_ms])
                if candidate is None:
                    members[limit_ms] = Member(limit_ms, why=self._out_of_reach(limit_ms))
                else:
                    chosen[limit_ms] = candidate
            if not chosen:
                break
            self._measure_together(chosen.values(), measure)
            measured = {limit_ms: m for limit_ms, candidate in chosen.items() if (m := self._first(candidate)) is not None}
            noisy_sessions = noisy_sessions + 1 if all(m.noisy for m in measured.values()) else 0
            if noisy_sessions == NOISY_SESSIONS:
                why = "this machine is too noisy to measure; stop other work, then give the same command again"
                members |= {limit_ms: Member(limit_ms, why=why) for limit_ms in chosen}
                break
            for limit_ms, candidate in chosen.items():
                tried[limit_ms].add(candidate.digest)
                if limit_ms in measured and suits(measured[limit_ms], limit_ms):
                    members[limit_ms] = Member(limit_ms, candidate, measured[limit_ms])
        why = f"none of {SEARCHES} measured networks keeps it and uses {LEAST_USED:.0%} of it"
        return [members.get(limit_ms) or Member(limit_ms, why=why) for limit_ms in limits_ms]

    def _choose(self, limit_ms: float, tried: set[str]) -> FamilyCandidate | None:
        """The largest candidate whose corrected prediction lies in the aim, on the law rather than beside it; else the slowest below."""
        low_ms, high_ms = (share * limit_ms for share in AIM)
        correction = self._correction()
        untried = [(correction(candidate), candidate) for candidate in self._candidates if candidate.digest not in tried]
        within = [candidate for ms, candidate in untried if low_ms <= ms <= high_ms]
        if within:
            return max(within, key=lambda candidate: (candidate.resolution_offset_px == 0, candidate.phi, candidate.resolution_offset_px))
        below = [pair for pair in untried if LEAST_USED * limit_ms <= pair[0] <= high_ms]
        return max(below, key=lambda pair: (pair[0], pair[1].phi))[1] if below else None

    def _correction(self) -> Callable[[FamilyCandidate], float]:
        """Corrects a predicted latency by the error of the prediction for the measured network that is nearest in latency."""
        measured = [
            (candidate.predicted.ms, m.median_ms) for candidate in self._candidates if (m := self._first(candidate)) and not m.noisy
        ]

        def corrected_ms(candidate: FamilyCandidate) -> float:
            ms = candidate.predicted.ms
            predicted_ms, measured_ms = min(measured, key=lambda pair: abs(math.log(pair[0] / ms)), default=(1.0, 1.0))
            return ms * measured_ms / predicted_ms

        return corrected_ms

    def _out_of_reach(self, limit_ms: float) -> str:
        """The reason why no candidate is near a limit."""
        fastest, correction = min(self._candidates, key=lambda candidate: candidate.predicted.ms, default=None), self._correction()
        if fastest is not None and not within_limit(correction(fastest), limit_ms):
            return f"the smallest network along the law takes about {correction(fastest):.2g} ms"
        return f"no network along the law uses {LEAST_USED:.0%} to 100 % of it"

    def _first(self, candidate: FamilyCandidate) -> Measurement | None:
        """The measurement of a candidate together with others."""
        return self._measurements.find(candidate.digest, FIRST)

    def _measure_together(self, candidates: Iterable[FamilyCandidate], measure: Measure) -> None:
        """Measure the candidates that have no measurement yet, or only a noisy one, in one session."""
        missing = {c.digest: c for c in candidates if (m := self._first(c)) is None or m.noisy}
        if not missing:
            return
        self._say(f"measuring {len(missing)} network{'s' if len(missing) > 1 else ''}, alone on the machine")
        results = measure({name: candidate.genotype for name, candidate in missing.items()})
        self._measurements.add([Measured(FIRST, name, c.predicted.ms, results[name]) for name, c in missing.items()])

    def _measured_again(self, candidate: FamilyCandidate, limit_ms: float, measure: Measure) -> Measurement:
        """The latency in a session of its own, as `nasbench verify` measures it; a stored one is used unless it is noisy."""
        again = self._measurements.find(candidate.digest, SECOND)
        if again is None or again.noisy:
            self._say(f"{limit_ms:g} ms: measuring its network once more, in a session of its own")
            raw = measure({candidate.digest: candidate.genotype})[candidate.digest]
            self._measurements.add([Measured(SECOND, candidate.digest, candidate.predicted.ms, raw)])
            again = self._measurements.at_speed(raw)
        return again

    def _predicted(self, limit_ms: float) -> Member:
        """Where nothing can be measured: the slowest candidate whose whole predicted interval keeps the limit."""
        inside = [c for c in self._candidates if predicted_inside(c.predicted, limit_ms)]
        if not inside:
            return Member(limit_ms, why="no network along the law surely keeps it, by its prediction")
        return Member(limit_ms, max(inside, key=lambda candidate: (candidate.predicted.ms, candidate.phi)))
