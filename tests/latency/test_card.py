from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nasbench.errors import DeviceError
from nasbench.genotype import digest
from nasbench.latency.card import Card, load_card, make_card, save_card
from nasbench.latency.device import local_device
from nasbench.latency.measurement import Visit, judge
from nasbench.latency.predict import Prediction
from nasbench.zoo import known


def card(target_ms: float = 20.0, ms: float = 19.0, noise: float = 0.0) -> Card:
    measured = judge([Visit(ms * (1 + noise * (i % 3 - 1)), 5.0, 0.0) for i in range(12)])
    g = known("mobilenet_v2")
    return make_card(g, target_ms, local_device(1), measured, Prediction(18.5, 17.5, 19.5, ("concat was never timed",)))


def test_a_card_survives_its_file(tmp_path: Path) -> None:
    for one in (card(), replace(card(), predicted=None)):
        save_card(one, tmp_path / "card.json")
        assert load_card(tmp_path / "card.json") == one
    data = json.loads((tmp_path / "card.json").read_text())
    assert (data["met"], data["digest"]) == (True, digest(known("mobilenet_v2")))


@pytest.mark.parametrize(
    ("one", "met", "sure"),
    [
        (card(), True, True),
        (card(ms=20.0), True, True),
        (card(ms=20.1), False, False),
        (card(ms=19.9, noise=0.02), True, False),
        (card(ms=10.0, noise=0.5), True, True),  # noisy, but its whole interval is inside
        (card(ms=19.0, noise=0.5), False, False),  # noisy, and its interval reaches beyond
    ],
)
def test_a_target_is_met_by_a_trustworthy_median(one: Card, met: bool, sure: bool) -> None:
    assert (one.met, one.sure) == (met, sure)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is damaged"),
        ("[]", "is no nasbench card"),
        ('{"format": "nasbench card", "version": 9}', "is version 9"),
        ('{"format": "nasbench card", "version": 1}', "lacks a part"),
    ],
)
def test_what_is_no_card_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(DeviceError, match=rule):
        load_card(tmp_path / "card.json")
    with pytest.raises(DeviceError, match="No such file"):
        load_card(tmp_path / "none.json")
