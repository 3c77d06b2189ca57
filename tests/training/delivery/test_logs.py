"""Logs for other programs: what they hold, without gaps or repeats after a stop, and that nothing leaves the machine."""

from __future__ import annotations

import struct
import sys
import types
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event

import nasbench as nb
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.training.delivery.config import train_config
from nasbench.training.delivery.run import run_training

NETWORK = Genotype("small", (1, 12, 12), (conv(8, 3, stride=2),), head=(gap(), linear(10)))
RECIPE = {"images": 64, "batch_size": 16, "calibration": 0}


def events(folder: Path) -> list[tuple[str, int, float]]:
    """All scalars of the event files: name, step and value. Each record has its length, two checksums and its bytes (TFRecord)."""
    found = []
    for file in sorted(folder.glob("events*")):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value if value.HasField("simple_value")]
            data = data[12 + length + 4 :]
    return found


class Quiet:
    def __init__(self, stop_after=None):
        self.left = stop_after

    def stage(self, name, total=None): ...
    def rounds(self, done, total): ...
    def say(self, message): ...

    def step(self, message=None):
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def config(**more):
    return train_config(NETWORK, **{"recipe": RECIPE, "epochs": 4, "threads": 1, **more})


def test_tensorboard_has_every_epoch_once_also_after_a_stop(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_training(config(log="tensorboard"), tmp_path, Quiet(stop_after=2))
    summary = run_training(config(log="tensorboard"), tmp_path, Quiet())
    found = events(tmp_path / "tensorboard")
    for name in ("loss/training", "loss/validation", "accuracy/validation", "learning_rate"):
        assert [step for tag, step, _ in found if tag == name] == [1, 2, 3, 4], name
    accuracy = {step: value for tag, step, value in found if tag == "accuracy/validation"}
    assert accuracy[4] == pytest.approx(summary["validation"]["accuracy"])
    assert [value for tag, _, value in found if tag == "accuracy/test"] == pytest.approx([summary["test"]["accuracy"]])


class Fake(types.ModuleType):
    """Notes every call of a package."""

    def __init__(self, name):
        super().__init__(name)
        self.calls = []
        self.summary = {}

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            return self

        return call


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_the_others_get_the_same_and_stay_offline(tmp_path, monkeypatch, name):
    fake = Fake(name)
    monkeypatch.setitem(sys.modules, name, fake)
    run_training(config(log=[name]), tmp_path, Quiet())
    made = {called: (args, kwargs) for called, args, kwargs in fake.calls}
    if name == "mlflow":
        assert made["set_tracking_uri"][0][0].startswith(f"file://{tmp_path}")
        steps = [kwargs["step"] for called, _, kwargs in fake.calls if called == "log_metrics"]
        assert "end_run" in made
    else:
        assert made["init"][1]["mode"] == "offline"
        assert made["init"][1]["dir"] == str(tmp_path)
        steps = [kwargs["step"] for called, _, kwargs in fake.calls if called == "log"]
        assert fake.summary["accuracy/test"] > 0
        assert "finish" in made
    assert steps == [1, 2, 3, 4]


def test_logs_do_not_change_the_command(tmp_path):
    run_training(config(), tmp_path, Quiet())
    assert run_training(config(log="tensorboard"), tmp_path, Quiet())["epochs"] == 4
    assert nb.train(NETWORK, recipe=RECIPE, epochs=4, threads=1, out=tmp_path, progress=False).summary["epochs"] == 4


def test_what_is_refused(monkeypatch):
    with pytest.raises(NasbenchError, match="--log is one of tensorboard, mlflow, wandb; got 'tensorbord'; did you mean tensorboard"):
        config(log="tensorbord")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(NasbenchError, match="needs the package wandb, which is not installed; type pip install wandb"):
        config(log=["wandb"])
