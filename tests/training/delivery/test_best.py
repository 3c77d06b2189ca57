"""The weights of the epoch with the best validation accuracy: which they are, after stops too, and when there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.training.delivery.best import best_epoch, finish_best
from nasbench.training.delivery.config import train_config
from nasbench.training.delivery.run import run_training
from nasbench.training.network import weights_digest
from nasbench.training.result import Epoch

NETWORK = Genotype("small", (1, 12, 12), (conv(8, 3, stride=2),), head=(gap(), linear(10)))
CONFIG = train_config(NETWORK, recipe={"images": 64, "batch_size": 16, "calibration": 32, "ema": 0.9}, epochs=4, threads=1)


class Quiet:
    def stage(self, name: str, total: int | None = None) -> None: ...
    def step(self, message: str | None = None) -> None: ...
    def say(self, message: str) -> None: ...
    def rounds(self, done: int, total: int) -> None: ...


class Scores:
    """Takes the place of the validation: gives accuracies in turn, and keeps the weights that it was asked about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *accuracies: float) -> None:
        self.left = list(accuracies)
        self.seen: list[str] = []
        monkeypatch.setattr("nasbench.training.loop.score", self)

    def __call__(self, net: torch.nn.Module, *_: Any) -> tuple[float, float]:
        self.seen.append(weights_digest({name: value.clone().contiguous() for name, value in net.state_dict().items()}))
        return self.left.pop(0), 1.0


def test_an_earlier_epoch_that_was_better_is_kept_beside_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = Scores(monkeypatch, 0.5, 0.8, 0.7, 0.8)
    summary = run_training(CONFIG, tmp_path, Quiet())
    assert summary["best"] == {"epoch": 2, "accuracy": 0.8, "weights_sha256": scores.seen[1]}
    assert weights_digest(load_file(tmp_path / "best.safetensors")) == scores.seen[1]
    assert summary["weights_sha256"] == scores.seen[3] != scores.seen[1]


def test_the_last_epoch_is_not_written_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = Scores(monkeypatch, 0.5, 0.6, 0.7, 0.8)
    summary = run_training(CONFIG, tmp_path, Quiet())
    assert summary["best"] == {"epoch": 4, "accuracy": 0.8, "weights_sha256": scores.seen[3]}
    assert not (tmp_path / "best.safetensors").exists()


def test_a_stop_between_the_best_weights_and_their_checkpoint_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Scores(monkeypatch, 0.5, 0.8, 0.7, 0.6)
    expected = run_training(CONFIG, tmp_path / "whole", Quiet())
    Scores(monkeypatch, 0.5, 0.8)
    with monkeypatch.context() as patch:
        patch.setattr("nasbench.training.delivery.run.write_best", stop_after(2))
        with pytest.raises(KeyboardInterrupt):
            run_training(CONFIG, tmp_path / "stopped", Quiet())
    assert (tmp_path / "stopped" / "best.safetensors").exists()
    Scores(monkeypatch, 0.8, 0.7, 0.6)  # of the epochs 2 to 4
    summary = run_training(CONFIG, tmp_path / "stopped", Quiet())
    assert summary["best"] == expected["best"] == {"epoch": 2, "accuracy": 0.8, "weights_sha256": whole.seen[1]}
    assert weights_digest(load_file(tmp_path / "stopped" / "best.safetensors")) == whole.seen[1]


def stop_after(calls: int) -> Any:
    from nasbench.training.delivery.best import write_best

    def write(path: Path, epoch: Epoch, net: torch.nn.Module) -> None:
        write_best(path, epoch, net)
        if epoch.epoch == calls:
            raise KeyboardInterrupt

    return write


def epochs(*accuracies: float | None) -> list[Epoch]:
    return [Epoch(number, 1.0, accuracy, 1.0, 1.0, 1.0) for number, accuracy in enumerate(accuracies, 1)]


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [((0.1, 0.3, 0.2), 2), ((0.3, 0.3, 0.3), 1), ((None, 0.0), 2), ((None, None), None), ((0.0, None, 0.0), 1)],
)
def test_the_best_epoch_is_the_first_of_the_best(accuracies: tuple[float | None, ...], best: int | None) -> None:
    found = best_epoch(epochs(*accuracies))
    assert (found and found.epoch) == best


@pytest.mark.parametrize("content", ["missing", "damaged", "another epoch"])
def test_weights_that_are_not_those_of_the_best_epoch_are_not_kept(tmp_path: Path, content: str) -> None:
    file = tmp_path / "best.safetensors"
    if content == "damaged":
        file.write_bytes(b"damaged")
    elif content == "another epoch":
        save_file({"a": torch.zeros(2)}, file, {"epoch": "2", "accuracy": "0.31"})
    assert finish_best(tmp_path, epochs(0.1, 0.3, 0.2), "last") == {"epoch": 2, "accuracy": 0.3, "weights_sha256": None}
    assert not file.exists()


def test_without_validation_there_is_no_best_epoch(tmp_path: Path) -> None:
    config = train_config(NETWORK, recipe={"images": 64, "batch_size": 16}, epochs=1, threads=1, validation="none")
    assert run_training(config, tmp_path, Quiet())["best"] is None
