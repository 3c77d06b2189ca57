"""The last round: the best of both arms are measured, then trained with fresh seeds beside known networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, digest
from nasbench.latency import Measurement, Prediction
from nasbench.latency.contract import leaves_room, side
from nasbench.search.limits import Limits, Metrics
from nasbench.search.measuring import Measure, allowed
from nasbench.study.measurements import Measured, Measurements
from nasbench.study.trial import Trial

NOISY_SESSIONS = 2  # in a row that brought nothing, after which measuring goes nowhere today


@dataclass(frozen=True)
class Finalist:
    """A network of the last round.

    Attributes:
        origin: `search 12`, `random 3` or `known mobilenet_v2`: the arm, and the trial's number or the name.
        genotype: YAML.
        predicted, measured: latency, both at the profile's speed; no measurement where the device is elsewhere.
    """

    origin: str
    genotype: str
    digest: str
    params: int
    macs: int
    predicted: Prediction
    measured: Measurement | None

    @property
    def arm(self) -> str:
        return self.origin.split()[0]

    def keeps(self, limits: Limits) -> bool:
        """Whether the measurement is inside with room for another session; without one, a prediction's whole interval in the profile."""
        if limits.latency_ms is None:
            return True
        if self.measured is None:
            p = self.predicted
            return side(p.low_ms, p.high_ms, limits.latency_ms, reliable=not p.extrapolated) == "inside"
        return leaves_room(self.measured, limits.latency_ms)

    @property
    def latency(self) -> str:
        """In words."""
        return f"{self.predicted.ms:.1f} ms predicted" if self.measured is None else f"{self.measured}"

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Finalist:
        predicted = Prediction(**{**row["predicted"], "extrapolated": tuple(row["predicted"]["extrapolated"])})
        return cls(**{**row, "predicted": predicted, "measured": row["measured"] and Measurement.from_json(row["measured"])})

    def to_json(self) -> dict[str, Any]:
        measured = None if self.measured is None else self.measured.to_json()
        return asdict(self) | {"predicted": self.predicted._asdict(), "measured": measured}


def choose_finalists(
    arms: Mapping[str, tuple[Sequence[Trial], int]],
    known: Mapping[str, Genotype],
    describe: Callable[[Genotype], Metrics],
    limits: Limits,
    run: Measure | None,
    kept: Measurements,
    say: Callable[[str], None],
) -> list[Finalist]:
    """Measure all `known` and the best trials of each arm, in turns; then more, until enough of each arm keep the limit.

    `arms` gives the ranked trials of an arm and how many are wanted. A network that is not within the limit when
    it is measured is named and passed over: a prediction is not a promise. Without `run` the predictions decide.
    """
    waiting = {arm: [(f"{arm} {t.number}", Genotype.from_yaml(t.genotype)) for t in ranked] for arm, (ranked, _) in arms.items()}
    missing = {arm: wanted for arm, (_, wanted) in arms.items()}
    batch = {f"known {name}": g for name, g in known.items()}
    chosen: list[Finalist] = []
    noisy = 0
    while True:
        for arm, left in waiting.items():
            take = missing[arm] + 1 if missing[arm] else 0
            batch |= dict(left[:take])
            waiting[arm] = left[take:]
        if not batch:
            return chosen
        measured = _measured(batch, describe, run, kept)
        before = len(chosen)
        for one in measured:
            if one.arm not in missing:
                chosen.append(one)
            elif not one.keeps(limits):
                room = "" if limits.latency_ms is None else f"; {allowed(limits.latency_ms)}"
                say(f"{one.origin}, predicted at {one.predicted.ms:.1f} ms, is passed over: {one.latency}{room}")
            elif missing[one.arm]:
                chosen.append(one)
                missing[one.arm] -= 1
        hopeless = all(one.measured is not None and one.measured.noisy for one in measured) and len(chosen) == before
        noisy = noisy + 1 if hopeless else 0
        if noisy >= NOISY_SESSIONS:
            say("the machine is too noisy to measure more finalists")
            return chosen
        batch = {}


def _measured(
    networks: Mapping[str, Genotype], describe: Callable[[Genotype], Metrics], run: Measure | None, kept: Measurements
) -> list[Finalist]:
    described = {origin: (digest(g), describe(g)) for origin, g in networks.items()}
    speed: dict[str, Measurement] = {}
    if run is not None:
        results = run(networks)
        kept.add([Measured("finalists", name, f.predicted.ms, results[origin]) for origin, (name, f) in described.items()])
        speed = {origin: kept.at_speed(results[origin]) for origin in networks}
    return [
        Finalist(origin, g.to_yaml(), described[origin][0], f.params, f.macs, f.predicted, speed.get(origin))
        for origin, g in networks.items()
        for f in [described[origin][1]]
    ]


def save_finalists(path: Path, finalists: Sequence[Finalist]) -> None:
    """Kept, so that a resumed study trains the same ones."""
    write_atomic(path, json.dumps([f.to_json() for f in finalists], indent=1) + "\n")


def load_finalists(path: Path) -> list[Finalist] | None:
    """The stored finalists, or None.

    Raises:
        StudyError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        return [Finalist.from_json(row) for row in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StudyError(f"a study keeps its finalists in {path}; it cannot be read ({error}); delete it to measure them again") from None


@dataclass(frozen=True)
class FinalResult:
    """A finalist after the last round.

    Attributes:
        accuracy: mean over the fresh seeds on validation images; seeds: each; test_accuracy: mean on the test images.
        trial: of its best seed.
        again: the winner's second measurement, in a session of its own: what is promised.
    """

    finalist: Finalist
    accuracy: float
    seeds: tuple[float, ...]
    test_accuracy: float | None
    trial: int
    again: Measurement | None = None


def standings(finalists: Sequence[Finalist], trials: Sequence[Trial], seeds: int) -> list[FinalResult]:
    """Finalists by mean accuracy, best first; those without a successful training are left out."""
    found = []
    for i, finalist in enumerate(finalists):
        mine = [t for t in trials if t.number // seeds == i and t.accuracy is not None and t.status in ("ok", "infeasible")]
        if not mine:
            continue
        tests = [t.more["test_accuracy"] for t in mine if t.more.get("test_accuracy") is not None]
        scores: list[float] = [t.accuracy for t in mine if t.accuracy is not None]
        best = max(mine, key=lambda t: t.accuracy or 0.0)
        found.append(
            FinalResult(finalist, sum(scores) / len(scores), tuple(scores), sum(tests) / len(tests) if tests else None, best.number)
        )
    return sorted(found, key=lambda s: -s.accuracy)


def summary(ranked: Sequence[FinalResult], best: FinalResult | None) -> list[dict[str, Any]]:
    """The table of the last round as plain data; latencies are measured where the device is here, the winner's at its second time."""
    rows = []
    for one in ranked:
        f = one.finalist
        won = best is not None and best.finalist == f
        m = best.again if won and best is not None and best.again is not None else f.measured
        rows.append(
            {
                "network": f.origin,
                "winner": won,
                "accuracy": one.accuracy,
                "accuracy_seeds": list(one.seeds),
                "test_accuracy": one.test_accuracy,
                "latency_ms": f.predicted.ms if m is None else m.median_ms,
                "latency_low_ms": f.predicted.low_ms if m is None else m.low_ms,
                "latency_high_ms": f.predicted.high_ms if m is None else m.high_ms,
                "measured": m is not None,
                "noisy": m is not None and m.noisy,
                "predicted_ms": f.predicted.ms,
                "params": f.params,
                "macs": f.macs,
                "digest": f.digest,
            }
        )
    return rows
