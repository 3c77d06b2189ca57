"""How studies and comparisons show themselves in a console and in a notebook."""

from __future__ import annotations

import pytest
from made_study import COMMAND, add_profile, add_summary, make_study, result, row

import nasbench as nb
from nasbench.analysis.display import command_text, final_table, to_html
from nasbench.errors import StudyWarning
from nasbench.study.directory import StudyDirectory

SEARCH = [result(0.70, 10), result(0.80, 12), result(None, 30)]
FINAL = [row("search 1", 12.4, 0.79, 0.82, winner=True), row("known mobilenet_v2", 22, 0.7, 0.74, test_accuracy=None)]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (COMMAND, "tiny on embedded, limit: latency 20 ms, evolution, seed 0"),
        (COMMAND | {"latency_ms": None}, "tiny on embedded, no limit, evolution, seed 0"),
        (COMMAND | {"macs": 300_000_000, "seed": 3}, "tiny on embedded, limit: latency 20 ms, 300M MACs, evolution, seed 3"),
        ({"kind": "scale fit", "network": "net.yaml", "data": "cifar10"}, "scale fit of net.yaml on cifar10"),
        ({}, "study of None on None"),
    ],
)
def test_the_task_of_a_study(command, text):
    assert command_text(command) == text


def test_a_study_in_a_console(tmp_path):
    path = make_study(tmp_path / "one", SEARCH, [result(0.6, 11)])
    assert repr(nb.open_study(path)).splitlines() == [
        f"Study {path}: not finished: `nasbench resume` continues it",
        "  tiny on embedded, limit: latency 20 ms, evolution, seed 0",
        "  search: 2 ok, 1 over_budget; best 80.0% at 12.0 ms (search 1)",
        "  random: 1 ok; best 60.0% at 11.0 ms (random 0)",
    ]
    add_profile(path)
    add_summary(path, FINAL)
    lines = repr(nb.open_study(path)).splitlines()
    assert lines[0] == f"Study {path}: finished"
    assert lines[2].startswith("  device: A machine")
    assert lines[-1] == "  winner: search 1, 80.5% at 12.4 ms"


def test_a_study_in_a_notebook(tmp_path):
    path = make_study(tmp_path / "one", SEARCH)
    page = nb.open_study(path)._repr_html_()
    assert "limit: latency 20 ms" in page
    assert f"`nasbench front {path}` draws the front" in page
    assert "<table" not in page  # there was no final round yet
    add_summary(path, FINAL)
    (path / "front.png").touch()
    page = nb.open_study(path)._repr_html_()
    assert f"picture of the front: {path / 'front.png'}" in page
    for cell in ("search 1 (winner)", "80.5% ± 1.5%", "12.4 ms", "known mobilenet_v2"):
        assert f"<td>{cell}</td>" in page


def test_a_study_that_has_just_begun_and_one_that_is_damaged(tmp_path):
    with StudyDirectory.create(tmp_path / "young", dict(COMMAND)):
        study = nb.open_study(tmp_path / "young")
        assert repr(study).splitlines()[0].endswith("in progress")
        assert repr(study).endswith("no trial yet")
    path = make_study(tmp_path / "one", SEARCH)
    (path / "ledger.db").write_bytes(b"no database at all" * 100)
    study = nb.open_study(path)
    with pytest.warns(StudyWarning):
        assert "damaged" in repr(study)
    assert "damaged" in study._repr_html_()


def test_the_final_round_as_a_table():
    table = final_table(FINAL)
    assert table.columns.tolist() == ["network", "accuracy", "test", "latency", "MACs", "parameters"]
    assert table["test"].tolist() == ["50.0%", ""]
    assert table["MACs"].tolist() == ["12.4M", "22M"]
    assert final_table([]).empty


def test_html_is_escaped():
    assert to_html("<a>", ["x < y & z"]) == "<div><strong>&lt;a&gt;</strong><ul><li>x &lt; y &amp; z</li></ul></div>"


def test_a_comparison(tmp_path):
    paths = [make_study(tmp_path / "a", SEARCH), make_study(tmp_path / "b", [result(0.72, 9)], device="there")]
    comparison = nb.compare_studies(paths, anyway=True)
    lines = repr(comparison).splitlines()
    assert lines[0] == "Comparison of a, b; hypervolumes from 20 ms and accuracy 0%"
    assert lines[3].split() == ["a", "tiny", "20.0", "2", "0.80", "12.0"]  # hypervolumes are left empty
    assert lines[5] == "  not comparable: latencies differ in device: here in a, there in b"
    assert lines[-1] == "  note: b is not finished"
    page = comparison._repr_html_()
    assert "not comparable: latencies differ in device" in page
    assert "<th>a</th>" in page
