"""Studies that were never run: a real folder and ledger, with results that the test chooses."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasbench.analysis.study import open_study
from nasbench.genotype import Genotype, digest, trace
from nasbench.latency import Device, Measurement, Profile, save_profile
from nasbench.latency.predicting.profile import TimedNetwork
from nasbench.latency.predicting.signature import signatures
from nasbench.spaces import load_space
from nasbench.spaces.choosers import random_chooser
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import MEASUREMENTS_FILE, Measured, Measurements
from nasbench.study.sampling import propose

COMMAND: Mapping[str, Any] = {
    "space": "tiny", "latency_ms": 20.0, "data": "embedded", "images": "embedded, abc", "strategy": "evolution", "seed": 0,
    "trials": None, "time_s": 480.0, "workers": 2, "device": "here", "recipe": {"epochs": 2, "lr": 0.1},
}  # fmt: skip
REFERENCE_MS = 5.0


def result(
    accuracy: float | None = None, ms: float = 10.0, status: str = "ok", seconds: float | None = None, **more: Any
) -> dict[str, Any]:
    """The record of a trial; without an accuracy, the status is `over_budget`."""
    status = status if accuracy is not None else "over_budget"
    seconds = seconds if seconds is not None else 0.0 if status == "over_budget" else 30.0
    record = {"status": status, "latency_ms": ms, "macs": int(ms * 1e6), "params_count": 1000, "seconds": seconds}
    record |= {"latency_low_ms": 0.9 * ms, "latency_high_ms": 1.1 * ms, "constraints": {"latency": 1.1 * ms / 20 - 1}}
    if accuracy is not None and status == "ok":
        record |= {"accuracy": accuracy, "reward": accuracy, "values": [accuracy]}
    return record | more


def make_study(
    path: Path, search: Sequence[Mapping[str, Any] | None] = (), random_search: Sequence[Mapping[str, Any] | None] = (), **command: Any
) -> Path:
    """A study of the space `tiny`, with a trial for each record of `search` and `random_search`; None leaves a trial running."""
    with StudyDirectory.create(path, {**COMMAND, **command}) as folder, Ledger.open(folder) as ledger:
        add_trials(ledger, "search", search)
        add_trials(ledger, "random", random_search)
    return path


def add_trials(ledger: Ledger, name: str, records: Sequence[Mapping[str, Any] | None]) -> None:
    """Add trials to a phase, each with another network."""
    phase, space = ledger.phase(name, ["maximize"]), load_space("tiny")
    rng = random.Random(7)
    drawn = {d.digest: d for d in (propose(space.decode, random_chooser(rng)) for _ in range(200))}
    for sample, record in zip(list(drawn.values())[len(phase) :], records, strict=False):
        trial = phase.enter(sample.genotype, sample)
        if record is not None:
            phase.tell(trial.number, record)


def add_profile(path: Path, networks: int = 24) -> Profile:
    """Store a profile in which the time is a simple function of the work."""
    space, rng = load_space("tiny"), random.Random(1)
    drawn = {digest(g): g for g in (space.sample(rng) for _ in range(4 * networks))}
    timed = []
    for name, g in list(drawn.items())[:networks]:
        layers = trace(g)
        times = [0.02 + x.macs / 4e6 + x.elements / 4e5 for x in layers[1:]]
        ms = sum(times)
        timed.append(TimedNetwork(name, name, ms, ms, ms, 8, tuple(zip(signatures(layers), times, strict=True))))
    profile = Profile(Device("cpu", "A machine"), REFERENCE_MS, tuple(timed), "2026-01-01T00:00:00Z")
    save_profile(profile, path / "profile.json")
    return profile


def measurement(ms: float, noisy: bool = False) -> Measurement:
    return Measurement(ms, 0.95 * ms, 1.05 * ms, 12, 0.02, ms, 0.01, REFERENCE_MS, 0.0, noisy, "other work" if noisy else "")


def add_measurements(path: Path, measured: Mapping[str, Measurement], where: str = "search") -> None:
    """Add measurements to measurements.jsonl, by digest."""
    measurements = Measurements(path / MEASUREMENTS_FILE, REFERENCE_MS)
    measurements.add([Measured(where, name, m.median_ms, m) for name, m in measured.items()])


def row(network: str, ms: float, *seeds: float, winner: bool = False, **more: Any) -> dict[str, Any]:
    """A row of summary.json: one network of the final round."""
    final = {"network": network, "winner": winner, "accuracy": sum(seeds) / len(seeds), "accuracy_seeds": list(seeds)}
    final |= {"test_accuracy": 0.5, "latency_ms": ms, "latency_low_ms": ms - 0.5, "latency_high_ms": ms + 1, "measured": True}
    return final | {"params": 1000, "macs": int(ms * 1e6), "digest": ""} | more


def add_summary(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    (path / "summary.json").write_text(json.dumps(rows))


def networks_of(path: Path) -> list[Genotype]:
    """The networks of a study's trials, in order."""
    return [Genotype.from_yaml(t.genotype) for t in open_study(path).records()]
