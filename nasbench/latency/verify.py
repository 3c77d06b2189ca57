"""Measuring a card's network again: is its promise kept? No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from nasbench.latency.card import Card
from nasbench.latency.contract import Answer, verdict
from nasbench.latency.measurement import Measurement
from nasbench.latency.measuring.measure import check_local, measure

MAX_SECONDS = 40.0  # for the visits
REPEATS = 2  # of a measurement that is too noisy to say


@dataclass(frozen=True)
class Verified:
    """A card and its new measurement.

    Attributes:
        card: with the new measurement, where it had none and that can be trusted.
        before: what the card held.
        now: at the speed that the machine has now.
        judged: at the machine's speed when the card was measured, so that its drift since then cancels; `now` where it never was.
    """

    card: Card
    before: Measurement | None
    now: Measurement
    judged: Measurement

    @property
    def answer(self) -> Answer:
        """`unsure` where the measurement is noisy and its interval holds the target, or where other work had the cores."""
        return verdict(self.judged, self.card.target_ms)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return {
            "answer": self.answer,
            "network": self.card.name,
            "target_ms": self.card.target_ms,
            "device": self.card.device.to_json(),
            "before": None if self.before is None else asdict(self.before),
            "now": asdict(self.now),
            "at_card_speed": asdict(self.judged),
        }


def verify_card(card: Card, *, progress: Callable[[int, int], None] | None = None, say: Callable[[str], None] | None = None) -> Verified:
    """Measure the card's network on this machine, again where it is too noisy to say.

    Args:
        progress: told (done, total) rounds.
        say: told what is waited for or repeated.

    Raises:
        DeviceError: the card's device is not this machine, or the measuring process failed.
    """
    check_local(card.device)
    for again in range(REPEATS + 1):
        now = measure({card.name: card.network}, card.device, max_seconds=MAX_SECONDS, progress=progress, say=say)[card.name]
        then = now if card.measured is None else now.at_speed(card.measured.anchor_ms)
        found = Verified(card, card.measured, now, then)
        if found.answer != "unsure" or again == REPEATS:
            break
        if say:
            say(f"too noisy to say ({now.why}): measuring again")
    if card.measured is None and not now.noisy:
        found = replace(found, card=replace(card, measured=now))
    return found
