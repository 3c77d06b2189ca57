"""The promise: the winner is measured once more before it is handed over, as its user will measure it again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nasbench.files import write_atomic
from nasbench.genotype import Genotype
from nasbench.latency import Device, Measurement, make_card, save_card
from nasbench.latency.contract import keeps_limit
from nasbench.search.finalists import FinalResult, summary
from nasbench.search.limits import Limits
from nasbench.search.measuring import Measure, allowed
from nasbench.study.measurements import Measured, Measurements

WINNER = "winner"


@dataclass(frozen=True)
class Promise:
    """Who is handed over, if anyone.

    Attributes:
        winner: the best network of either arm that keeps the limit, with its second measurement.
        missed: those before it that did not, in words.
        noisy: the machine was too noisy to promise anything.
    """

    winner: FinalResult | None
    missed: tuple[str, ...] = ()
    noisy: bool = False


def promise(ranked: Sequence[FinalResult], limits: Limits, run: Measure | None, kept: Measurements, say: Callable[[str], None]) -> Promise:
    """The best of both arms whose latency keeps the limit when it is measured again, alone, in a new session.

    Random search is what the search is compared with, and a network that it found is as good to have. Known networks have names: nobody
    needs to be handed one. The measurement must leave room for another session, and not be noisy. One that was kept from an earlier run
    is used unless it was noisy. Without a latency limit, or without `run` since the device is elsewhere, the first is taken.
    """
    missed: list[str] = []
    noisy = False
    for one in ranked:
        f = one.finalist
        if f.arm == "known" or not f.keeps(limits):
            continue
        if limits.latency_ms is None or run is None:
            return Promise(one)
        again = kept.find(f.digest, WINNER)
        if again is None or again.noisy:
            say(f"measuring {f.origin} once more before it is handed over")
            raw = run({f.origin: Genotype.from_yaml(f.genotype)})[f.origin]
            kept.add([Measured(WINNER, f.digest, f.predicted.ms, raw)])
            again = kept.at_speed(raw)
        if keeps(again, limits.latency_ms):
            return Promise(replace(one, again=again), tuple(missed))
        noisy = noisy or again.noisy
        missed.append(f"{f.origin} measured again: {again}; {allowed(limits.latency_ms)}")
        say(f"{missed[-1]}: the next best takes its place")
    return Promise(None, tuple(missed), noisy)


def keeps(m: Measurement, limit_ms: float) -> bool:
    """Whether a measurement is good for a promise."""
    return keeps_limit(m, limit_ms)


def deliver(
    path: Path, ranked: Sequence[FinalResult], best: FinalResult | None, weights: Path | None, limits: Limits, device: Device
) -> None:
    """`summary.json`, and in `best/` the genotype, weights and card of the winner; what an earlier run left there goes."""
    write_atomic(path / "summary.json", json.dumps(summary(ranked, best), indent=1) + "\n")
    place = path / "best"
    if best is None:
        for name in ("genotype.yaml", "weights.safetensors", "card.json"):
            (place / name).unlink(missing_ok=True)
        return
    place.mkdir(exist_ok=True)
    f = best.finalist
    g = Genotype.from_yaml(f.genotype)
    write_atomic(place / "genotype.yaml", g.to_yaml())
    if weights is not None and weights.exists():
        write_atomic(place / "weights.safetensors", weights.read_bytes())
    if limits.latency_ms is not None:
        save_card(make_card(g, limits.latency_ms, device, best.again or f.measured, f.predicted), place / "card.json")
