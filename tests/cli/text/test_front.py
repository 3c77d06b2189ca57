"""Fronts as tables and as JSON."""

from __future__ import annotations

import json

import pytest
from made_study import make_study, result

import nasbench as nb
from nasbench.cli.text.front import front_json, fronts_json, show_front, show_fronts

SEARCH = [result(0.70, 10), result(0.80, 12), result(None, 30)]


@pytest.fixture
def lines(capsys):
    return lambda: [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_the_front_of_a_study(tmp_path, lines):
    show_front(nb.open_study(make_study(tmp_path / "a", SEARCH)))
    assert lines() == [
        "   trial  accuracy  latency  MACs  params",
        "search 0     70.0%  10.0 ms   10M      1k",
        "search 1     80.0%  12.0 ms   12M      1k",
        "hypervolume 7.800 ms x accuracy (reference 20 ms, accuracy 0%)",
    ]


def test_fronts_side_by_side(tmp_path, lines):
    paths = [make_study(tmp_path / "a", SEARCH), make_study(tmp_path / "b", latency_ms=None, macs=300_000_000)]
    show_fronts(nb.compare_studies(paths))
    printed = lines()
    assert printed[1].split() == ["a", "search", "0", "70.0%", "10.0", "ms", "10M", "1k"]
    table = printed[printed.index("") + 1 :]
    assert table[0].split() == ["study", "strategy", "limit", "trials", "cost", "best", "at", "final", "round", "hypervolume"]
    assert table[1].split()[:5] == ["a", "evolution", "20", "ms", "2"]
    assert table[2].split()[:4] == ["b", "evolution", "none", "0"]
    assert printed[-2:] == ["note: a is not finished", "note: b is not finished"]


def test_json_has_every_metric(tmp_path, capsys):
    study = nb.open_study(make_study(tmp_path / "a", SEARCH))
    front_json(study)
    front = json.loads(capsys.readouterr().out)
    assert [row["number"] for row in front] == [0, 1]
    assert list(front[0]) == ["phase", "number", "accuracy", "latency_ms", "macs", "params_count", "digest"]
    fronts_json(nb.compare_studies([study]))
    data = json.loads(capsys.readouterr().out)
    assert data["front"] == [{"study": "a", **row} for row in front]
    assert data["reference"] == {"latency_ms": 20.0, "accuracy": 0.0}
    assert data["studies"][0]["hypervolume_ms"] == pytest.approx(7.8)
