"""Finalists: the best networks of each phase, measured, which the final round trains again beside known networks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nasbench.errors import BusyError, StudyError
from nasbench.files import MALFORMED, write_atomic
from nasbench.genotype import Genotype, digest
from nasbench.latency import Measurement, Prediction
from nasbench.latency.contract import leaves_room, predicted_inside, predicted_within, requirement
from nasbench.search.limits import Limits, Metrics
from nasbench.search.measuring import Measure
from nasbench.study.measurements import Measured, Measurements
from nasbench.study.trial import Trial

KNOWN = "known"
NOISY_SESSIONS = 2  # in a row that brought nothing, after which measuring is given up


@dataclass(frozen=True)
class Finalist:
    """A network of the final round.

    Attributes:
        origin: `search 12`, `random 3` or `known mobilenet_v2`: for people; see `phase`.
        genotype: YAML.
        predicted, measured: latency, both at the profile's speed; no measurement where the device is elsewhere or was too busy, and
            neither where nothing asks for latencies.
        phase: the phase that found it, or `known`.
        contender: whether it is trained again only where it may be the best. All others are trained with every fresh seed.
        exceeded: the limits other than latency that it breaks, as known networks may; see `Limits.exceeded`.
    """

    origin: str
    genotype: str
    digest: str
    params: int
    macs: int
    predicted: Prediction | None
    measured: Measurement | None
    phase: str
    contender: bool = False
    exceeded: tuple[str, ...] = ()

    def keeps(self, limits: Limits, *, busy: bool = False) -> bool:
        """Whether the measurement leaves room for another session; without one, whether the predicted interval is inside the limit.

        Args:
            busy: the device is here, but too busy to be measured: the prediction then counts without its interval.
        """
        if limits.latency_ms is None:
            return True
        if self.measured is not None:
            return leaves_room(self.measured, limits.latency_ms)
        suits = predicted_within if busy else predicted_inside
        return self.predicted is not None and suits(self.predicted, limits.latency_ms)

    @property
    def latency(self) -> str:
        """In words."""
        if self.measured is not None:
            return str(self.measured)
        return "latency unknown" if self.predicted is None else prediction_text(self.predicted)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Finalist:
        """From `to_json`'s data; files of version 0.1 name the phase only in the origin."""
        predicted = row["predicted"] and Prediction(**{**row["predicted"], "extrapolated": tuple(row["predicted"]["extrapolated"])})
        measured = row["measured"] and Measurement.from_json(row["measured"])
        own = {"predicted": predicted, "measured": measured, "exceeded": tuple(row.get("exceeded", ()))}
        return cls(**{"phase": str(row["origin"]).partition(" ")[0], **row, **own})

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        measured = None if self.measured is None else self.measured.to_json()
        predicted = None if self.predicted is None else self.predicted._asdict()
        return asdict(self) | {"predicted": predicted, "measured": measured}


def prediction_text(p: Prediction) -> str:
    """A predicted latency in words: `12.3 ms predicted [11.0, 13.8]`."""
    return f"{p.ms:.1f} ms predicted [{p.low_ms:.1f}, {p.high_ms:.1f}]"


def choose_finalists(
    phases: Mapping[str, tuple[Sequence[Trial], int]],
    known: Mapping[str, Genotype],
    estimate: Callable[[Genotype], Metrics],
    limits: Limits,
    measure: Measure | None,
    measurements: Measurements,
    say: Callable[[str], None],
    busy: bool = False,
) -> list[Finalist]:
    """Measure all known networks and the best trials of each phase, in turns; then more, until enough of each phase keep the limit.

    A network that is not within the limit when it is measured is named and passed over. Without `measure` the predictions
    decide, and also where other work keeps the machine too busy or too noisy to measure.

    Args:
        phases: the ranked trials of each phase, and how many finalists it sends.
        busy: the machine is too busy to measure.
    """
    waiting = {name: list(ranked) for name, (ranked, _) in phases.items()}
    missing = {name: wanted for name, (_, wanted) in phases.items()}
    batch = [(KNOWN, f"{KNOWN} {name}", g) for name, g in known.items()]
    chosen: list[Finalist] = []
    noisy = 0
    missed: set[str] = set()
    while True:
        for name, trials in waiting.items():
            count = missing[name] + 1 if missing[name] else 0
            batch += [(name, f"{name} {t.number}", t.network) for t in trials[:count]]
            waiting[name] = trials[count:]
        if not batch:
            return chosen
        try:
            measured = _measured(batch, estimate, limits, measure, measurements)
        except BusyError as error:
            say(f"{error}; the finalists are chosen by their predictions")
            measure, busy = None, True
            measured = _measured(batch, estimate, limits, measure, measurements)
        before = len(chosen)
        for finalist in measured:
            if finalist.phase not in missing:
                chosen.append(finalist)
            elif not finalist.keeps(limits, busy=busy):
                room = "" if limits.latency_ms is None else f"; {requirement(limits.latency_ms)}"
                expected = "" if finalist.predicted is None else f", predicted at {finalist.predicted.ms:.1f} ms,"
                say(f"{finalist.origin}{expected} is passed over: {finalist.latency}{room}")
                missed |= set() if finalist.measured is not None and finalist.measured.noisy else {finalist.digest}
            elif missing[finalist.phase]:
                chosen.append(finalist)
                missing[finalist.phase] -= 1
        hopeless = all(f.measured is not None and f.measured.noisy for f in measured) and len(chosen) == before
        noisy = noisy + 1 if hopeless else 0
        if noisy >= NOISY_SESSIONS:
            say("the machine is too noisy to measure more finalists: predictions decide")
            without = missed | {f.digest for f in chosen}
            left = {name: ([t for t in ranked if t.digest not in without], missing[name]) for name, (ranked, _) in phases.items()}
            return chosen + choose_finalists(left, {}, estimate, limits, None, measurements, say, busy=True)
        batch = []


def _measured(
    batch: Sequence[tuple[str, str, Genotype]],
    estimate: Callable[[Genotype], Metrics],
    limits: Limits,
    measure: Measure | None,
    measurements: Measurements,
) -> list[Finalist]:
    finalists = []
    results = None if measure is None else measure({origin: g for _, origin, g in batch})
    rows = []
    for phase, origin, g in batch:
        name, metrics = digest(g), estimate(g)
        if results is not None:
            rows.append(Measured("finalists", name, metrics.prediction.ms, results[origin]))
        measured = None if results is None else measurements.at_speed(results[origin])
        exceeded = limits.exceeded(metrics)
        finalists.append(
            Finalist(origin, g.to_yaml(), name, metrics.params, metrics.macs, metrics.predicted, measured, phase, exceeded=exceeded)
        )
    if rows:
        measurements.add(rows)
    return finalists


def save_finalists(path: Path, finalists: Sequence[Finalist]) -> None:
    """Store the finalists, so that a resumed study trains the same ones."""
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
    except (OSError, *MALFORMED) as error:
        raise StudyError(f"a study keeps its finalists in {path}; it cannot be read ({error}); delete it to measure them again") from None


@dataclass(frozen=True)
class FinalResult:
    """A finalist after the final round.

    Attributes:
        accuracy: mean over the fresh seeds on validation images; seeds: each; test_accuracy: mean on the test images.
        expected: what is expected of another training, by all trainings of this network and of those that are like it.
        trial: number of the final trial with the best seed.
        again: the winner's second measurement, in a session of its own; the card states it.
        weights: SHA-256 of the delivered weights with which that was made; empty for random ones.
    """

    finalist: Finalist
    accuracy: float
    seeds: tuple[float, ...]
    test_accuracy: float | None
    trial: int
    again: Measurement | None = None
    weights: str = ""
    expected: float = math.nan


def final_results(finalists: Sequence[Finalist], trials: Sequence[Trial], expected: Callable[[str], float]) -> list[FinalResult]:
    """Finalists by the accuracy that is expected of them, best first; those without a successful training are left out.

    Args:
        trials: of the final round.
        expected: the accuracy that is expected of the network with a digest.
    """
    results = []
    for finalist in finalists:
        own = [t for t in trials if t.digest == finalist.digest and t.accuracy is not None and t.status in ("ok", "infeasible")]
        if not own:
            continue
        tests = [t.more["test_accuracy"] for t in own if t.more.get("test_accuracy") is not None]
        scores: list[float] = [t.accuracy for t in own if t.accuracy is not None]
        best = max(own, key=lambda t: t.accuracy or 0.0)
        test_accuracy = sum(tests) / len(tests) if tests else None
        mean = sum(scores) / len(scores)
        results.append(FinalResult(finalist, mean, tuple(scores), test_accuracy, best.number, expected=expected(finalist.digest)))
    return sorted(results, key=lambda r: -r.expected)


def summary(ranked: Sequence[FinalResult], best: FinalResult | None, unverified: FinalResult | None = None) -> list[dict[str, Any]]:
    """The table of the final round as plain data; latencies are measured where the device is here, the winner's by its second one.

    Args:
        unverified: the network that is delivered where the machine was too busy to measure a winner.
    """
    rows = []
    for result in ranked:
        f = result.finalist
        won = best is not None and best.finalist == f
        m = best.again if won and best is not None and best.again is not None else f.measured
        latency: Any = f.predicted if m is None else m
        rows.append(
            {
                "network": f.origin,
                "winner": won,
                "accuracy": result.accuracy,
                "accuracy_seeds": list(result.seeds),
                "expected_accuracy": result.expected,
                "test_accuracy": result.test_accuracy,
                "latency_ms": m.median_ms if m is not None else None if f.predicted is None else f.predicted.ms,
                "latency_low_ms": None if latency is None else latency.low_ms,
                "latency_high_ms": None if latency is None else latency.high_ms,
                "measured": m is not None,
                "noisy": m is not None and m.noisy,
                "predicted_ms": None if f.predicted is None else f.predicted.ms,
                "params": f.params,
                "macs": f.macs,
                "digest": f.digest,
                "exceeded": list(f.exceeded),
                **({"unverified": True} if unverified is not None and unverified.finalist == f else {}),
            }
        )
    return rows
