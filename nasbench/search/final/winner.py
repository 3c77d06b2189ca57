"""The winner: it is measured once more before it is delivered, as its user will measure it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nasbench.errors import BusyError
from nasbench.export.folder import EXTRA_FILES
from nasbench.export.trained import CARD
from nasbench.files import write_atomic
from nasbench.genotype import Genotype
from nasbench.latency import Device, make_card, save_card
from nasbench.latency.contract import keeps_limit, requirement, side
from nasbench.latency.weights import DeliveredWeights
from nasbench.search.final.finalists import KNOWN, FinalResult, summary
from nasbench.search.limits import Limits
from nasbench.search.measuring import Measure
from nasbench.study.delivery import delivered
from nasbench.study.measurements import Measured, Measurements
from nasbench.training.delivery import GENOTYPE, WEIGHTS
from nasbench.training.preprocess import PREPROCESS_FILE, Preprocess, save_preprocess

WINNER = "winner"


@dataclass(frozen=True)
class Choice:
    """Which network is delivered, if any.

    Attributes:
        winner: the best network of either phase that keeps the limit, with its second measurement.
        missed: those before it that did not, in words.
        noisy: the machine was too noisy to measure one well enough.
        unverified: where there is no winner, because the machine was too busy or too noisy to measure it: the best network that may
            keep the limit. It is delivered with its prediction, and a card that says that it was not measured.
        why: why it was not measured.
    """

    winner: FinalResult | None
    missed: tuple[str, ...] = ()
    noisy: bool = False
    unverified: FinalResult | None = None
    why: str = ""

    @property
    def delivered(self) -> FinalResult | None:
        """The network that is delivered, verified or not."""
        return self.winner or self.unverified


def choose_winner(
    ranked: Sequence[FinalResult],
    limits: Limits,
    measure: Measure | None,
    measurements: Measurements,
    say: Callable[[str], None],
    weights: Callable[[FinalResult], DeliveredWeights | None] = lambda result: None,
) -> Choice:
    """The best network of both phases whose latency keeps the limit when it is measured again, alone, in a new session.

    Random search is what the search is compared with, and a network that it found is as good to have. Known networks are
    not delivered: everybody has them. The measurement must leave room for another session, and not be noisy; one that an
    earlier run stored is used unless it was noisy. Without a latency limit, or where the device is elsewhere (`measure` is
    None), the first is taken. Where the machine is too busy or too noisy to measure, there is no winner, and the best network that may
    keep the limit is `unverified`.

    Args:
        weights: the weights of a result that would be delivered with it, and with which it is measured; by default there are none.
    """
    missed: list[str] = []
    unsure: FinalResult | None = None
    why = ""
    for result in ranked:
        f = result.finalist
        if f.phase == KNOWN or not f.keeps(limits, busy=measure is not None):
            continue
        if limits.latency_ms is None or measure is None or f.predicted is None:
            return Choice(result)
        again = measurements.find(f.digest, WINNER)
        if again is None or again.noisy:
            say(f"measuring {f.origin} once more before it is delivered")
            try:
                network, own = {f.origin: Genotype.from_yaml(f.genotype)}, weights(result)
                raw = (measure(network) if own is None else measure(network, {f.origin: own.path}))[f.origin]
            except BusyError as error:
                return Choice(None, tuple(missed), unsure is not None, unsure or result, why or str(error))
            measurements.add([Measured(WINNER, f.digest, f.predicted.ms, raw, "" if own is None else own.sha256)])
            again = measurements.at_speed(raw)
        if keeps_limit(again, limits.latency_ms):
            return Choice(replace(result, again=again, weights=measurements.weights(f.digest, WINNER)), tuple(missed))
        if again.noisy and unsure is None and side(again.low_ms, again.high_ms, limits.latency_ms) != "outside":
            unsure, why = result, f"the measurement was too noisy: {again.why}"
        missed.append(f"{f.origin} measured again: {again}; {requirement(limits.latency_ms)}")
        say(f"{missed[-1]}: the next best takes its place")
    return Choice(None, tuple(missed), unsure is not None, unsure, why)


def deliver(
    path: Path,
    ranked: Sequence[FinalResult],
    best: FinalResult | None,
    weights: Path | None,
    limits: Limits,
    device: Device,
    preprocess: Preprocess | None = None,
    *,
    unverified: str = "",
) -> None:
    """Write `summary.json`, and in `best/` the genotype, weights, preprocessing and card of the best.

    What an earlier run left there is removed.

    Args:
        unverified: why the best network was not measured; it is then no winner, and its card has no measurement and says so.
    """
    rows = summary(ranked, None, best) if unverified else summary(ranked, best)
    write_atomic(path / "summary.json", json.dumps(rows, indent=1) + "\n")
    directory = path / "best"
    if best is not None and delivered(path, best.finalist.digest):
        return  # it was trained for use
    for name in EXTRA_FILES if best else (GENOTYPE, WEIGHTS, PREPROCESS_FILE, CARD, *EXTRA_FILES):
        (directory / name).unlink(missing_ok=True)
    if best is None:
        return
    directory.mkdir(exist_ok=True)
    f = best.finalist
    g = Genotype.from_yaml(f.genotype)
    write_atomic(directory / GENOTYPE, g.to_yaml())
    if weights is not None and weights.exists():
        write_atomic(directory / WEIGHTS, weights.read_bytes())
    if preprocess is not None:
        save_preprocess(preprocess, directory / PREPROCESS_FILE)
    if limits.latency_ms is not None:
        measured = None if unverified else best.again or f.measured
        save_card(make_card(g, limits.latency_ms, device, measured, f.predicted, unverified, best.weights), directory / CARD)
