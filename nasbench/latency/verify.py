"""Verification: a card's network is measured again on this machine. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.latency.card import Card
from nasbench.latency.contract import Verdict, verdict
from nasbench.latency.measurement import Measurement
from nasbench.latency.measuring.measure import check_local, measure
from nasbench.latency.weights import DeliveredWeights, conditions, delivered_weights

MAX_SECONDS = 40.0  # for the rounds
REPEATS = 2  # of a measurement that is too noisy for a verdict


@dataclass(frozen=True)
class Verification:
    """A card and its new measurement.

    Attributes:
        card: the card; the new measurement was added if it had none and the new one can be trusted.
        before: the measurement that was on the card.
        now: the new measurement, at the speed that the machine has now.
        at_card_speed: the new measurement at the speed that the machine had when the card was measured, so that the machine's drift since
            then cancels; `now` if the card had no measurement.
        weights: the delivered weights with which it was measured; None for random ones.
    """

    card: Card
    before: Measurement | None
    now: Measurement
    at_card_speed: Measurement
    weights: DeliveredWeights | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the limit is kept; see `contract.verdict`."""
        return verdict(self.at_card_speed, self.card.limit_ms)

    @property
    def conditions(self) -> str:
        """With what the network was measured now, and what a server has to set, in words."""
        w = self.weights
        return conditions(self.card.device, "" if w is None else w.sha256, None if w is None else w.denormals)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return {
            "answer": self.verdict,
            "network": self.card.name,
            "target_ms": self.card.limit_ms,
            "device": self.card.device.to_json(),
            "before": None if self.before is None else self.before.to_json(),
            "now": self.now.to_json(),
            "at_card_speed": self.at_card_speed.to_json(),
            "weights": None if self.weights is None else self.weights.sha256,
            "conditions": self.conditions,
        }


def verify_card(
    card: Card, weights: Path | None = None, *, progress: Callable[[int, int], None] | None = None, say: Callable[[str], None] | None = None
) -> Verification:
    """Measure the card's network on this machine; again if the measurement is too noisy for a verdict.

    Args:
        weights: the file of the delivered weights; random ones where there is no such file.
        progress: called with the number of rounds that are done and of all rounds.
        say: called with a message if something is waited for or repeated.

    Raises:
        DeviceError: the card's device is not this machine, or the measuring process failed.
    """
    check_local(card.device)
    delivered = None if weights is None else delivered_weights(weights, card.device)
    with_weights: dict[str, Any] = {} if delivered is None else {"weights": {card.name: delivered.path}}
    for repeat in range(REPEATS + 1):
        now = measure({card.name: card.network}, card.device, max_seconds=MAX_SECONDS, progress=progress, say=say, **with_weights)[
            card.name
        ]
        at_card_speed = now if card.measured is None else now.at_speed(card.measured.reference_ms)
        verification = Verification(card, card.measured, now, at_card_speed, delivered)
        if verification.verdict != "unsure" or repeat == REPEATS:
            break
        if say:
            say(f"too noisy for a verdict ({now.why}): measuring again")
    if card.measured is None and not now.noisy:
        verification = replace(verification, card=replace(card, measured=now, unverified="", weights=delivered.sha256 if delivered else ""))
    return verification
