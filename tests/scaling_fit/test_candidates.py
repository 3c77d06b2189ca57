"""Candidates: the file reads back, also that of version 0.1, and the ledger gets what the analysis reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from growth_formula import GROWTH

from nasbench.errors import StudyError
from nasbench.genotype import digest
from nasbench.scaling_fit.candidates import read_candidates, write_candidates

OLD = Path(__file__).parents[1] / "assets" / "study-0.1-fit" / "candidates.json"


@pytest.fixture(scope="module")
def candidate():
    return GROWTH.nearest((0.5, 0.5, 0.0), 2.0, "mine")


def test_the_file_reads_back(candidate, tmp_path):
    write_candidates(tmp_path / "c.json", {"grid": [candidate], "curves": []})
    assert read_candidates(tmp_path / "c.json") == {"grid": [candidate], "curves": []}


def test_the_file_is_that_of_version_0_1(tmp_path):
    candidates = read_candidates(OLD)
    assert all(digest(c.network) == c.digest and c.within_tolerance for c in candidates["grid"])
    write_candidates(tmp_path / "c.json", candidates)
    assert json.loads((tmp_path / "c.json").read_text()) == json.loads(OLD.read_text())


@pytest.mark.parametrize("text", ["{", "[]", '{"grid": [{"direction": "lattice"}]}', '{"grid": 3}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(StudyError, match=r"c\.json; it cannot be read"):
        read_candidates(tmp_path / "c.json")


def test_the_record_has_a_latency_only_where_there_is_one(candidate):
    record = candidate.record(None)
    assert record["origin"].startswith("mine, 2 times the cost: depth, width, resolution ")
    assert record["shares"] == list(candidate.shares)
    assert "latency_ms" not in record
    assert candidate.record(3.5) == record | {"latency_ms": 3.5}
