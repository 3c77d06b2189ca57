"""The files of a family can be verified, and what an earlier run left is replaced."""

from __future__ import annotations

import json

import pytest
from paper_search import PAPER, REFERENCE_MS, Stopwatch, profile

from nasbench.genotype import Genotype, cost, digest
from nasbench.latency import Predictor, load_card
from nasbench.scaling import PUBLISHED
from nasbench.scaling_fit.family.candidates import family_candidates
from nasbench.scaling_fit.family.delivery import deliver_family
from nasbench.scaling_fit.family.finder import FamilyFinder
from nasbench.scaling_fit.family.member import Member
from nasbench.study.measurements import Measurements
from nasbench.zoo import known

BASE = known("mobilenet_v2")


@pytest.fixture(scope="module")
def candidates():
    return family_candidates(BASE, PUBLISHED, Predictor(profile("mbconv", lean=1.2, error=0.05)), 10.0, 20.0)


def members(candidates, tmp_path, watch, limits_ms):
    measurements = Measurements(tmp_path / "measurements.jsonl", REFERENCE_MS)
    return FamilyFinder(candidates, limits_ms, watch, measurements, lambda _: None).find()


def test_what_is_delivered_can_be_verified(candidates, tmp_path):
    found = members(candidates, tmp_path, Stopwatch(width=0.02), [10.0, 20.0])
    rows = deliver_family(tmp_path, BASE, PUBLISHED, found, PAPER)
    for member, row in zip(found, rows, strict=True):
        card = load_card(tmp_path / f"{member.limit_ms:g}ms" / "card.json")
        g = Genotype.from_yaml(tmp_path / f"{member.limit_ms:g}ms" / "genotype.yaml")
        assert card.digest == digest(g) == member.candidate.digest == row["digest"]
        assert card.met
        assert card.sure
        assert card.measured == member.again
        assert g.name == f"mobilenet_v2-{member.limit_ms:g}ms"
        assert row["macs"] == cost(g).macs
    stored = json.loads((tmp_path / "family.json").read_text())
    assert stored["members"] == json.loads(json.dumps(rows))
    assert stored["law"] == {"alpha": 1.2, "beta": 1.1, "gamma": 1.15}


def test_the_keys_of_a_member_stay(candidates, tmp_path):
    """Scripts and the picture read them."""
    (row, missed) = deliver_family(
        tmp_path, BASE, PUBLISHED, [*members(candidates, tmp_path, Stopwatch(width=0.02), [10.0]), Member(20.0, why="no")], PAPER
    )
    assert missed == {"target_ms": 20.0, "kept": False, "used": 0.0, "why": "no"}
    assert list(row) == [
        "target_ms", "kept", "used", "why", "phi", "depth", "width", "resolution", "nudged_px", "params", "macs", "activations", "layers",
        "digest", "predicted_ms", "measured", "again",
    ]  # fmt: skip


def test_files_of_a_limit_that_has_no_member_any_more_are_deleted(candidates, tmp_path):
    deliver_family(tmp_path, BASE, PUBLISHED, members(candidates, tmp_path, Stopwatch(width=0.02), [10.0]), PAPER)
    assert (tmp_path / "10ms" / "card.json").exists()
    deliver_family(tmp_path, BASE, PUBLISHED, [Member(10.0, why="no")], PAPER)
    assert not (tmp_path / "10ms" / "card.json").exists()
    assert not (tmp_path / "10ms" / "genotype.yaml").exists()


def test_without_a_measurement_the_card_has_none(candidates, tmp_path):
    deliver_family(tmp_path, BASE, PUBLISHED, members(candidates, tmp_path, None, [20.0]), PAPER)
    assert load_card(tmp_path / "20ms" / "card.json").measured is None
