"""A training as a trial of Ray: the same files and bits as without, after killed workers too, and refusals before Ray starts."""

from __future__ import annotations

import dataclasses
import os
import signal
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from listens import Listens
from safetensors.torch import save_file

from nasbench.analysis import training_on_ray
from nasbench.analysis.training import Train, run_train, train_here
from nasbench.analysis.training_on_ray import TrainCall, _Receiver, _Sends, folder_of, in_folder, train_on_ray
from nasbench.engines.config import EngineConfig
from nasbench.engines.file_transfer import MARK, FileTransfer
from nasbench.engines.messages import messages_to
from nasbench.engines.ray import cluster as ray_cluster
from nasbench.errors import IgnoredFileWarning, NasbenchError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.network import build
from nasbench.training.delivery.config import TrainConfig, train_config
from nasbench.training.recipe import Recipe

NETWORK = Genotype("small", (1, 12, 12), (conv(8, 3, stride=2), conv(8, 3)), head=(gap(), linear(10)))
RECIPE = Recipe(epochs=4, batch_size=8, lr=0.05, images=400, calibration=0, ema=0.9, mixup=0.2, flip=True)


def config(**more: Any) -> TrainConfig:
    return train_config(NETWORK, **{"recipe": RECIPE, "threads": 1, **more})


def on_ray(**engine: Any) -> Train:
    """Training on Ray, for `run_train`."""
    return partial(train_on_ray, engine=EngineConfig(name="ray", **engine))


def workers() -> list[psutil.Process]:
    """The processes of Ray that run a trial."""
    return [child for child in psutil.Process().children(recursive=True) if "Trainable" in "".join(child.cmdline()[:1])]


def kill_worker() -> None:
    (worker,) = workers()
    os.kill(worker.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster for all tests that need one, since it takes seconds to start."""
    with ray_cluster.connected(None, 0.0, 2**27):
        yield


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The training without Ray."""
    path = tmp_path_factory.mktemp("local") / "out"
    listener = Listens()
    return run_train(config(), path, listener, 0.0), listener


def names(path: Path) -> list[str]:
    """The files of a folder, without hidden ones: what was being written when a process was killed stays under such a name."""
    return sorted(file.name for file in path.iterdir() if not file.name.startswith("."))


@pytest.mark.slow
def test_files_bits_and_progress_are_those_without_ray(cluster, local, tmp_path: Path) -> None:
    trained, listener = local
    heard = Listens()
    result = run_train(config(), tmp_path / "out", heard, 0.0, on_ray())
    assert result.summary["weights_sha256"] == trained.summary["weights_sha256"]
    assert result.summary["test"] == trained.summary["test"]
    assert names(tmp_path / "out") == names(trained.path)
    assert [line for line in heard.lines if line.startswith("step")] == [line for line in listener.lines if line.startswith("step")]
    other = run_train(config(seed=1), tmp_path / "other", Listens(), 0.0, on_ray())
    assert other.summary["weights_sha256"] != trained.summary["weights_sha256"], "the control: another seed"


@pytest.mark.slow
@pytest.mark.parametrize("seen", [True, False])
def test_a_killed_worker_costs_no_bit(cluster, local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: bool) -> None:
    """Where the worker sees the folder, and where all files have to travel: then the folder has another mark."""
    pack = FileTransfer.pack
    monkeypatch.setattr(FileTransfer, "pack", lambda folder: pack(folder) if seen else dataclasses.replace(pack(folder), mark="another"))
    trained, _ = local
    listener = Listens("step: training loss", kill_worker)
    longer = dataclasses.replace(RECIPE, epochs=15, images=2400)  # seconds, so that it does not end before the kill
    result = run_train(config(recipe=longer), tmp_path / "out", listener, 0.0, on_ray(address="auto"))
    assert [line for line in listener.lines if line.endswith("; another worker continues from the checkpoint")]
    assert [line for line in listener.lines if line.startswith("continuing ")]
    expected = run_train(config(recipe=longer), tmp_path / "expected", Listens(), 0.0)
    assert result.summary["weights_sha256"] == expected.summary["weights_sha256"] != trained.summary["weights_sha256"]
    assert names(tmp_path / "out") == names(tmp_path / "expected"), "no checkpoint is left"
    assert not (tmp_path / "out" / MARK).exists()


@pytest.mark.slow
def test_what_ends_a_training_without_ray_ends_it_with_the_same_line(cluster, tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, batch_size=32, lr=10.0, images=320, calibration=0, warmup=0.0, momentum=0.9999, weight_decay=1.0)
    exploding = Genotype("deep", (1, 12, 12), tuple(conv(8, 3, norm=False) for _ in range(6)), head=(gap(), linear(10)))
    wild = train_config(exploding, recipe=recipe, threads=1)
    lines = []
    for name, engine in (("here", train_here), ("ray", on_ray())):
        with pytest.raises(NasbenchError, match="a training needs finite losses") as caught:
            run_train(wild, tmp_path / name, Listens(), 0.0, engine)
        lines.append(str(caught.value))
    assert lines[0] == lines[1]


class Dying:
    """An engine whose workers die; every third one completes an epoch before, if they are to make progress."""

    calls = 0
    progress = False

    def __init__(self, *_: Any, on_message: Any, **__: Any) -> None:
        self.on_message = on_message

    def __enter__(self) -> Dying:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, key: str, function: Any, argument: TrainCall) -> None:
        Dying.calls += 1

    def wait(self, timeout: float) -> list[Any]:
        from nasbench.engines.base import Finished

        if Dying.progress and Dying.calls in (2, 4):
            self.on_message(("step", ("training loss",)))
        if Dying.progress and Dying.calls == 6:
            return [Finished("training", "result")]
        return [Finished("training", "died", reason="killed")]


@pytest.mark.parametrize("progress", [False, True])
def test_three_deaths_in_a_row_are_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progress: bool) -> None:
    monkeypatch.setattr(training_on_ray, "RayEngine", Dying)
    monkeypatch.setattr(Dying, "calls", 0)
    monkeypatch.setattr(Dying, "progress", progress)
    if progress:
        train_on_ray(config(), tmp_path / "out", Listens(), 0.0, EngineConfig(name="ray"))
        assert Dying.calls == 6
    else:
        with pytest.raises(NasbenchError, match="killed"):
            train_on_ray(config(), tmp_path / "out", Listens(), 0.0, EngineConfig(name="ray"))
        assert Dying.calls == 3
        assert not (tmp_path / "out").exists(), "nothing was begun"


def test_a_finished_training_and_a_folder_of_another_start_no_ray(local, monkeypatch: pytest.MonkeyPatch) -> None:
    trained, _ = local
    monkeypatch.setattr(training_on_ray, "RayEngine", None)  # it cannot be called
    again = run_train(config(), trained.path, Listens(), 0.0, on_ray())
    assert again.summary == trained.summary
    with pytest.raises(NasbenchError, match="seed was 0 and is now 3"):
        run_train(config(seed=3), trained.path, Listens(), 0.0, on_ray())


def test_files_of_a_worker_elsewhere_are_sent_once_and_the_checkpoint_is_written_last(tmp_path: Path, monkeypatch) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir(), here.mkdir()
    listener = Listens()
    messages: list[Any] = []
    with messages_to(messages.append):
        sends = _Sends(there)
        for name in ("checkpoint.bin", "metrics.csv", ".hidden"):
            (there / name).write_bytes(b"1")
        sends.stage("training", 2)
        sends.step("one")
        (there / "metrics.csv").write_bytes(b"2")
        os.utime(there / "metrics.csv", ns=(1, 1))
        sends.step("two")
        sends.step(None)
        sends.warn(IgnoredFileWarning("attention"), IgnoredFileWarning)
        sends.warn(UserWarning("of a library"), UserWarning)
        _Sends(None).step("where the driver sees the folder")
    assert [sorted(values[0]) for kind, values in messages if kind == "files"] == [["checkpoint.bin", "metrics.csv"], ["metrics.csv"]]
    written: list[str] = []
    real = training_on_ray.write_atomic
    monkeypatch.setattr(training_on_ray, "write_atomic", lambda path, content: (written.append(path.name), real(path, content)))
    receiver = _Receiver(here, listener)
    receiver.attempts = 2
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for message in messages:
            receiver.receive(message)
    assert [str(warning.message) for warning in warned] == ["attention"]
    assert written == ["metrics.csv", "checkpoint.bin", "metrics.csv"]
    assert receiver.attempts == 0
    assert listener.lines == ["stage: training", "step: one", "step: two", "step: None", "step: where the driver sees the folder"]
    assert {file.name: file.read_bytes() for file in here.iterdir()} == {"checkpoint.bin": b"1", "metrics.csv": b"2"}


def test_a_call_names_its_folder() -> None:
    call = TrainCall(config(), (), "/here", "/here", 1.0)
    moved = in_folder(call, "/there")
    assert (folder_of(call), folder_of(moved), moved.home) == ("/here", "/there", "/here")


@pytest.mark.parametrize(
    ("training", "engine", "rule"),
    [
        ({"processes": 2}, {}, "a trial of Ray is one process; got --processes 2 with --engine ray"),
        ({"device": "cuda"}, {}, "got --device cuda and --gpus-per-trial 0"),
        ({}, {"gpus": 0.5}, "got --device cpu and --gpus-per-trial 0.5"),
        ({"device": "cuda"}, {"gpus": 2.0}, "--gpus-per-trial 2; change one of them"),
        ({"log": "tensorboard"}, {"address": "auto"}, "do not write logs; got --log with --address"),
        ({"weights": True}, {"address": "auto"}, "got --weights or --pretrained with --address; leave one of them out"),
        ({}, {"cpus": 512.0}, "a trial needs 512 CPUs and this machine has"),
    ],
)
def test_what_cannot_be_on_ray_is_refused_before_it_starts(tmp_path: Path, training: dict, engine: dict, rule: str) -> None:
    if training.get("log"):
        pytest.importorskip("tensorboardX")
    if training.get("weights"):
        save_file(build(NETWORK).state_dict(), tmp_path / "given.safetensors")
        training = {"weights": tmp_path / "given.safetensors"}
    with pytest.raises(NasbenchError, match=rule) as caught:
        run_train(config(**training), tmp_path / "out", Listens(), 0.0, on_ray(**engine))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
