"""A training that is killed at any step ends as one without a stop: weights, losses, learning rates, to the bit."""

from __future__ import annotations

import dataclasses
import errno
import io
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import STEADY, Killed, bits, fit, small_net

from nasbench.errors import NasbenchError
from nasbench.training import checkpoint as checkpoints
from nasbench.training.checkpoint import MARK
from nasbench.training.loop import Training
from nasbench.training.result import TrainResult

STEPS = 11  # of an epoch of 180 images in batches of 16
PLAIN = dataclasses.replace(STEADY, calibration=0, flip=True)
CHANGES = [
    {},
    {"ema": 0.9, "schedule": "one-cycle"},
    {"augment": "trivial", "random_erasing": 0.5, "mixup": 0.2, "cutmix": 1.0},
    {"augment": "rand", "ema": 0.9, "clip": 0.3},
    {"first_size": 8, "train_size": 16, "size_stages": 3, "crop_padding": 4},
    {"schedule": "plateau", "patience": 0, "validate_epochs": True, "lr": 0.3},
    {"optimizer": "adamw", "lr": 0.01},
    {"optimizer": "rmsprop", "lr": 0.01, "calibration": 64},
    {"schedule": "step", "milestones": (0.4,), "images": 150},
]


@pytest.fixture
def each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after each step."""
    monkeypatch.setattr(checkpoints, "INTERVAL_S", 0.0)


class Killer:
    """Kills trainings at steps: before a step, or after its work and before its end is noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.before = -1, True
        real = Training._step

        def step(training: Training, index: torch.Tensor) -> torch.Tensor:
            self.left -= 1
            if self.left == 0 and self.before:
                raise Killed
            loss = real(training, index)
            if self.left == 0:
                raise Killed
            return loss

        monkeypatch.setattr(Training, "_step", step)

    def at(self, step: int, before: bool) -> None:
        self.left, self.before = step, before


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    return Killer(monkeypatch)


def same(result: TrainResult, expected: TrainResult) -> bool:
    """Whether all that `metrics.csv` holds is the same, but for the seconds."""
    return [dataclasses.replace(e, seconds=0, train_seconds=0) for e in result.history] == [
        dataclasses.replace(e, seconds=0, train_seconds=0) for e in expected.history
    ]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(change) or "plain")
def test_ten_kills_at_random_steps_change_nothing(tmp_path: Path, each_step: None, killer: Killer, change: dict) -> None:
    recipe = dataclasses.replace(PLAIN, **change)
    shape = (3, recipe.train_size, recipe.train_size)
    whole = small_net()
    expected = fit(whole, recipe, shape=shape)
    draw = random.Random(str(change))
    for number in range(10):
        killer.at(draw.randint(2, 4), before=draw.random() < 0.5)
        with pytest.raises(Killed):
            fit(small_net(seed=99 if number else 0), recipe, shape=shape, checkpoint=tmp_path / "c.bin")
    killer.at(-1, before=True)
    net = small_net(seed=99)  # its weights come from the checkpoint
    result = fit(net, recipe, shape=shape, checkpoint=tmp_path / "c.bin")
    assert bits(net) == bits(whole)
    assert same(result, expected)
    assert (result.accuracy, result.loss) == (expected.accuracy, expected.loss)


@pytest.mark.parametrize("step", [1, 2, STEPS - 1, STEPS, STEPS + 1, 3 * STEPS - 1, 3 * STEPS])
def test_a_kill_at_the_edges_of_an_epoch(tmp_path: Path, each_step: None, killer: Killer, step: int) -> None:
    whole = small_net()
    expected = fit(whole, PLAIN)
    killer.at(step, before=True)
    with pytest.raises(Killed):
        fit(small_net(), PLAIN, checkpoint=tmp_path / "c.bin")
    starts: list[tuple[int, int]] = []
    net = small_net()
    result = fit(net, PLAIN, checkpoint=tmp_path / "c.bin", on_start=lambda *done: starts.append(done))
    assert starts == [divmod(step - 1, STEPS)]
    assert bits(net) == bits(whole)
    assert same(result, expected)


def test_a_kill_while_an_epoch_is_validated_repeats_no_step(tmp_path: Path, each_step: None, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = small_net()
    expected = fit(whole, PLAIN)
    with monkeypatch.context() as patch:
        patch.setattr("nasbench.training.loop.score", _raise)
        with pytest.raises(Killed):
            fit(small_net(), PLAIN, checkpoint=tmp_path / "c.bin")
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", _raise)
        net = small_net(seed=99)
        result = fit(net, PLAIN, checkpoint=tmp_path / "c.bin")
    assert bits(net) == bits(whole)
    assert same(result, expected)


def _raise(*_: object) -> None:
    raise Killed


def test_a_stop_at_rungs_and_kills_between_them_change_nothing(tmp_path: Path, each_step: None, killer: Killer) -> None:
    recipe = dataclasses.replace(PLAIN, epochs=4, calibration=64)
    whole = small_net()
    expected = fit(whole, recipe)
    for until, step in ((1, 5), (3, 4), (3, 9), (None, 2)):
        killer.at(step, before=False)
        with pytest.raises(Killed):
            fit(small_net(), recipe, checkpoint=tmp_path / "c.bin", until=until)
        killer.at(-1, before=False)
        if until == 1:
            assert fit(small_net(), recipe, checkpoint=tmp_path / "c.bin", until=1).epochs == 1
    net = small_net()
    result = fit(net, recipe, checkpoint=tmp_path / "c.bin")
    assert bits(net) == bits(whole)
    assert (result.accuracy, result.loss) == (expected.accuracy, expected.loss)
    assert [e.train_loss for e in result.history] == [e.train_loss for e in expected.history]


def test_a_checkpoint_within_an_epoch_is_not_that_of_a_rung(tmp_path: Path, each_step: None, killer: Killer) -> None:
    """As when a ledger is older than the trials' folders: a rung before the checkpoint has its result there, or is trained anew."""
    early = fit(small_net(), PLAIN, until=1)
    killer.at(STEPS + 4, before=True)
    with pytest.raises(Killed):
        fit(small_net(), PLAIN, checkpoint=tmp_path / "c.bin")
    killer.at(-1, before=True)
    back = fit(small_net(), PLAIN, checkpoint=tmp_path / "c.bin", until=1)
    assert (back.epochs, back.accuracy, back.loss) == (1, early.accuracy, early.loss)


def fake_clock(monkeypatch: pytest.MonkeyPatch, saving_s: float = 0.0) -> tuple[list[float], list[int]]:
    """A clock that moves by a second a step, and by `saving_s` while a checkpoint is written; returns it with the steps of checkpoints."""
    clock, saved, steps = [0.0], [], [0]
    real_step, real_save = Training._step, checkpoints.save_checkpoint

    def step(training: Training, index: torch.Tensor) -> torch.Tensor:
        clock[0] += 1
        steps[0] += 1
        return real_step(training, index)

    def save(path: Path, state: dict) -> None:
        clock[0] += saving_s
        saved.append(steps[0])
        real_save(path, state)

    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Training, "_step", step)
    monkeypatch.setattr(checkpoints, "save_checkpoint", save)
    return clock, saved


@pytest.mark.parametrize(
    ("interval_s", "saving_s", "steps"),
    [
        (30.0, 0.0, [11, 22]),  # a short training has a checkpoint after each epoch but the last
        (4.0, 0.0, [4, 8, 11, 15, 19, 22, 26, 30]),
        (4.0, 0.32, [4, 11, 11, 18, 22, 29]),  # a twentieth of the time at most, which is each 6.4 s
    ],
)
def test_checkpoints_are_written_when_the_last_one_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval_s: float, saving_s: float, steps: list[int]
) -> None:
    monkeypatch.setattr(checkpoints, "INTERVAL_S", interval_s)
    _, saved = fake_clock(monkeypatch, saving_s)
    fit(small_net(), PLAIN, checkpoint=tmp_path / "c.bin")
    assert saved == steps


def test_a_training_without_a_checkpoint_writes_none(tmp_path: Path, each_step: None, monkeypatch: pytest.MonkeyPatch) -> None:
    _, saved = fake_clock(monkeypatch)
    fit(small_net(), PLAIN)
    assert saved == []


def full_disk(after: int) -> Callable[[int], None]:
    """`os.fsync` on a disk that is full from call number `after` on."""
    calls, real = [0], os.fsync

    def fsync(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    return fsync


@pytest.mark.parametrize("after", [0, 3, 14])
def test_on_a_full_disk_the_checkpoint_before_stays_and_the_training_ends_with_a_line(
    tmp_path: Path, each_step: None, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = small_net()
    expected = fit(whole, PLAIN)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk(after))
        with pytest.raises(NasbenchError, match=r"cannot write .*c\.bin: No space left on device; free some space") as caught:
            fit(small_net(), PLAIN, checkpoint=tmp_path / "c.bin")
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["c.bin"][: min(1, after)], "no unfinished file is left behind"
    starts: list[tuple[int, int]] = []
    net = small_net()
    result = fit(net, PLAIN, checkpoint=tmp_path / "c.bin", on_start=lambda *done: starts.append(done))
    assert starts == [(0, 0) if not after else (1, 2) if after == 14 else (0, 3)]  # epoch 1 has 11 steps and its end
    assert bits(net) == bits(whole)
    assert same(result, expected)


def test_a_checkpoint_of_version_0_2_continues(tmp_path: Path, killer: Killer) -> None:
    """It has another mark, and nothing about an epoch that has begun."""
    whole = small_net()
    expected = fit(whole, PLAIN)
    killer.at(STEPS + 3, before=True)
    with pytest.raises(Killed):
        fit(small_net(), PLAIN, checkpoint=tmp_path / "c.bin")
    killer.at(-1, before=True)
    state = stored(tmp_path / "c.bin")
    del state["begun"]
    for group in state["optimizer"]["param_groups"]:
        del group["given"]
    for epoch in state["history"]:
        del epoch["lr"]
    checkpoints.save_checkpoint(tmp_path / "c.bin", state)
    content = (tmp_path / "c.bin").read_bytes()
    (tmp_path / "c.bin").write_bytes(b"nasbench checkpoint 1\n" + content[len(MARK) :])
    net = small_net(seed=99)
    result = fit(net, PLAIN, checkpoint=tmp_path / "c.bin")
    assert bits(net) == bits(whole)
    assert [e.train_loss for e in result.history] == [e.train_loss for e in expected.history]


def stored(path: Path) -> dict:
    """The content of a checkpoint of any training."""
    return torch.load(io.BytesIO(path.read_bytes()[len(MARK) + 32 :]), weights_only=True)


def test_a_checkpoint_holds_all_random_numbers_that_augmentation_uses() -> None:
    """Python's and numpy's generators are not in a checkpoint: no augmentation draws from them."""
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002 - the global generator is meant
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    for change in CHANGES:
        fit(small_net(), dataclasses.replace(PLAIN, **change, epochs=1))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_the_generator_and_the_sum_of_the_losses_are_needed(tmp_path: Path, each_step: None, killer: Killer) -> None:
    """The control: a checkpoint that lacks one of them ends otherwise."""
    recipe = dataclasses.replace(PLAIN, augment="trivial")
    whole = small_net()
    expected = fit(whole, recipe)
    killer.at(STEPS + 4, before=True)
    with pytest.raises(Killed):
        fit(small_net(), recipe, checkpoint=tmp_path / "c.bin")
    killer.at(-1, before=True)
    state = stored(tmp_path / "c.bin")
    fresh = torch.Generator().manual_seed(1).get_state()
    for change in ({"torch": fresh}, {"order": fresh}, {"begun": {**state["begun"], "step": 0}}):
        checkpoints.save_checkpoint(tmp_path / "c.bin", state | change)
        net = small_net()
        fit(net, recipe, checkpoint=tmp_path / "c.bin")
        assert bits(net) != bits(whole), list(change)
    checkpoints.save_checkpoint(tmp_path / "c.bin", state | {"begun": {**state["begun"], "total": torch.zeros(())}})
    assert fit(small_net(), recipe, checkpoint=tmp_path / "c.bin").history[1].train_loss != expected.history[1].train_loss
