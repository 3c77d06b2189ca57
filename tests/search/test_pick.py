"""Another network for another limit: the best of a study that keeps it, measured, in a folder of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from made_study import add_profile, make_study, measurement, result
from paper_search import Silent

import nasbench as nb
from nasbench.analysis import picking
from nasbench.analysis.study import open_study
from nasbench.analysis.training import run_train
from nasbench.errors import LimitError, StudyError
from nasbench.genotype import cost, digest
from nasbench.latency import Predictor, load_card
from nasbench.search.final.evaluated import Evaluated
from nasbench.search.limits import Limits
from nasbench.search.pick import pick_network
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.snapshot import copy_study
from nasbench.training.delivery.config import train_config

ACCURACIES = (0.61, 0.70, 0.66, 0.52, 0.75, 0.58, 0.71, 0.64)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Random search has met the first three networks of the search again."""
    path = tmp_path / "study"
    records = [result(accuracy) for accuracy in ACCURACIES]
    make_study(path, [*records[:5], result(), result(0.99, status="failed", reason="it ended")], records[5:], reward="hard", known=[])
    return path


def networks(study: Path) -> list[nb.Genotype]:
    """Those that were evaluated to the end, each once."""
    found = {t.digest: nb.Genotype.from_yaml(t.genotype) for t in open_study(study).records() if t.status == "ok"}
    return list(found.values())


def as_predicted(study: Path, **slower: float):
    """Measures what the profile predicts; some networks, by digest, are slower by a factor. Notes what it measured."""
    predictor, measured = Predictor(add_profile(study)), []

    def measure(several, weights=None, /):
        measured.extend(digest(g) for g in several.values())
        return {name: measurement(predictor.predict(g).ms * slower.get(digest(g), 1.0)) for name, g in several.items()}

    return measure, measured, {digest(g): predictor.predict(g).ms for g in networks(study)}


def test_the_best_within_a_limit_is_picked_for_every_limit(study):
    """By brute force over the networks, with what the phases of the ledger let expect of them.

    These know the options that no trial has taken, so that what they expect differs a little.
    """
    with Ledger.open(StudyDirectory.open(study)) as ledger:
        evaluated = Evaluated([ledger.phase(name, ["maximize"]) for name in ("search", "random")])
        expected = {digest(g): evaluated.expected(digest(g)) for g in networks(study)}
    macs = sorted(cost(g).macs for g in networks(study))
    assert max(expected.values()) - min(expected.values()) > 0.05
    for limit in macs:
        within = [g for g in networks(study) if cost(g).macs <= limit]
        pick, _ = pick_network(study, Limits(macs=limit), None, print)
        assert pick.result.finalist.digest == max(map(digest, within), key=expected.__getitem__)
        assert pick.result.expected == pytest.approx(expected[pick.result.finalist.digest], abs=0.005)
        assert (pick.inside, pick.evaluated) == (len(within), len(networks(study)))
        assert digest(nb.Genotype.from_yaml(pick.path / "best" / "genotype.yaml")) == pick.result.finalist.digest
    assert len({path.name for path in (study / "picks").iterdir()}) == len(set(macs))


def test_what_is_handed_over_was_measured_within_the_limit(study):
    """The best one is slower than predicted and misses the limit, so the next best takes its place; the same again measures nothing."""
    _, _, predicted = as_predicted(study)
    limit = max(predicted.values()) * 1.2
    first, _ = pick_network(study, Limits(latency_ms=limit), None, print, as_predicted(study)[0])
    best = first.result.finalist.digest
    said: list[str] = []
    measure, measured, _ = as_predicted(study, **{best: 3.0})
    pick, _ = pick_network(study, Limits(latency_ms=1.1 * limit), None, said.append, measure)
    assert measured == [best, pick.result.finalist.digest]
    assert any("the next best takes its place" in line for line in said)
    card = load_card(pick.path / "best" / "card.json")
    assert card.limit_ms == 1.1 * limit
    assert card.measured.high_ms <= card.limit_ms
    again, _ = pick_network(study, Limits(latency_ms=1.1 * limit), None, print, measure)
    assert again.result.finalist.digest == pick.result.finalist.digest
    assert len(measured) == 2


def test_where_none_keeps_the_limit_the_nearest_is_named(study):
    smallest = min(networks(study), key=lambda g: cost(g).macs)
    pick, _ = pick_network(study, Limits(macs=cost(smallest).macs - 1), None, print)
    assert (pick.result, pick.inside) == (None, 0)
    assert pick.nearest[1].macs == cost(smallest).macs
    assert not pick.path.exists()
    measure, _, predicted = as_predicted(study, **dict.fromkeys(map(digest, networks(study)), 9.0))
    none, _ = pick_network(study, Limits(latency_ms=max(predicted.values()) * 1.2), None, print, measure)
    assert none.result is None
    assert none.inside == len(networks(study))
    assert not (none.path / "best").exists()


def test_a_copy_of_a_study_gives_the_same(study, tmp_path):
    limit = sorted(cost(g).macs for g in networks(study))[4]
    copy_study(StudyDirectory.open(study), tmp_path / "copy")
    picks = [pick_network(path, Limits(macs=limit), None, print)[0] for path in (study, tmp_path / "copy")]
    assert len({pick.result.finalist.digest for pick in picks}) == 1


def test_what_cannot_be_is_one_line(study, tmp_path):
    with pytest.raises(LimitError, match="a network is picked by a limit; got none; give --latency 8ms"):
        pick_network(study, Limits(), None, print)
    with pytest.raises(LimitError, match="has no profile of one"):
        pick_network(study, Limits(latency_ms=5.0), None, print)
    make_study(tmp_path / "empty", reward="hard", known=[])
    with pytest.raises(StudyError, match="has none yet"):
        pick_network(tmp_path / "empty", Limits(macs=10**9), None, print)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(StudyError, match="holds something else; name another one with --out"):
        pick_network(study, Limits(macs=10**9), tmp_path / "mine", print)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    pick_network(study, Limits(macs=10**9), tmp_path / "out", print)
    before = (tmp_path / "out" / "pick.json").read_bytes()
    with pytest.raises(StudyError, match="holds something else"):
        pick_network(study, Limits(macs=10**8), tmp_path / "out", print)
    assert (tmp_path / "out" / "pick.json").read_bytes() == before


def test_it_is_trained_for_use_in_its_own_folder(study, monkeypatch):
    """And the winner of the study is left as it is."""
    asked = []

    def trains(training, folder, listener, began):
        asked.append((training.network, training.time_s, folder))
        recipe = {"images": 64, "batch_size": 16, "calibration": 0}
        return run_train(train_config(training.network, recipe=recipe, epochs=1, threads=1), folder, listener, began)

    monkeypatch.setattr("nasbench.analysis.training.run_train", trains)
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    pick = picking.run_pick(study, Limits(macs=10**9), None, 60.0, Silent())
    ((network, seconds, folder),) = asked
    assert digest(network) == pick.result.finalist.digest
    assert seconds == 48.0
    assert folder.is_relative_to(pick.path)
    assert pick.trained().test_accuracy is not None
    assert {"model.py", "predict.py", "weights.safetensors"} <= {path.name for path in (pick.path / "best").iterdir()}
    assert {path: path.read_bytes() for path in before} == before
    picking.run_pick(study, Limits(macs=10**9), None, 60.0, Silent())
    assert len(asked) == 1
    shutil.rmtree(pick.path)
    assert picking.run_pick(study, Limits(macs=10**9), None, None, Silent()).result is not None
    assert len(asked) == 1, "the study trains no winner, so its picks are not trained unless that is asked for"
    assert json.loads((pick.path / "pick.json").read_text())["limits"]["macs"] == 10**9
