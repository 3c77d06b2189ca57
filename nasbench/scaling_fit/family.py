"""A family for several latencies: along one scaling law, the largest network for each that keeps it when measured again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.errors import GenotypeError, LimitError
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, cost, digest
from nasbench.latency import Device, Measurement, Prediction, Predictor, make_card, save_card
from nasbench.latency.contract import keeps_limit
from nasbench.scaling import Law, scale
from nasbench.scaling.law import MAX_PHI, Factors
from nasbench.scaling.scale import SIDE_STEP, SMALL_SIDE, scaled_side
from nasbench.search.final.finalists import NOISY_SESSIONS
from nasbench.search.measuring import Measure
from nasbench.study.measurements import Measured, Measurements

LEAST_USED = 0.85  # of a target
AIM = (0.92, 0.96)  # share of a target that a prediction, corrected, should have: a promise leaves room for another session
STEP = 1.03  # growth of multiply-adds from one candidate to the next
STILL = 30  # steps without a new network, after which a law leads no farther
NUDGES = (-1, 1, -2, 2)  # steps of the input side by which a candidate may leave the law, to come nearer to a target
SEARCHES, AGAIN = 5, 3  # measurements to find a member, and members that may fail their second measurement
FIRST, SECOND = "member", "member again"
FAMILY_FILE = "family.json"


@dataclass(frozen=True)
class Grown:
    """A network along a law.

    Attributes:
        phi: steps; factors: asked, of depth, width and resolution; nudged: pixels by which its side leaves the law.
    """

    phi: float
    factors: Factors
    nudged: int
    genotype: Genotype
    digest: str
    predicted: Prediction


@dataclass(frozen=True)
class Member:
    """The network of one target.

    Attributes:
        grown: None where none was found; `why` then says it.
        measured: in the session that found it; again: in one of its own, which the card holds. None where the device is elsewhere.
    """

    target_ms: float
    grown: Grown | None = None
    measured: Measurement | None = None
    again: Measurement | None = None
    why: str = ""

    @property
    def used(self) -> float:
        """Share of the target, by the second measurement; predicted where the device is elsewhere."""
        if self.grown is None:
            return 0.0
        return (self.grown.predicted.ms if self.again is None else self.again.median_ms) / self.target_ms

    @property
    def kept(self) -> bool:
        """Whether the target is kept, and enough of it is used."""
        return self.grown is not None and self.used >= LEAST_USED


def candidates(g: Genotype, law: Law, predictor: Predictor, lowest_ms: float, highest_ms: float) -> list[Grown]:
    """Networks along the law, from well below the lowest target to above the highest, by phi.

    Raises:
        LimitError: the law does not grow.
    """
    if law.growth <= 1.01:
        raise LimitError(f"a family grows; a step of this law multiplies the multiply-adds by {law.growth:.3g} ({law}); give a larger one")
    step = math.log(STEP) / math.log(law.growth)
    found: dict[str, Grown] = {}

    def walk(direction: int, done: Callable[[float], bool]) -> None:
        still = 0
        for i in range(0 if direction > 0 else 1, math.floor(MAX_PHI / step) + 1):
            phi = direction * i * step
            try:
                g_phi = _at(g, law, phi, 0)
                name = digest(g_phi)
                still = still + 1 if name in found else 0
                if name not in found:
                    found[name] = Grown(phi, law.factors(phi), 0, g_phi, name, predictor.predict(g_phi))
            except GenotypeError:
                return  # the law leads no farther
            if still == STILL or done(found[name].predicted.ms):
                return

    walk(1, lambda ms: ms > 1.5 * highest_ms)
    walk(-1, lambda ms: ms < 0.6 * lowest_ms)
    beside: dict[str, tuple[Grown, int, Genotype]] = {}
    for c in list(found.values()):
        for nudge in NUDGES:
            try:
                moved = _at(g, law, c.phi, nudge)
                beside.setdefault(digest(moved), (c, nudge, moved))
            except GenotypeError:
                continue
    new = {name: row for name, row in beside.items() if name not in found}
    predicted = predictor.predict_many([moved for _, _, moved in new.values()])
    for (name, (c, nudge, moved)), p in zip(new.items(), predicted, strict=True):
        found[name] = Grown(c.phi, c.factors, nudge * _step(g), moved, name, p)
    return sorted(found.values(), key=lambda c: (c.phi, c.nudged))


def _at(g: Genotype, law: Law, phi: float, nudge: int) -> Genotype:
    """The network at a phi, its side so many steps beside the law's."""
    factors = law.factors(phi)
    side = scaled_side(g.input[1], factors.resolution) + nudge * _step(g)
    return scale(g, width=factors.width, depth=factors.depth, resolution=side, rounding="total", name=g.name)


def _step(g: Genotype) -> int:
    """Pixels by which a side may leave the law."""
    return SIDE_STEP if g.input[1] > SMALL_SIDE else 1


class Finder:
    """Looks for the members; measures where it can."""

    def __init__(
        self, several: Sequence[Grown], targets: Sequence[float], run: Measure | None, kept: Measurements, say: Callable[[str], None]
    ) -> None:
        self.several, self.targets, self.run, self.kept, self.say = several, sorted(targets), run, kept, say
        self._failed: dict[float, set[str]] = {t: set() for t in targets}

    def find(self) -> list[Member]:
        """A member for each target, smallest first."""
        if self.run is None:
            return [self._predicted(target) for target in self.targets]
        found = {t: member for t in self.targets if (member := self._before(t)) is not None}
        for _ in range(AGAIN):
            missing = [t for t in self.targets if t not in found]
            for member in self._first(missing):
                if member.grown is None:
                    found[member.target_ms] = member
                    continue
                again = self._second(member)
                if keeps_limit(again, member.target_ms) and again.median_ms >= LEAST_USED * member.target_ms:
                    found[member.target_ms] = replace(member, again=again)
                else:
                    self.say(f"{member.target_ms:g} ms: measured again, {again}: another takes its place")
                    self._failed[member.target_ms].add(member.grown.digest)
        why = f"{AGAIN} networks did not keep it, or used less than {LEAST_USED:.0%}, when measured again"
        return [found.get(t) or Member(t, why=why) for t in self.targets]

    def _before(self, target: float) -> Member | None:
        """What an earlier run of the same command ended with."""
        good = []
        for c in self.several:
            again, m = self.kept.find(c.digest, SECOND), self.kept.find(c.digest, FIRST)
            if again is not None and keeps_limit(again, target) and again.median_ms >= LEAST_USED * target:
                good.append(Member(target, c, m, again))
        return max(good, key=lambda member: member.used, default=None)

    def _first(self, targets: list[float]) -> list[Member]:
        """A network for each target that keeps it in a session with the others."""
        found: dict[float, Member] = {}
        tried: dict[float, set[str]] = {t: set(self._failed[t]) for t in targets}
        noisy = 0
        for _ in range(SEARCHES):
            open_ = [t for t in targets if t not in found]
            picks: dict[float, Grown] = {}
            for t in open_:
                pick = self._pick(t, tried[t])
                if pick is None:
                    found[t] = Member(t, why=self._too_far(t))
                else:
                    picks[t] = pick
            if not picks:
                break
            self._measure(list(picks.values()))
            measured = [m for pick in picks.values() if (m := self.kept.find(pick.digest, FIRST)) is not None]
            noisy = noisy + 1 if all(m.noisy for m in measured) else 0
            if noisy == NOISY_SESSIONS:
                found |= {
                    t: Member(t, why="this machine is too noisy to measure; stop other work, then give the same command again")
                    for t in picks
                }
                break
            for t, pick in picks.items():
                tried[t].add(pick.digest)
                m = self.kept.find(pick.digest, FIRST)
                if m is not None and keeps_limit(m, t) and m.median_ms >= LEAST_USED * t:
                    found[t] = Member(t, pick, m)
        return [found.get(t) or Member(t, why=f"none of {SEARCHES} measured networks keeps it and uses {LEAST_USED:.0%}") for t in targets]

    def _pick(self, target: float, tried: set[str]) -> Grown | None:
        """The largest whose corrected prediction is within the aim; on the law rather than beside it."""
        low, high = (share * target for share in AIM)
        corrected = self._corrections()
        rows = [(corrected(c), c) for c in self.several if c.digest not in tried]
        near = [(c.nudged == 0, c.phi, c.nudged, c) for ms, c in rows if low <= ms <= high]
        if near:
            return max(near, key=lambda row: row[:3])[3]
        below = [(ms, c.phi, c) for ms, c in rows if LEAST_USED * target <= ms <= high]
        return max(below, key=lambda row: row[:2])[2] if below else None

    def _corrections(self) -> Callable[[Grown], float]:
        """Predictions, by as much as the measured network nearest in latency was mispredicted."""
        measured = [(o.predicted.ms, m.median_ms) for o in self.several if (m := self.kept.find(o.digest, FIRST)) and not m.noisy]

        def corrected(c: Grown) -> float:
            near = min(measured, key=lambda pair: abs(math.log(pair[0] / c.predicted.ms)), default=(1.0, 1.0))
            return c.predicted.ms * near[1] / near[0]

        return corrected

    def _too_far(self, target: float) -> str:
        fastest, corrected = min(self.several, key=lambda c: c.predicted.ms, default=None), self._corrections()
        if fastest is not None and corrected(fastest) > target:
            return f"the smallest network along the law takes about {corrected(fastest):.2g} ms"
        return f"no network along the law comes within {LEAST_USED:.0%} to 100 % of it"

    def _measure(self, several: list[Grown]) -> None:
        new = {c.digest: c for c in several if (m := self.kept.find(c.digest, FIRST)) is None or m.noisy}
        if not new or self.run is None:
            return
        self.say(f"measuring {len(new)} network{'s' if len(new) > 1 else ''}, alone on the machine")
        results = self.run({name: c.genotype for name, c in new.items()})
        self.kept.add([Measured(FIRST, name, c.predicted.ms, results[name]) for name, c in new.items()])

    def _second(self, member: Member) -> Measurement:
        """In a session of its own, as `verify` will; one that was kept from an earlier run is used unless it was noisy."""
        c = member.grown
        if c is None or self.run is None:
            raise ValueError("only a member that was found is measured again")
        again = self.kept.find(c.digest, SECOND)
        if again is None or again.noisy:
            self.say(f"{member.target_ms:g} ms: measuring its network once more, in a session of its own")
            raw = self.run({c.digest: c.genotype})[c.digest]
            self.kept.add([Measured(SECOND, c.digest, c.predicted.ms, raw)])
            again = self.kept.at_speed(raw)
        return again

    def _predicted(self, target: float) -> Member:
        """Where nothing can be measured: the largest whose predicted interval keeps the target."""
        inside = [c for c in self.several if not c.predicted.extrapolated and c.predicted.high_ms <= target]
        if not inside:
            return Member(target, why="no network along the law surely keeps it, by its prediction")
        return Member(target, max(inside, key=lambda c: (c.predicted.ms, c.phi)))


def deliver_family(path: Path, base: Genotype, law: Law, members: Sequence[Member], device: Device) -> list[dict[str, Any]]:
    """`family.json`, and for each member `10ms/genotype.yaml` and `10ms/card.json`; what an earlier run left of them goes."""
    rows = []
    for m in members:
        place = path / f"{m.target_ms:g}ms"
        if m.grown is None:
            for name in ("genotype.yaml", "card.json"):
                (place / name).unlink(missing_ok=True)
        else:
            place.mkdir(exist_ok=True)
            g = replace(m.grown.genotype, name=f"{base.name}-{m.target_ms:g}ms"[:100])
            write_atomic(place / "genotype.yaml", g.to_yaml())
            save_card(make_card(g, m.target_ms, device, m.again, m.grown.predicted), place / "card.json")
        rows.append(member_row(m))
    counted = cost(base)
    about = {"base": base.name, "base_macs": counted.macs, "base_params": counted.params, "device": str(device)}
    data = about | {"law": {"alpha": law.alpha, "beta": law.beta, "gamma": law.gamma}, "least_used": LEAST_USED, "members": rows}
    write_atomic(path / FAMILY_FILE, json.dumps(data, indent=1) + "\n")
    return rows


def member_row(m: Member) -> dict[str, Any]:
    """A member for scripts."""
    row: dict[str, Any] = {"target_ms": m.target_ms, "kept": m.kept, "used": m.used, "why": m.why}
    if m.grown is None:
        return row
    c, counted = m.grown, cost(m.grown.genotype)
    return row | {
        "phi": c.phi,
        "depth": c.factors.depth,
        "width": c.factors.width,
        "resolution": c.genotype.input[1],
        "nudged_px": c.nudged,
        "params": counted.params,
        "macs": counted.macs,
        "activations": counted.activations,
        "layers": counted.depth,
        "digest": c.digest,
        "predicted_ms": c.predicted.ms,
        "measured": None if m.measured is None else m.measured.to_json(),
        "again": None if m.again is None else m.again.to_json(),
    }
