from __future__ import annotations

from dataclasses import replace

import pytest

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype
from nasbench.latency import verify
from nasbench.latency.card import Card, make_card
from nasbench.latency.device import local_device
from nasbench.latency.measurement import Measurement, Round, judge
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.verify import verify_card


def timed(ms: float, reference_ms: float = 5.0, noise: float = 0.0) -> Measurement:
    return judge([Round(ms * (1 + noise * (i % 3 - 1)), reference_ms, 0.0) for i in range(12)])


def card(measured: Measurement | None, limit_ms: float = 20.0) -> Card:
    return make_card(REFERENCE, limit_ms, local_device(1), measured)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[Measurement]:
    """What the next measurements will be; the last one again and again."""
    coming: list[Measurement] = []

    def measure(networks: dict[str, Genotype], device, **_: object) -> dict[str, Measurement]:
        assert networks == {"reference": REFERENCE}
        return {"reference": coming.pop(0) if len(coming) > 1 else coming[0]}

    monkeypatch.setattr(verify, "measure", measure)
    return coming


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (timed(19.0), "kept"),
        (timed(20.0), "kept"),
        (timed(20.5), "missed"),
        (timed(39.0, reference_ms=10.0), "kept"),  # the machine is half as fast now
        (timed(19.0, reference_ms=4.5), "missed"),  # and here it is faster than then
        (timed(20.0, noise=0.3), "unsure"),
        (timed(10.0, noise=0.3), "kept"),  # noisy, but all of its interval is inside
        (timed(40.0, noise=0.3), "missed"),
        (replace(timed(10.0), waited=0.4, noisy=True), "unsure"),  # other work had the cores: no number at all
        (replace(timed(40.0), waited=0.4, noisy=True), "unsure"),
    ],
)
def test_the_verdict_is_at_the_cards_speed(machine: list[Measurement], now: Measurement, verdict: str) -> None:
    machine.append(now)
    found = verify_card(card(timed(18.0)))
    assert found.verdict == verdict
    assert (found.now, found.before, found.card) == (now, timed(18.0), card(timed(18.0)))
    assert found.at_card_speed.median_ms == pytest.approx(now.median_ms * 5.0 / now.reference_ms)


def test_what_is_too_noisy_is_measured_again(machine: list[Measurement]) -> None:
    machine += [timed(20.0, noise=0.3), timed(20.0, noise=0.2), timed(19.0)]
    said: list[str] = []
    assert verify_card(card(timed(18.0)), say=said.append).verdict == "kept"
    assert len(said) == 2
    assert "too noisy for a verdict" in said[0]


def test_a_card_without_a_measurement_gets_one_that_can_be_trusted(machine: list[Measurement]) -> None:
    machine.append(timed(21.0))
    found = verify_card(card(None))
    assert (found.verdict, found.before, found.card.measured, found.card.met) == ("missed", None, timed(21.0), False)
    machine[:] = [timed(10.0, noise=0.3)]
    found = verify_card(card(None))
    assert (found.verdict, found.card.measured) == ("kept", None)  # that much is sure, but a noisy measurement is not stored


def test_another_machines_card_is_not_measured_here(machine: list[Measurement]) -> None:
    elsewhere = replace(card(timed(18.0)), device=replace(local_device(1), name="Abacus 9"))
    with pytest.raises(DeviceError, match="only a device of this machine can be measured; Abacus 9 is wanted"):
        verify_card(elsewhere)
