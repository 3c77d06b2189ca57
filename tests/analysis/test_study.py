"""Studies as frames, whether they have just begun, run, were killed or are finished: columns, best trial, hypervolume."""

from __future__ import annotations

import math
import sqlite3

import pandas as pd
import pytest
from made_study import COMMAND, add_summary, add_trials, make_study, result, row

import nasbench as nb
from nasbench.analysis.trial_frame import RESULTS
from nasbench.errors import NasbenchError, StudyError
from nasbench.spaces import load_space
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger

SEARCH = [result(0.70, 10), result(0.80, 12), result(0.75, 14), result(None, 30), None]
RANDOM = [result(0.60, 11), result(0.90, 9, status="infeasible")]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("frames") / "one", SEARCH, RANDOM)


def test_a_row_for_each_trial_with_its_results(path):
    df = nb.open_study(path).trials()
    assert list(df["phase"]) == ["search"] * 5 + ["random"] * 2
    assert list(df["status"]) == ["ok", "ok", "ok", "over_budget", "running", "ok", "infeasible"]
    assert df["accuracy"].tolist()[:3] == [0.70, 0.80, 0.75]
    assert df["macs"].tolist()[:3] == [10_000_000, 12_000_000, 14_000_000]  # whole numbers, though some trials have none
    assert df["latency_high_ms"].tolist()[:2] == [pytest.approx(11), pytest.approx(13.2)]
    assert pd.isna(df["accuracy"].iloc[3])
    assert pd.isna(df["macs"].iloc[4])
    assert set(RESULTS) <= set(df.columns)
    assert df.columns[-1] == "genotype"


def test_each_parameter_of_the_space_is_a_column_with_its_value(path):
    study, space = nb.open_study(path), load_space("tiny")
    df = study.trials()
    for record in df.to_dict("records"):
        values = space.encode(nb.Genotype.from_yaml(record["genotype"]))
        shown = {k: record[k] for k in study.fields() if not pd.isna(record[k])}
        assert shown == {k: "null" if v is None else v for k, v in values.items()}
    assert "null" in set(df["stages.1.0.se"])  # a null is a value, and differs from a missing one
    assert df["stages.0.0.mbconv.kernel"].isna().any()  # a trial without the parameter has no value


def test_one_phase(path):
    study = nb.open_study(path)
    assert len(study.trials("random")) == 2
    assert study.trials("final").empty


def test_a_result_with_the_name_of_a_parameter_keeps_its_column(tmp_path):
    folder = make_study(tmp_path / "one", [result(0.7, 10, **{"stages.1.0.kernel": 99})])
    df = nb.open_study(folder).trials()
    assert df["stages.1.0.kernel"].tolist() == [99]
    assert df["field.stages.1.0.kernel"].iloc[0] in (3, 5)


def test_the_front_is_of_both_phases_and_says_which_found_a_network(tmp_path):
    """A network of random search that no other dominates is on the front, in its file, and the best so far."""
    found = [result(0.78, 2.9), result(0.80, 12)]
    study = nb.open_study(make_study(tmp_path / "one", found, [result(0.798, 4.7), result(0.81, 15), result(0.5, 9)]))
    expected = [("search", 0), ("random", 0), ("search", 1), ("random", 1)]
    assert list(zip(study.front()["phase"], study.front()["number"], strict=True)) == expected
    stored = pd.read_csv(study.write_front())
    assert list(zip(stored["phase"], stored["number"], strict=True)) == expected
    assert list(study.front(phase="search")["number"]) == [0, 1]
    assert (study.best()["phase"], study.best()["number"]) == ("random", 1)
    assert study.hypervolume().ms == pytest.approx(1.8 * 0.78 + 7.3 * 0.798 + 3 * 0.80 + 5 * 0.81)
    assert study.hypervolume(phase="search").ms == pytest.approx(9.1 * 0.78 + 8 * 0.80)


def test_the_final_round_is_not_on_the_front(tmp_path):
    """Its trials have other seeds, and know networks that no phase found."""
    path = make_study(tmp_path / "one", [result(0.7, 10)])
    with StudyDirectory.open(path) as folder, Ledger.open(folder) as ledger:
        add_trials(ledger, "final", [result(0.9, 5)])
    study = nb.open_study(path)
    assert list(study.front()["phase"]) == ["search"]
    assert list(study.front(phase="final")["accuracy"]) == [0.9]


def test_the_front_holds_only_what_was_trained_and_keeps_the_limits(path):
    study = nb.open_study(path)
    assert list(study.front()["number"]) == [0, 1]
    assert list(study.front(phase="random")["number"]) == [0]  # 90 % at 9 ms breaks a limit
    assert list(study.front(minimize=["params_count"])["number"]) == [1]
    with pytest.raises(NasbenchError, match="latency_ms"):
        study.front(minimize=["latency_mss"])


def test_trials_that_stopped_at_a_rung_are_not_on_the_front(tmp_path):
    stopped = result(0.99, 5, status="infeasible") | {"status": "stopped", "accuracy": 0.99, "rungs": [1, 3], "epochs": 3}
    study = nb.open_study(make_study(tmp_path / "one", [result(0.7, 10), stopped]))
    assert list(study.trials()["status"]) == ["ok", "stopped"]
    assert list(study.front()["number"]) == [0]
    assert study.best()["number"] == 0
    assert study.trials()["epochs"].tolist()[1] == 3
    assert "rungs" not in study.trials().columns  # a list is not a column


def test_best_is_the_best_so_far_and_later_the_winner(tmp_path):
    path = make_study(tmp_path / "one", SEARCH, RANDOM)
    study = nb.open_study(path)
    assert (study.best()["number"], study.best()["winner"]) == (1, False)
    assert math.isnan(study.best()["final_accuracy"])
    add_summary(path, [row("search 2", 14.2, 0.81, 0.83, winner=True, digest=study.trials()["digest"][2])])
    best = study.best()
    assert (best["number"], best["winner"], best["measured_ms"]) == (2, True, 14.2)
    assert best["final_accuracy"] == pytest.approx(0.82)


def test_best_is_a_network_of_random_search_where_that_won(tmp_path):
    study = nb.open_study(make_study(tmp_path / "one", SEARCH, RANDOM))
    trial = study.trials("random").iloc[0]
    add_summary(study.path, [row(f"random {trial['number']}", 9.0, 0.95, winner=True, digest=trial["digest"])])
    best = study.best()
    assert (best["phase"], best["number"], best["winner"], best["final_accuracy"]) == ("random", trial["number"], True, 0.95)


def test_a_winner_on_a_device_elsewhere_was_not_measured(tmp_path):
    study = nb.open_study(make_study(tmp_path / "one", SEARCH))
    add_summary(study.path, [row("search 2", 14.2, 0.8, winner=True, digest=study.trials()["digest"][2], measured=False)])
    assert math.isnan(study.best()["measured_ms"])


class TestYoung:
    """A study before its first trial, in each state a driver leaves on its way."""

    def looks_empty(self, study):
        assert study.trials().empty
        assert "accuracy" in study.trials().columns
        assert study.front().empty
        assert study.best() is None
        assert study.hypervolume().ms == 0
        assert study.fields() == []
        assert study.summary() == []
        assert study.device == ""

    def test_without_a_ledger(self, tmp_path):
        with StudyDirectory.create(tmp_path / "one", dict(COMMAND)):
            study = nb.open_study(tmp_path / "one")
            assert study.driver is not None
            self.looks_empty(study)
        assert nb.open_study(tmp_path / "one").driver is None

    def test_with_an_empty_file(self, tmp_path):
        with StudyDirectory.create(tmp_path / "one", dict(COMMAND)) as folder:
            folder.ledger.touch()
        self.looks_empty(nb.open_study(tmp_path / "one"))

    def test_with_tables_half_made(self, tmp_path):
        with StudyDirectory.create(tmp_path / "one", dict(COMMAND)) as folder, sqlite3.connect(folder.ledger) as connection:
            connection.execute("CREATE TABLE studies (study_id INTEGER)")
        self.looks_empty(nb.open_study(tmp_path / "one"))

    def test_with_tables_and_no_phase(self, tmp_path):
        with StudyDirectory.create(tmp_path / "one", dict(COMMAND)) as folder, Ledger.open(folder):
            self.looks_empty(nb.open_study(tmp_path / "one"))

    def test_without_a_profile_nothing_is_predicted(self, tmp_path):
        with pytest.raises(StudyError, match=r"profile\.json"):
            nb.open_study(make_study(tmp_path / "one")).predictor()


def test_a_lost_ledger_is_no_young_study(tmp_path):
    path = make_study(tmp_path / "one", SEARCH)
    (path / "trials" / "search-0000").mkdir(parents=True)
    (path / "ledger.jsonl").unlink()
    (path / "ledger.db").write_bytes(b"")
    with pytest.raises(StudyError, match="gone or empty"):
        nb.open_study(path).trials()


def test_a_damaged_ledger_is_an_error(tmp_path):
    path = make_study(tmp_path / "one", SEARCH)
    (path / "ledger.jsonl").unlink()
    (path / "ledger.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StudyError, match="damaged"):
        nb.open_study(path).trials()


def test_reading_while_the_driver_writes(tmp_path):
    """Each look sees whole trials; nothing of the reader's is left behind, and the driver is not held up."""
    with StudyDirectory.create(tmp_path / "one", dict(COMMAND)) as folder, Ledger.open(folder) as ledger:
        for count in range(1, 5):
            add_trials(ledger, "search", [result(0.5 + count / 100, 10 + count)])
            df = nb.open_study(tmp_path / "one").trials()
            assert len(df) == count
            assert set(df["status"]) == {"ok"}
    assert {p.name for p in (tmp_path / "one").iterdir()} == {"study.yaml", "driver.lock", "ledger.db", "ledger.jsonl"}
