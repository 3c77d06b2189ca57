"""The last round: the best of both arms are measured, then trained with fresh seeds beside known networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, digest
from nasbench.latency import Device, Measurement, Prediction, measure
from nasbench.search.limits import Figures, Limits
from nasbench.search.records import Trial

MEASURE_S = 40.0  # for the visits of one batch
REPEATS = 1


@dataclass(frozen=True)
class Finalist:
    """A network of the last round.

    Attributes:
        origin: `search 12`, `random 3` or `known mobilenet_v2`: the arm, and the trial's number or the name.
        genotype: YAML.
        predicted, measured: latency.
    """

    origin: str
    genotype: str
    digest: str
    params: int
    macs: int
    predicted: Prediction
    measured: Measurement

    @property
    def arm(self) -> str:
        return self.origin.split()[0]

    def keeps(self, limits: Limits) -> bool:
        """Whether the measured median is inside; of a noisy measurement, the whole interval must be."""
        return limits.latency_ms is None or self.measured.within(limits.latency_ms)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Finalist:
        predicted = Prediction(**{**row["predicted"], "extrapolated": tuple(row["predicted"]["extrapolated"])})
        return cls(**{**row, "predicted": predicted, "measured": Measurement(**row["measured"])})

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"predicted": self.predicted._asdict()}


Measure = Callable[[Mapping[str, Genotype]], Mapping[str, Measurement]]


def measurer(device: Device, say: Callable[[str], None]) -> Measure:
    """Measures networks on a device while nothing else of ours runs; what comes out noisy is measured again, a few times."""

    def run(networks: Mapping[str, Genotype]) -> dict[str, Measurement]:
        found = measure(networks, device, max_seconds=MEASURE_S, say=say)
        for _ in range(REPEATS):
            noisy = {name: networks[name] for name, m in found.items() if m.noisy}
            if not noisy:
                break
            say(f"{len(noisy)} of {len(networks)} measurements are noisy ({found[next(iter(noisy))].why}): measuring those again")
            found |= measure(noisy, device, max_seconds=MEASURE_S, say=say)
        return found

    return run


def choose_finalists(
    arms: Mapping[str, tuple[Sequence[Trial], int]],
    known: Mapping[str, Genotype],
    describe: Callable[[Genotype], Figures],
    limits: Limits,
    run: Measure,
    say: Callable[[str], None],
) -> list[Finalist]:
    """Measure all `known` and the best trials of each arm, in turns; then more, until enough of each arm keep the limit.

    `arms` gives the ranked trials of an arm and how many are wanted. A network whose measured median is above the limit
    is named and passed over: a prediction is not a promise.
    """
    waiting = {arm: [(f"{arm} {t.number}", Genotype.from_yaml(t.genotype)) for t in ranked] for arm, (ranked, _) in arms.items()}
    missing = {arm: wanted for arm, (_, wanted) in arms.items()}
    batch = {f"known {name}": g for name, g in known.items()}
    chosen: list[Finalist] = []
    while True:
        for arm, left in waiting.items():
            take = missing[arm] + 1 if missing[arm] else 0
            batch |= dict(left[:take])
            waiting[arm] = left[take:]
        if not batch:
            return chosen
        for one in _measured(batch, describe, run):
            if one.arm not in missing:
                chosen.append(one)
            elif not one.keeps(limits):
                say(f"{one.origin}, predicted at {one.predicted.ms:.1f} ms, is passed over: {one.measured}")
            elif missing[one.arm]:
                chosen.append(one)
                missing[one.arm] -= 1
        batch = {}


def _measured(networks: Mapping[str, Genotype], describe: Callable[[Genotype], Figures], run: Measure) -> Iterable[Finalist]:
    results = run(networks)
    for origin, g in networks.items():
        f = describe(g)
        yield Finalist(origin, g.to_yaml(), digest(g), f.params, f.macs, f.predicted, results[origin])


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
class Standing:
    """A finalist after the last round.

    Attributes:
        accuracy: mean over the fresh seeds on validation images; seeds: each; test_accuracy: mean on the test images.
        weights: of its best seed's trial.
    """

    finalist: Finalist
    accuracy: float
    seeds: tuple[float, ...]
    test_accuracy: float | None
    trial: int


def standings(finalists: Sequence[Finalist], trials: Sequence[Trial], seeds: int) -> list[Standing]:
    """Finalists by mean accuracy, best first; those without a successful training are left out."""
    found = []
    for i, finalist in enumerate(finalists):
        mine = [t for t in trials if t.number // seeds == i and t.accuracy is not None and t.status in ("ok", "infeasible")]
        if not mine:
            continue
        tests = [t.more["test_accuracy"] for t in mine if t.more.get("test_accuracy") is not None]
        scores: list[float] = [t.accuracy for t in mine if t.accuracy is not None]
        best = max(mine, key=lambda t: t.accuracy or 0.0)
        found.append(Standing(finalist, sum(scores) / len(scores), tuple(scores), sum(tests) / len(tests) if tests else None, best.number))
    return sorted(found, key=lambda s: -s.accuracy)


def winner(ranked: Sequence[Standing], limits: Limits) -> Standing | None:
    """The search's own best finalist inside the measured limit."""
    return next((one for one in ranked if one.finalist.arm == "search" and one.finalist.keeps(limits)), None)


def summary(ranked: Sequence[Standing], best: Standing | None) -> list[dict[str, Any]]:
    """The table of the last round as plain data."""
    rows = []
    for one in ranked:
        f = one.finalist
        rows.append(
            {
                "network": f.origin,
                "winner": one is best,
                "accuracy": one.accuracy,
                "accuracy_seeds": list(one.seeds),
                "test_accuracy": one.test_accuracy,
                "latency_ms": f.measured.median_ms,
                "latency_low_ms": f.measured.low_ms,
                "latency_high_ms": f.measured.high_ms,
                "noisy": f.measured.noisy,
                "predicted_ms": f.predicted.ms,
                "params": f.params,
                "macs": f.macs,
                "digest": f.digest,
            }
        )
    return rows
