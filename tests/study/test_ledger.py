"""The ledger: one Optuna file with a study for each phase."""

from __future__ import annotations

import os

import optuna
import pytest
from toy_search import chain, open_phase, run

from nasbench.errors import StudyError
from nasbench.strategies import make_strategy
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger


def test_a_closed_study_is_one_ordinary_optuna_file(closed_study):
    assert sorted(os.listdir(closed_study)) == ["driver.lock", "ledger.db", "ledger.jsonl", "study.yaml"]
    loaded = optuna.load_study(storage=f"sqlite:///{closed_study / 'ledger.db'}", study_name="search")
    assert [t.state.name for t in loaded.trials] == ["COMPLETE"] * 5
    assert loaded.best_trial.user_attrs["accuracy"] == loaded.best_value


def test_readers_see_what_the_driver_stored(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        run(phase, 3)
        phase.ask(chain)
        with Ledger.open(StudyDirectory.open(tmp_path / "study"), write=False) as reader:
            assert reader.records() == phase.records()
            assert reader.phases() == {"search": ("maximize",)}
            assert [t.status for t in reader.records("search")] == ["ok"] * 3 + ["running"]
            assert reader.records("no such phase") == []


def test_phases_do_not_see_each_other(closed_study):
    with StudyDirectory.open(closed_study) as directory, Ledger.open(directory) as ledger:
        other = ledger.phase("random", ["maximize"], make_strategy("random", 3), 3)
        trial = other.ask(chain)
        assert trial.number == 0
        assert other.find(ledger.records("search")[0].digest) is None
        assert trial.network.to_yaml() != ledger.records("search")[0].genotype, "two phases of one seed propose the same networks"
        assert [(t.phase, t.number) for t in ledger.records()] == [("search", i) for i in range(5)] + [("random", 0)]


@pytest.mark.parametrize(
    ("directions", "strategy", "seed", "match"),
    [
        (["minimize"], make_strategy("random", 3), 3, r"directions: \['maximize'\] there, \['minimize'\] now"),
        (["maximize", "minimize"], make_strategy("random", 3), 3, "directions"),
        (["maximize"], make_strategy("tpe", 3), 3, "strategy: .*random.* there, .*tpe.* now"),
        (["maximize"], make_strategy("random", 4), 3, "strategy: .*'seed': 3.* there, .*'seed': 4"),
        (["maximize"], None, 3, "strategy: .* there, None now"),
        (["maximize"], make_strategy("random", 3), 5, "seed: 3 there, 5 now"),
    ],
)
def test_a_phase_continues_as_it_began(directions, strategy, seed, match, closed_study):
    with Ledger.open(StudyDirectory.open(closed_study)) as ledger, pytest.raises(StudyError, match=match):
        ledger.phase("search", directions, strategy, seed)


@pytest.mark.parametrize("content", [None, b""])
def test_a_lost_file_is_not_begun_anew(content, closed_study):
    directory = StudyDirectory.open(closed_study)
    (directory.path / "trials" / "search-0000").mkdir(parents=True)
    (closed_study / "ledger.jsonl").unlink()
    (closed_study / "ledger.db").unlink()
    if content is not None:
        (closed_study / "ledger.db").write_bytes(content)
    with pytest.raises(StudyError, match=r"ledger.db is gone or empty, but .*trials is not; restore the file"):
        Ledger.open(directory)


def test_reading_a_study_without_a_file(tmp_path):
    StudyDirectory.create(tmp_path / "study", {}).close()
    with pytest.raises(StudyError, match=r"ledger.db is missing"):
        Ledger.open(StudyDirectory.open(tmp_path / "study"), write=False)
