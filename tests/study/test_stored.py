"""What a study's files hold is checked when they are read, and the message names the entry that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nasbench.errors import StudyError
from nasbench.study.directory import StudyDirectory
from nasbench.study.stored import COMMAND, PLAN, SUMMARY, check_stored

ROW = {"network": "search 3", "winner": True, "accuracy": 0.8, "latency_ms": 12, "macs": 10**9}
STUDIES = sorted((Path(__file__).parents[2] / "studies" / "data").iterdir()) + sorted(
    (Path(__file__).parents[1] / "assets").glob("study-*")
)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_stored_studies_of_every_kind_and_version_pass(path):
    command = yaml.safe_load((path / "study.yaml").read_text())["command"]
    assert check_stored(COMMAND, command, path, "") is command


@pytest.mark.parametrize(
    ("shape", "data", "message"),
    [
        (COMMAND, {"trials": "30"}, "f is damaged: trials is '30'; input should be a valid integer; restore it"),
        (COMMAND, {"latency_ms": -1.0}, "latency_ms is -1.0; input should be greater than 0"),
        (COMMAND, {"latency_ms": float("nan")}, "latency_ms is nan; input should be a finite number"),
        (COMMAND, {"macs": 10**400}, "macs is 1000.*; input should be less than or equal to"),
        (COMMAND, {"rungs": [1, None]}, r"rungs\.1 is None"),
        (PLAN, {"final_runs": []}, r"final_runs is \[\]"),
        (PLAN, [], r"it is \[\]"),
        (SUMMARY, [ROW, ROW | {"accuracy": "high"}], r"1\.accuracy is 'high'"),
        (SUMMARY, [ROW | {"accuracy_seeds": []}], r"0\.accuracy_seeds is \[\]"),
        (SUMMARY, [{"network": "search 3"}], r"0\.winner is .*; field required"),
        (SUMMARY, {"a": 1}, "it is {'a': 1}"),
    ],
)
def test_what_is_wrong_is_named(shape, data, message):
    with pytest.raises(StudyError, match=message):
        check_stored(shape, data, Path("f"), "restore it")


def test_further_entries_are_allowed_and_kept():
    rows = [ROW | {"peak": [1, 2]}]
    assert check_stored(SUMMARY, rows, Path("f"), "") == [ROW | {"peak": [1, 2]}]
    assert check_stored(COMMAND, {"new": {"a": 1}, "latency_ms": 20}, Path("f"), "") == {"new": {"a": 1}, "latency_ms": 20}


def test_a_study_with_a_damaged_command_is_refused_in_one_line(tmp_path):
    StudyDirectory.create(tmp_path / "a", {"trials": 30}).close()
    file = tmp_path / "a" / "study.yaml"
    file.write_text(file.read_text().replace("trials: 30", "trials: [30]"))
    with pytest.raises(StudyError, match=r"study.yaml is damaged: trials is \[30\]; .*; restore it from a copy, or choose another --name"):
        StudyDirectory.open(tmp_path / "a")
