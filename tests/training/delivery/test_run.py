"""A training for use: its files, its result, and that it ends with the same bits after any stop."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from listens import Listens, Stopped
from safetensors import safe_open

import nasbench as nb
from nasbench.errors import DataError, GenotypeError, NasbenchError
from nasbench.export.trained import Trained
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.training.data import load_images
from nasbench.training.delivery.config import train_config
from nasbench.training.delivery.files import binomial_interval
from nasbench.training.delivery.plan import plan_training
from nasbench.training.delivery.run import run_training
from nasbench.training.preprocess import Preprocess, load_preprocess
from nasbench.training.proxy import PROXY
from nasbench.training.recipe import Recipe

NETWORK = Genotype("small", (1, 12, 12), (conv(8, 3, stride=2), conv(8, 3)), head=(gap(), linear(10)))
RECIPE = Recipe(epochs=3, batch_size=32, lr=0.1, images=320, calibration=0, ema=0.9, random_erasing=0.2, flip=True)


def config(**more: Any) -> Any:
    return train_config(NETWORK, **{"recipe": RECIPE, "threads": 1, **more})


def rows(path: Path) -> list[dict[str, str]]:
    with open(path / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Listens]:
    path = tmp_path_factory.mktemp("trained") / "out"
    listener = Listens()
    return path, run_training(config(), path, listener), listener


def test_the_files_of_a_training(trained) -> None:
    path, summary, _ = trained
    best = ["best.safetensors"] if summary["best"]["epoch"] < 3 else []
    assert sorted(file.name for file in path.iterdir()) == [
        *best,
        "genotype.yaml", "metrics.csv", "preprocess.json", "summary.json", "train.yaml", "weights.safetensors",
    ]  # fmt: skip
    assert json.loads((path / "summary.json").read_text()) == summary
    metrics = rows(path)
    assert list(metrics[0]) == ["epoch", "train_loss", "accuracy", "loss", "lr", "seconds"]
    assert [row["epoch"] for row in metrics] == ["1", "2", "3"]
    assert float(metrics[-1]["accuracy"]) == summary["validation"]["accuracy"]
    assert (summary["validation"]["images"], summary["test"]["images"], summary["train"]["images"]) == (2000, 2000, 320)
    low, high = binomial_interval(round(2000 * summary["test"]["accuracy"]), 2000)
    assert (summary["test"]["low"], summary["test"]["high"]) == (low, high)
    assert low < summary["test"]["accuracy"] < high


def test_the_weights_hold_their_preprocessing_and_give_the_accuracy(trained) -> None:
    path, summary, _ = trained
    preprocess = load_preprocess(path / "preprocess.json")
    with safe_open(path / "weights.safetensors", "pt") as file:
        assert Preprocess.from_metadata(file.metadata()) == preprocess
    assert preprocess.classes[0] == "T-shirt/top"
    images = load_images("embedded").test
    net = Trained.read(path).network()
    inputs = torch.nn.functional.interpolate(images.pixels, (12, 12), mode="bilinear", antialias=True)
    with torch.no_grad():
        logits = net((inputs.float() / 255 - preprocess.mean[0]) / preprocess.std[0])
    assert (logits.argmax(1) == images.labels).float().mean().item() == pytest.approx(summary["test"]["accuracy"], abs=1e-6)


def test_the_plan_is_said_before_the_training(trained) -> None:
    _, _, listener = trained
    said = [i for i, line in enumerate(listener.lines) if line.startswith("3 epochs of 320 images at 12 pixels, validated on 2000; about")]
    assert said
    assert said[0] < listener.lines.index("stage: training small")


def test_a_finished_training_is_read_back(trained) -> None:
    path, summary, _ = trained
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    listener = Listens()
    assert run_training(config(), path, listener) == summary
    assert listener.lines == []
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before


@pytest.mark.parametrize("stop", ["stage: measuring", "stage: training", "step: training loss"])
def test_a_stopped_training_ends_with_the_same_files(trained, tmp_path: Path, stop: str) -> None:
    path, summary, _ = trained
    with pytest.raises(Stopped):
        run_training(config(), tmp_path, Listens(stop))
    listener = Listens()
    again = run_training(config(), tmp_path, listener)
    assert again["weights_sha256"] == summary["weights_sha256"]
    assert (again["validation"], again["test"]) == (summary["validation"], summary["test"])
    assert [row["train_loss"] for row in rows(tmp_path)] == [row["train_loss"] for row in rows(path)]
    assert not (tmp_path / "checkpoint.bin").exists()
    assert ("continuing after epoch 1 of 3" in listener.lines) == (stop == "step: training loss")


def test_another_seed_gives_other_weights(trained, tmp_path: Path) -> None:
    """The control of the tests above."""
    assert run_training(config(seed=1), tmp_path, Listens())["weights_sha256"] != trained[1]["weights_sha256"]


def test_a_time_decides_the_epochs_once(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run_training(config(time="4s"), tmp_path, Listens("step: training loss"))
    stored = (tmp_path / "train.yaml").read_bytes()
    summary = run_training(config(time="4s"), tmp_path, Listens())
    assert summary["epochs"] == summary["plan"]["epochs"] == len(rows(tmp_path)) >= 1
    assert (tmp_path / "train.yaml").read_bytes() == stored


def test_a_plan_of_few_epochs_takes_the_fields_for_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a number of epochs and with a time, which then are the same training."""
    (tmp_path / "plain.yaml").write_text("{epochs: 2, images: 320, lr: 0.02}\n")
    (tmp_path / "few.yaml").write_text("fields: {epochs: 30, images: 320, lr: 0.1}\nfew_epochs: {below: 3, fields: {lr: 0.02}}\n")
    plain = run_training(config(recipe=tmp_path / "plain.yaml"), tmp_path / "plain", Listens())
    few = config(recipe=tmp_path / "few.yaml", epochs=2)
    assert run_training(few, tmp_path / "few", Listens())["weights_sha256"] == plain["weights_sha256"]

    run_training(config(recipe=tmp_path / "few.yaml", epochs=3), tmp_path / "more", Listens())
    assert [float(row["lr"]) > 0.02 for row in rows(tmp_path / "more")] == [True, True, False]

    def two(*given: Any, **more: Any) -> Any:
        return replace(plan_training(*given, **more), epochs=2)

    monkeypatch.setattr("nasbench.training.delivery.run.plan_training", two)
    timed = config(recipe=tmp_path / "few.yaml", time="20s")
    with pytest.raises(Stopped):
        run_training(timed, tmp_path / "timed", Listens("step: training loss"))
    assert run_training(timed, tmp_path / "timed", Listens())["weights_sha256"] == plain["weights_sha256"]


def test_all_images_may_be_used(tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, batch_size=256, images=None, calibration=0)
    summary = run_training(config(recipe=recipe, validation="none"), tmp_path, Listens())
    assert summary["train"]["images"] == 10_000
    assert summary["validation"] is None
    assert summary["test"]["images"] == 2000
    assert rows(tmp_path)[0]["accuracy"] == ""


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"time": "20min", "epochs": 3}, "--time and --epochs both decide the number of epochs; got 20min and 3; leave one out"),
        ({"recipe": "bag-of-trick"}, r"did you mean bag-of-tricks\?"),
        ({"validation": "some"}, "kept or none"),
        ({"seed": -1}, "a whole number from 0"),
        ({"device": "tpu"}, "cpu or cuda"),
        ({"threads": 0}, "from 1 to"),
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"time": "soon"}, "soon"),
        ({"recipe": {"epochz": 1}}, "did you mean epochs"),
        ({"recipe": "imagenet-2015", "validation": "none"}, "the schedule plateau follows the validation loss"),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, Any], rule: str) -> None:
    with pytest.raises(NasbenchError, match=rule) as caught:
        config(**options)
    assert "\n" not in str(caught.value)


def test_a_network_without_logits_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(GenotypeError):
        train_config(Genotype("map", (1, 12, 12), (conv(8, 3),), head=()))


def test_a_training_that_diverges_says_what_to_change(tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, batch_size=32, lr=10.0, images=320, calibration=0, warmup=0.0, momentum=0.9999, weight_decay=1.0)
    exploding = Genotype("deep", (1, 12, 12), tuple(conv(8, 3, norm=False) for _ in range(6)), head=(gap(), linear(10)))
    with pytest.raises(NasbenchError, match=r"finite losses.*lower lr"):
        run_training(train_config(exploding, recipe=recipe, threads=1), tmp_path, Listens())


def test_other_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stopped):
        run_training(config(), tmp_path, Listens("step: training loss"))
    monkeypatch.setattr("nasbench.training.delivery.run.images_sha256", lambda images: "0" * 64)
    with pytest.raises(DataError, match="was begun with other images of embedded"):
        run_training(config(), tmp_path, Listens())


def test_images_kept_by_the_data_are_not_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = load_images("embedded")
    own = replace(images, validation=images.test)
    monkeypatch.setattr("nasbench.training.delivery.run.load_images", lambda *args, **options: own)
    with pytest.raises(DataError, match="embedded has its own; leave the option out"):
        run_training(config(validation="none"), tmp_path, Listens())
    summary = run_training(config(epochs=1), tmp_path, Listens())
    assert summary["validation"]["images"] == len(images.test)


def test_other_versions_are_said_and_the_threads_are_those_of_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stopped):
        run_training(config(), tmp_path, Listens("step: training loss"))
    text = (tmp_path / "train.yaml").read_text()
    (tmp_path / "train.yaml").write_text(text.replace(f"torch: {version('torch')}", "torch: 2.0.0"))
    listener, before, during = Listens(), torch.get_num_threads(), []
    torch.set_num_threads(2)
    monkeypatch.setattr(listener, "step", lambda message: during.append(torch.get_num_threads()))
    run_training(config(threads=None), tmp_path, listener)
    assert set(during) == {1}
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
    assert any(line.startswith(f"torch 2.0.0 is now {version('torch')}; the weights may differ") for line in listener.lines)


def test_the_short_training_of_a_search_is_untouched() -> None:
    assert PROXY.to_dict() == Recipe().to_dict()
    assert not PROXY.validate_epochs


def test_train_is_the_command_as_a_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = nb.train(NETWORK, recipe=RECIPE, epochs=1, threads=1, progress=False)
    assert result.path == Path("runs/train-small-embedded")
    assert (result.path / "curve.png").stat().st_size > 1000
    assert result.accuracy == result.summary["validation"]["accuracy"]
    assert result.test_interval[0] < result.test_accuracy < result.test_interval[1]
    assert tuple(result.network()(torch.zeros(2, 1, 12, 12)).shape) == (2, 10)
    assert "test accuracy" in repr(result)
    with pytest.raises(NasbenchError, match=r"recipe\.epochs was 1 and is now 2"):
        nb.train(NETWORK, recipe=RECIPE, epochs=2, threads=1, progress=False)
