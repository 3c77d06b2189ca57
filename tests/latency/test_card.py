from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nasbench.errors import DeviceError, NasbenchError
from nasbench.genotype import digest
from nasbench.latency import card as module
from nasbench.latency.card import Card, load_card, make_card, save_card
from nasbench.latency.device import local_device
from nasbench.latency.measurement import Round, judge
from nasbench.latency.predicting.predict import Prediction
from nasbench.zoo import known


def card(limit_ms: float = 20.0, ms: float = 19.0, noise: float = 0.0) -> Card:
    measured = judge([Round(ms * (1 + noise * (i % 3 - 1)), 5.0, 0.0) for i in range(12)])
    g = known("mobilenet_v2")
    return make_card(g, limit_ms, local_device(1), measured, Prediction(18.5, 17.5, 19.5, ("concat was never timed",)))


def test_a_card_survives_its_file(tmp_path: Path) -> None:
    for one in (card(), replace(card(), predicted=None), replace(card(), measured=None)):
        save_card(one, tmp_path / "card.json")
        assert load_card(tmp_path / "card.json") == one
    save_card(card(), tmp_path / "card.json")
    data = json.loads((tmp_path / "card.json").read_text())
    assert (data["met"], data["name"], data["digest"]) == (True, "mobilenet_v2", digest(known("mobilenet_v2")))


def test_the_network_is_on_the_card(tmp_path: Path) -> None:
    save_card(card(), tmp_path / "card.json")
    assert load_card(tmp_path / "card.json").network == known("mobilenet_v2")


@pytest.mark.parametrize(
    ("one", "met", "sure"),
    [
        (card(), True, True),
        (card(ms=20.0), True, True),
        (card(ms=20.1), False, False),
        (card(ms=19.9, noise=0.02), True, False),
        (card(ms=10.0, noise=0.5), True, True),  # noisy, but its whole interval is inside
        (card(ms=19.0, noise=0.5), False, False),  # noisy, and its interval reaches beyond
        (replace(card(), measured=None), None, False),
    ],
)
def test_a_limit_is_met_by_a_trustworthy_median(one: Card, met: bool | None, sure: bool) -> None:
    assert (one.met, one.sure) == (met, sure)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is damaged"),
        (json.dumps(card().to_json())[:-300], "is damaged"),
        ("[]", "is not a nasbench card"),
        ('{"format": "nasbench device profile", "version": 1}', "is not a nasbench card"),
        ('{"format": "nasbench card", "version": 1}', "reads version 3 of cards; .* is version 1; .* search again"),
        ('{"format": "nasbench card", "version": 9}', "is version 9"),
        ('{"format": "nasbench card", "version": 3}', "its checksum differs"),
        (json.dumps(card().to_json() | {"target_ms": 30.0}), "was changed after it was written: its checksum differs"),
    ],
)
def test_what_is_no_card_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(DeviceError, match=rule):
        load_card(tmp_path / "card.json")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="No such file"):
        load_card(tmp_path / "none.json")
    (tmp_path / "card.json").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DeviceError, match="is damaged"):
        load_card(tmp_path / "card.json")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"genotype": known("mobilenet_v3_small").to_yaml()}, "a card holds the digest of its network"),
        ({"anchor": "0" * 16}, "another reference network"),
        ({"measured": {"median_ms": 1.0}}, "lacks a part of a card"),
        ({"device": {"kind": "cpu"}}, "a device is a mapping of"),
        ({"target_ms": "soon"}, "lacks a part of a card"),
        ({"genotype": "stem: [{op: cnov, width: 8}]"}, "cnov"),
    ],
)
def test_parts_that_do_not_fit_are_refused_even_with_a_right_checksum(change: dict[str, object], rule: str) -> None:
    body = {k: v for k, v in card().to_json().items() if k not in ("format", "version", "sha256")} | change
    data = {"format": module.FORMAT, "version": module.VERSION, "sha256": module.checksum(body), **body}
    with pytest.raises(NasbenchError, match=rule):
        Card.from_json(data)
