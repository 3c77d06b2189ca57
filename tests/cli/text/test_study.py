from __future__ import annotations

import json
from pathlib import Path

from made_study import make_study, result

import nasbench as nb
from nasbench.analysis.plots.study import save_front
from nasbench.cli.text.study import results


def test_only_files_that_are_there_are_named(tmp_path: Path) -> None:
    """A search under `--macs` has no card, and one without a winner nothing in `best`."""
    (tmp_path / "best").mkdir()
    assert results(tmp_path) == []
    for name in ("front.png", "best/genotype.yaml"):
        (tmp_path / name).touch()
    assert results(tmp_path) == ["front.png", "best/genotype.yaml"]


def test_a_search_that_trained_nobody_to_the_end_before_its_last_round_has_a_picture(tmp_path: Path) -> None:
    stopped = result(0.7, 9) | {"status": "stopped", "epochs": 1, "rungs": [1, 3]}
    path = make_study(tmp_path / "one", [stopped], latency="20ms")
    final = {"network": "search 0", "winner": True, "accuracy": 0.8, "accuracy_seeds": [0.79, 0.81], "latency_ms": 9.1, "digest": "d"}
    (path / "summary.json").write_text(json.dumps([final]))
    study = nb.open_study(path)
    assert study.front().empty
    assert study.write_front().read_text().startswith("phase,number,status,accuracy")
    assert save_front(study).read_bytes().startswith(b"\x89PNG")
    assert results(path) == ["front.png", "front.csv"]
