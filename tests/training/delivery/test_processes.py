"""Several processes that train one network: the loss curve of one process, the same bits after a stop, and an end of all when one dies."""

from __future__ import annotations

import csv
import dataclasses
import math
import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import group_work
import psutil
import pytest
from listens import Listens, Stopped
from safetensors import safe_open
from safetensors.torch import save_file

from nasbench.errors import IgnoredFileWarning, NasbenchError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import auxiliary, conv, dropout, gap, linear
from nasbench.network import build
from nasbench.training.delivery.config import train_config
from nasbench.training.delivery.processes import run_in_processes
from nasbench.training.delivery.run import run_training
from nasbench.training.recipe import Recipe


def network(norm: bool) -> Genotype:
    return Genotype("small", (1, 12, 12), (conv(8, 3, stride=2, norm=norm), conv(8, 3, norm=norm)), head=(gap(), linear(10)))


RECIPE = Recipe(epochs=6, batch_size=30, lr=0.1, images=300, calibration=0, ema=0.9, flip=True, crop_padding=1, mixup=0.2)


def config(processes: int, *, norm: bool = False, **more: Any) -> Any:
    return train_config(network(norm), **{"recipe": RECIPE, "threads": 1, "processes": processes, **more})


def losses(path: Path) -> list[list[float]]:
    with open(path / "metrics.csv", newline="") as file:
        return [[float(row[name]) for name in ("train_loss", "loss", "accuracy", "lr")] for row in csv.DictReader(file)]


def running_children() -> list[psutil.Process]:
    """The processes that this one has started, but for Python's own helper."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if child.is_running() and "resource_tracker" not in " ".join(child.cmdline())]


@pytest.fixture
def own_children() -> Callable[[], list[psutil.Process]]:
    """The processes that a test has started; those of earlier tests in this process are left out."""
    before = set(running_children())
    return lambda: [child for child in running_children() if child not in before]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    path = tmp_path_factory.mktemp("two")
    return path, run_training(config(2), path, Listens())


def test_two_processes_have_the_loss_curve_of_one(own_children, two, tmp_path: Path) -> None:
    path, summary = two
    alone = run_training(config(1), tmp_path, Listens())
    for together, single in zip(losses(path), losses(tmp_path), strict=True):
        assert together[:2] == pytest.approx(single[:2], rel=1e-5)
        assert together[2:] == pytest.approx(single[2:], abs=0.001)  # an image or two may change sides
    assert losses(path)[-1][0] < 0.95 * losses(path)[0][0], "it learns"
    assert summary["test"]["accuracy"] == pytest.approx(alone["test"]["accuracy"], abs=0.002)
    assert own_children() == []


@pytest.mark.slow
def test_with_batch_norms_the_curve_is_near(tmp_path: Path) -> None:
    """Each process normalises with its own 15 images; the tolerance is that of docs/training.md."""
    run_training(config(2, norm=True), tmp_path / "two", Listens())
    run_training(config(1, norm=True), tmp_path / "one", Listens())
    for together, single in zip(losses(tmp_path / "two"), losses(tmp_path / "one"), strict=True):
        assert together[0] == pytest.approx(single[0], rel=0.05)


@pytest.mark.slow
def test_with_synchronised_norms_the_curve_is_that_of_one(tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, calibration=60, validate_epochs=True)
    run_training(config(1, norm=True, recipe=recipe), tmp_path / "one", Listens())
    run_training(config(2, norm=True, recipe=recipe), tmp_path / "two", Listens())
    run_training(config(2, norm=True, recipe=dataclasses.replace(recipe, sync_norms=True)), tmp_path / "synced", Listens())
    one, two, synced = (losses(tmp_path / name) for name in ("one", "two", "synced"))
    for together, apart, single in zip(synced, two, one, strict=True):
        assert together[:2] == pytest.approx(single[:2], rel=1e-5)
        assert apart[:2] != pytest.approx(single[:2], rel=1e-5), "the control: norms of the own share"


@pytest.mark.slow
def test_compiled_steps_of_two_processes_have_the_same_curve(two, tmp_path: Path) -> None:
    path, summary = two
    compiled = run_training(config(2, recipe=dataclasses.replace(RECIPE, compile=True)), tmp_path, Listens())
    for steps, plain in zip(losses(tmp_path), losses(path), strict=True):
        assert steps[:2] == pytest.approx(plain[:2], rel=1e-4)
    assert compiled["plan"]["compile_s"] > 0
    assert "compile_s" not in summary["plan"], "the control: nothing is compiled by default"
    with safe_open(tmp_path / "weights.safetensors", "pt") as file, safe_open(path / "weights.safetensors", "pt") as expected:
        assert set(file.keys()) == set(expected.keys())


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "sync"), [(2, False), (3, False), (3, True)])
def test_a_stop_within_an_epoch_changes_no_bit(
    own_children, two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int, sync: bool
) -> None:
    """With three, the order in which gradients and sums are added matters; and each has other running statistics of batch norms."""
    path, summary = two
    more = {"norm": processes == 3, "recipe": dataclasses.replace(RECIPE, sync_norms=sync)}
    if processes == 3:
        path = tmp_path / "whole"
        summary = run_training(config(3, **more), path, Listens())
    with monkeypatch.context() as patch:
        patch.setattr("nasbench.training.delivery.run._run", group_work.train_with_many_checkpoints)
        with pytest.raises(Stopped):
            run_training(config(processes, **more), tmp_path / "out", Listens("saved 1 4"))
    assert own_children() == []
    listener = Listens()
    again = run_training(config(processes, **more), tmp_path / "out", listener)
    assert any(line.startswith("continuing within epoch 2 of 6, after") for line in listener.lines)
    assert again["weights_sha256"] == summary["weights_sha256"]
    assert losses(tmp_path / "out") == losses(path)


def test_another_number_of_processes_is_another_command(two) -> None:
    path, _ = two
    with pytest.raises(NasbenchError, match="processes was 2 and is now not given"):
        run_training(config(1), path, Listens())


def test_a_killed_process_ends_the_training_with_a_line(own_children, tmp_path: Path) -> None:
    def kill() -> None:
        os.kill(own_children()[-1].pid, signal.SIGKILL)

    with pytest.raises(
        NasbenchError, match=r"2 processes train the network together; process [12] was killed by SIGKILL.*same command"
    ) as error:
        run_training(config(2, epochs=1000), tmp_path, Listens("step: ", kill))
    assert "\n" not in str(error.value)
    assert own_children() == []


def test_numbers_are_exchanged_and_the_first_process_speaks() -> None:
    listener = Listens()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mean, first = run_in_processes(2, "cpu", group_work.exchange, [1.5, None, math.inf], listener)
    assert mean == 0.5
    assert first == [1.5, None, math.inf]
    assert listener.lines == ["said by 0"]
    assert [str(warning.message) for warning in caught if warning.category is IgnoredFileWarning] == ["from 0"]


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("mistake", NasbenchError, "a rule; a value; a remedy"),
        pytest.param("fault", ZeroDivisionError, "a fault", marks=pytest.mark.slow),
    ],
)
def test_what_goes_wrong_in_a_process_is_raised(own_children, how: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        run_in_processes(2, "cpu", group_work.fail, how, Listens())
    assert own_children() == []


def test_shared_memory_that_is_too_small_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Any) -> None:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", full)
    with pytest.raises(NasbenchError, match=r"share the images in /dev/shm, which is too small .*give it more space") as error:
        run_in_processes(2, "cpu", group_work.fail, "fault", Listens())
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_given_weights_a_time_and_heads_go_with_several_processes(tmp_path: Path) -> None:
    heads = Genotype("n", (1, 12, 12), (conv(8, 3), auxiliary((gap(), linear(10))), conv(8, 3)), head=(gap(), dropout(0.2), linear(10)))
    file = tmp_path / "given.safetensors"
    save_file(build(heads).state_dict(), file)
    asked = train_config(heads, recipe=RECIPE, time="20s", weights=file, threads=1, processes=2)
    listener = Listens()
    summary = run_training(asked, tmp_path / "out", listener)
    assert summary["epochs"] == summary["plan"]["epochs"] >= 1
    assert [line for line in listener.lines if line.startswith(f"weights of {file}: 100.00%")]


@pytest.mark.parametrize(
    ("processes", "rule"),
    [
        (0, "--processes is a whole number from 1; got 0; leave it out for one process"),
        (-1, "--processes is a whole number from 1"),
        (True, "--processes is a whole number from 1"),
        (16, "two images of a batch or more; got --processes 16 and 30 images, the recipe's batch_size; give at most 15 processes"),
    ],
)
def test_numbers_of_processes_that_cannot_be(processes: int, rule: str) -> None:
    with pytest.raises(NasbenchError, match=rule):
        config(processes)


def test_fewer_images_than_the_batch_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(NasbenchError, match="got --processes 6 and 11 images, all training images; give at most 5 processes"):
        run_training(config(6, recipe=Recipe(images=11, batch_size=30, calibration=0)), tmp_path, Listens())


def test_more_processes_than_gpus_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(NasbenchError, match="a GPU of its own; got --processes 3, and torch sees 2; give fewer processes"):
        run_training(config(3, device="cuda"), tmp_path / "out", Listens())
    assert not (tmp_path / "out").exists()
