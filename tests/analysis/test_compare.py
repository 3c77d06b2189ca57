"""Several studies as one: when they may be compared, and against what."""

from __future__ import annotations

import json
import math

import pytest
from made_study import COMMAND, add_profile, add_summary, make_study, result, row

import nasbench as nb
from nasbench.analysis.compare import Comparison
from nasbench.errors import StudyError
from nasbench.latency.predicting.profile import MEASURED_ALIKE

A = [result(0.70, 10), result(0.80, 12), result(0.75, 14)]
B = [result(0.65, 6), result(0.72, 9)]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    base = tmp_path_factory.mktemp("compare")
    return [
        make_study(base / "a", A),
        make_study(base / "b", B, latency_ms=10.0),
        make_study(base / "c", [result(0.85, 17, constraints={})], latency_ms=None, macs=200_000_000),
    ]


@pytest.fixture(scope="module")
def comparison(paths) -> Comparison:
    return nb.compare_studies(paths)


def test_one_frame_with_the_study_first(comparison):
    df = comparison.trials("search")
    assert df.columns[0] == "study"
    assert df.columns[-1] == "genotype"
    assert df.groupby("study").size().to_dict() == {"a": 3, "b": 2, "c": 1}


def test_fronts_are_each_studys_own(comparison, paths):
    df = comparison.front()
    for path in paths:
        mine = df[df["study"] == path.name]
        assert list(mine["number"]) == list(nb.open_study(path).front()["number"])
    together = nb.pareto_front(df, minimize=["latency_ms"], maximize=["accuracy"])
    assert list(together["latency_ms"]) == [6, 9, 12, 17]


def test_hypervolumes_have_one_reference(comparison):
    assert comparison.reference == (20.0, 0.0)  # the largest limit
    volumes = comparison.hypervolumes()
    assert volumes["a"].ms == pytest.approx(2 * 0.70 + 8 * 0.80)
    assert volumes["b"].ms == pytest.approx(3 * 0.65 + 11 * 0.72)  # beyond its own limit its networks still count
    assert volumes["c"].ms == pytest.approx(3 * 0.85)
    assert {(v.latency_ms, v.accuracy) for v in volumes.values()} == {comparison.reference}


def test_a_phase_can_be_compared_alone(tmp_path):
    paths = [make_study(tmp_path / "a", A, [result(0.78, 5)]), make_study(tmp_path / "b", B)]
    comparison = nb.compare_studies(paths)
    front = comparison.front()
    assert list(front[front["study"] == "a"]["phase"]) == ["random", "search"]
    assert comparison.hypervolumes()["a"].ms == pytest.approx(7 * 0.78 + 8 * 0.80)
    assert comparison.hypervolumes("search")["a"].ms == pytest.approx(2 * 0.70 + 8 * 0.80)
    assert list(comparison.front(phase="search")["phase"].unique()) == ["search"]
    assert comparison.table()["trials"].tolist() == [4, 2]
    assert comparison.table("search")["trials"].tolist() == [3, 2]


def test_the_table(comparison):
    df = comparison.table()
    assert list(df.index) == ["a", "b", "c"]
    assert df["trials"].tolist() == [3, 2, 1]
    assert df["cost_s"].tolist() == [90, 60, 30]
    assert df["accuracy"].tolist() == [0.80, 0.72, 0.85]
    assert df["limit_ms"].tolist()[:2] == [20.0, 10.0]
    assert math.isnan(df["limit_ms"]["c"])
    assert df["hypervolume_ms"].tolist() == [v.ms for v in comparison.hypervolumes().values()]


def test_without_limits_the_slowest_of_all_is_the_reference(tmp_path):
    paths = [make_study(tmp_path / name, some, latency_ms=None) for name, some in (("a", A), ("b", B))]
    assert nb.compare_studies(paths).reference == (14.0, 0.0)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"device": "there"}, ("latencies differ in device", "here in a", "there in b")),
        ({"images": "cifar10, def"}, ("accuracies differ in images", "cifar10")),
        ({"recipe": {"epochs": 3, "lr": 0.1}}, ("accuracies differ in recipe", "{'epochs': 2} in a", "{'epochs': 3} in b")),
    ],
)
def test_what_cannot_be_compared_is_refused_or_said(tmp_path, change, parts):
    paths = [make_study(tmp_path / "a", A), make_study(tmp_path / "b", B, **change)]
    with pytest.raises(StudyError, match="anyway") as caught:
        nb.compare_studies(paths)
    for part in parts:
        assert part in str(caught.value)
    assert "lr" not in str(caught.value)  # alike in both
    allowed = nb.compare_studies(paths, anyway=True)
    assert all(part in allowed.differences[0] for part in parts)
    assert all(math.isnan(v.ms) for v in allowed.hypervolumes().values())
    assert len(allowed.front()) == 4


@pytest.mark.parametrize("change", [{"strategy": "tpe"}, {"space": "mbconv"}, {"latency_ms": 5.0}, {"workers": 8}, {"time_s": 60.0}])
def test_what_may_differ(tmp_path, change):
    assert nb.compare_studies([make_study(tmp_path / "a", A), make_study(tmp_path / "b", B, **change)]).differences == []


def test_notes_say_what_may_explain_a_difference(tmp_path):
    paths = [make_study(tmp_path / "a", A), make_study(tmp_path / "b", B, seed=1)]
    add_summary(paths[0], [row("search 1", 12, 0.8, winner=True)])
    notes = nb.compare_studies(paths).notes
    assert "seeds differ" in notes[0]
    assert notes[1:] == ["b is not finished"]


def test_folders_of_one_name(tmp_path):
    paths = [make_study(tmp_path / folder / "s", A) for folder in ("x", "y")]
    assert list(nb.compare_studies(paths).studies) == ["x/s", "y/s"]
    with pytest.raises(StudyError, match="once"):
        nb.compare_studies([paths[0], paths[0]])


def test_nothing_to_compare(tmp_path):
    with pytest.raises(StudyError, match="at least one"):
        nb.compare_studies([])
    with pytest.raises(StudyError, match=r"study\.yaml"):
        nb.compare_studies([tmp_path])


def test_young_studies_are_compared_as_empty(tmp_path):
    paths = [make_study(tmp_path / "a"), make_study(tmp_path / "b", A)]
    both = nb.compare_studies(paths)
    assert both.hypervolumes()["a"].ms == 0
    assert both.table().loc["a", "trials"] == 0
    assert set(both.trials()["study"]) == {"b"}
    neither = nb.compare_studies([paths[0]])
    assert neither.trials().empty
    assert neither.front().empty
    assert neither.front().columns[0] == "study"


def test_the_command_is_what_is_compared():
    assert {"device", "images", "recipe"} <= set(COMMAND)


def test_latencies_of_another_measuring_process_are_not_compared(tmp_path):
    paths = [make_study(tmp_path / "a", A), make_study(tmp_path / "b", B)]
    for path in paths:
        add_profile(path)
    assert nb.compare_studies(paths).differences == []
    old = paths[1] / "profile.json"
    old.write_text(json.dumps(json.loads(old.read_text()) | {"version": MEASURED_ALIKE}))
    assert nb.compare_studies(paths).differences == []
    old.write_text(json.dumps(json.loads(old.read_text()) | {"version": 2}))
    with pytest.raises(StudyError, match=f"latencies differ in the version of the measuring process: {MEASURED_ALIKE} in a, 2 in b"):
        nb.compare_studies(paths)
