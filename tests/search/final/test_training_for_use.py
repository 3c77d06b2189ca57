"""The winner is trained for use in the time that is left, and delivered in `best/`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from paper_search import Silent

import nasbench as nb
from nasbench.errors import NasbenchError, StudyError
from nasbench.files import write_atomic
from nasbench.genotype import digest
from nasbench.latency import Prediction, load_card, local_device, make_card, save_card
from nasbench.search.config import TRAIN_SHARE, SearchConfig
from nasbench.search.final import training_for_use as module
from nasbench.search.final.repeats import MEASURING_S, REPORT_S, after_s
from nasbench.search.final.training_for_use import seconds_of_training
from nasbench.search.final.training_for_use import train_for_use as train_network_for_use
from nasbench.search.limits import Limits
from nasbench.search.options import search_config
from nasbench.study.delivery import TRAINING_FILE, Delivery, delivered
from nasbench.training.images import VALIDATION_WORDS

WINNER = nb.adapt(nb.space("tiny").sample(3), classes=10)
DATA = {"splits": {"validation": {"from": VALIDATION_WORDS}, "test": {"images": 2000}}}
RECIPE = {"images": 64, "batch_size": 16, "calibration": 0}


def config(**more) -> SearchConfig:
    return SearchConfig(space="tiny", limits=Limits(macs=10**9), **more)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_atomic(tmp_path / "study.yaml", "format: nasbench study\n")
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "genotype.yaml").write_text(WINNER.to_yaml())
    (tmp_path / "best" / "weights.safetensors").write_bytes(b"of the short training")
    return tmp_path


def train_for_use(config, study, *more):
    winner = nb.Genotype.from_yaml(study / "best" / "genotype.yaml")
    train_network_for_use(config, study, winner, *more)


class Trains:
    """Trains one short epoch in place of the time, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked = []

    def __call__(self, training, folder, listener, began):
        self.asked.append((training, folder))
        return nb.train(WINNER, recipe=RECIPE, epochs=1, threads=1, out=folder, progress=False)


def test_the_winner_is_trained_and_delivered_once(study):
    run, listener = Trains(), Silent()
    train_for_use(config(time_s=300.0), study, DATA, 10.0, run, listener)
    ((training, folder),) = run.asked
    assert digest(training.network) == digest(WINNER)
    assert training.time_s == seconds_of_training(TRAIN_SHARE * 300) == 96
    assert training.validation == "none", "it trains on all training images, since there are test images"
    assert folder.parent == study / "training"
    best = study / "best"
    assert (best / "weights.safetensors").read_bytes() != b"of the short training"
    assert {"model.py", "predict.py", "MODEL_CARD.md", "preprocess.json", "summary.json"} <= {path.name for path in best.iterdir()}
    assert (best / "genotype.yaml").read_text() == WINNER.to_yaml(), "with the input for which a limit holds"
    summary = delivered(study, digest(WINNER))
    assert summary["test"]["images"] == 2000
    assert json.loads((best / "summary.json").read_text()) == summary
    train_for_use(config(time_s=300.0), study, DATA, 10.0, run, listener)
    assert len(run.asked) == 1


def test_what_is_left_of_the_time_is_used(study):
    run = Trains()
    train_for_use(config(time_s=300.0), study, DATA, 200.0, run, Silent())
    assert run.asked[0][0].time_s == seconds_of_training(200.0) == 170


def test_an_interrupted_training_goes_on_with_the_same_time(study):
    def interrupted(training, folder, listener, began):
        asked.append((training.time_s, folder))
        raise KeyboardInterrupt

    asked, run = [], Trains()
    with pytest.raises(KeyboardInterrupt):
        train_for_use(config(time_s=300.0), study, DATA, 170.0, interrupted, Silent())
    assert delivered(study, digest(WINNER)) is None
    assert (study / "best" / "weights.safetensors").read_bytes() == b"of the short training"
    train_for_use(config(time_s=300.0), study, DATA, 0.0, run, Silent())
    assert [(training.time_s, folder) for training, folder in run.asked] == asked


def test_an_extended_study_trains_it_longer(study):
    run, given = Trains(), (300.0, 300.0, 3600.0, 3600.0)
    for time_s in given:
        train_for_use(config(time_s=time_s), study, DATA, 0.0, run, Silent())
    assert [training.time_s for training, _ in run.asked] == [seconds_of_training(TRAIN_SHARE * time_s) for time_s in given[::2]]


def test_another_winner_is_trained_anew(study):
    run = Trains()
    train_for_use(config(time_s=300.0), study, DATA, 0.0, run, Silent())
    other = nb.adapt(nb.space("tiny").sample(4), classes=10)
    (study / "best" / "genotype.yaml").write_text(other.to_yaml())
    train_for_use(config(time_s=300.0), study, DATA, 0.0, run, Silent())
    assert [digest(training.network) for training, _ in run.asked] == [digest(WINNER), digest(other)]
    assert len({folder for _, folder in run.asked}) == 2


def test_without_test_images_some_are_kept_for_validation(study):
    run = Trains()
    for data in (
        {"splits": {"validation": {"from": VALIDATION_WORDS}}},
        {"splits": {"validation": {"from": "a folder"}, "test": {"images": 5}}},
        {},
    ):
        (study / TRAINING_FILE).unlink(missing_ok=True)
        train_for_use(config(time_s=300.0), study, data, 0.0, run, Silent())
    assert [training.validation for training, _ in run.asked] == ["kept"] * 3


def test_a_training_that_fails_leaves_what_the_search_delivered(study):
    def fails(training, folder, listener, began):
        raise NasbenchError("a training has at least one epoch")

    listener = Silent()
    train_for_use(config(time_s=300.0), study, DATA, 0.0, fails, listener)
    assert listener.messages == [
        "the winner was not trained for use: a training has at least one epoch",
        f"the same command tries it again; `nasbench train {study} --time 20min` trains it for as long as you say",
    ]
    assert [path.name for path in sorted((study / "best").iterdir())] == ["genotype.yaml", "weights.safetensors"]
    assert delivered(study, digest(WINNER)) is None


@pytest.mark.parametrize("verdict", ["kept", "missed", "unsure", "busy"])
def test_the_card_has_the_latency_with_the_trained_weights(study, monkeypatch, verdict):
    """Where they cannot be measured to keep the limit, it keeps the measurement before the training, and that is said."""
    from paper_search import measurement

    before, now = measurement(5.0), measurement(5.1)
    save_card(make_card(WINNER, 7.0, local_device(), before, Prediction(5.0, 4.0, 6.0)), study / "best" / "card.json")

    class Verified:
        def __init__(self, card):
            self.card, self.now, self.verdict = card, now, verdict

    def verify(card, weights, say):
        assert card.measured is None
        assert weights.name == "weights.safetensors"
        if verdict == "busy":
            raise NasbenchError("other work keeps this machine busy")
        return Verified(make_card(WINNER, 7.0, card.device, now, card.predicted))

    monkeypatch.setattr(module, "verify_card", verify)
    listener = Silent()
    train_for_use(config(time_s=300.0), study, DATA, 0.0, Trains(), listener)
    assert load_card(study / "best" / "card.json").measured == (now if verdict == "kept" else before)
    assert any("keeps the measurement before" in line for line in listener.messages) == (verdict != "kept")
    assert "7 ms" in (study / "best" / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"digest": "a", "time_s": 5, "folder": "training/a", "summary": {"epochs": 1}}',
        "[1]",
        '{"digest": 1, "time_s": "x", "folder": 2, "summary": 3}',
        "\x00",
    ],
)
def test_a_damaged_file_means_that_the_winner_is_trained_again(tmp_path, content):
    (tmp_path / TRAINING_FILE).write_text(content)
    assert Delivery.read(tmp_path) is None


def test_a_folder_outside_of_the_study_is_not_used(tmp_path):
    Delivery("abc", 60.0, "training/../../elsewhere").save(tmp_path)
    assert Delivery.read(tmp_path) is None
    Delivery("abc", 60.0, "training/abc-60s").save(tmp_path)
    assert Delivery.read(tmp_path).folder == "training/abc-60s"


def test_how_much_of_the_time_is_for_the_training():
    assert config(time_s=600.0).training_s == TRAIN_SHARE * 600
    assert config(time_s=600.0, train_s=60.0).training_s == 60
    assert config(time_s=600.0, train_s=0.0).training_s == 0
    assert config(trials=10).training_s == 0
    assert config(trials=10, train_s=60.0).training_s == 60
    assert config(time_s=600.0, evaluator="table").training_s == 0
    assert after_s(config(time_s=600.0)) == REPORT_S + TRAIN_SHARE * 600
    assert after_s(SearchConfig(space="tiny", limits=Limits(latency_ms=1.0), train_s=0.0)) == MEASURING_S
    with pytest.raises(StudyError, match="in a part of --time; got --train-time 600 s of 600 s; give it less, or none"):
        config(time_s=600.0, train_s=600.0)
    assert search_config(space="tiny", macs="1G", train_time="2min").train_s == 120
    assert search_config(space="tiny", macs="1G", train_time="none").train_s == 0
    with pytest.raises(NasbenchError, match="duration"):
        search_config(space="tiny", macs="1G", train_time="0")


def test_a_study_goes_on_as_it_began():
    """One that began before winners were trained trains none, unless it is asked to."""
    space = nb.space("tiny")
    wanted = config(time_s=600.0)
    command = wanted.command(space, "device", "data")
    assert command["train_s"] == wanted.training_s
    assert SearchConfig.from_command(command).training_s == wanted.training_s
    assert wanted.continuing(command).training_s == wanted.training_s
    older = {name: value for name, value in command.items() if name != "train_s"}
    assert SearchConfig.from_command(older).training_s == 0
    assert wanted.continuing(older).training_s == 0
    assert config(time_s=600.0, train_s=50.0).continuing(older).training_s == 50
    assert "train_s" not in config(trials=5).command(space, "device", "data")
