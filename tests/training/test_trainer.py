"""Training: the same bits for the same seed, whatever interrupts it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from nets import SHAPE, STEADY, Killed, bits, fit, kill_after, quarters, small_net, with_heads
from torch import nn

from nasbench.errors import DataError
from nasbench.genotype.blocks import auxiliary, conv, gap, linear
from nasbench.training.batches import resized
from nasbench.training.images import LabeledImages, split
from nasbench.training.score import all_logits
from nasbench.training.trainer import Epoch, evaluate, train


def test_a_network_learns_what_can_be_learnt() -> None:
    net = small_net()
    result = fit(net, dataclasses.replace(STEADY, epochs=6))
    assert result.status == "ok"
    assert result.accuracy is not None
    assert result.accuracy > 0.95
    assert result.loss is not None
    assert result.loss < 0.5
    assert result.epochs == len(result.history) == 6
    assert result.history[-1].train_loss < result.history[0].train_loss
    assert [epoch.accuracy is None for epoch in result.history] == [True] * 5 + [False]
    assert result.images_per_second > 0
    again = evaluate(net, split(quarters(), 0.25, seed=0)[1], STEADY, shape=SHAPE, statistics=result.statistics)
    assert again == result.accuracy


def test_shuffled_labels_cannot_be_learnt() -> None:
    images = quarters(800)
    order = torch.randperm(800, generator=torch.Generator().manual_seed(4))
    result = fit(small_net(), images=LabeledImages(images.source, images.labels[order]))
    assert result.accuracy is not None
    assert abs(result.accuracy - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 200)


@pytest.mark.parametrize("change", [{}, {"optimizer": "adamw", "lr": 0.01}, {"channels_last": False, "flip": True}])
def test_the_same_seed_gives_the_same_bits(change: dict) -> None:
    recipe = dataclasses.replace(STEADY, **change)
    nets = [small_net() for _ in range(3)]
    results = []
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        torch.rand(5)  # whatever torch's own generator did before
        results.append(fit(net, recipe, seed=seed))
    assert bits(nets[0]) == bits(nets[1])
    assert results[0].loss == results[1].loss
    assert bits(nets[0]) != bits(nets[2])


def test_torchs_generator_is_left_as_it_was() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    fit(small_net())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("change", [{}, {"optimizer": "adamw", "lr": 0.01}, {"validate_epochs": True}])
@pytest.mark.parametrize("stop", [1, 2])
def test_a_killed_training_ends_as_if_nothing_had_happened(tmp_path: Path, stop: int, change: dict) -> None:
    recipe = dataclasses.replace(STEADY, flip=True, **change)
    whole = small_net()
    expected = fit(whole, recipe)
    with pytest.raises(Killed):
        fit(small_net(), recipe, checkpoint=tmp_path / "c.bin", on_epoch=kill_after(stop))
    told: list[int] = []
    net = small_net(seed=99)  # its weights come from the checkpoint
    resumed = fit(net, recipe, checkpoint=tmp_path / "c.bin", on_epoch=lambda epoch: told.append(epoch.epoch))
    assert bits(net) == bits(whole)
    assert (resumed.accuracy, resumed.loss) == (expected.accuracy, expected.loss)
    assert [e.train_loss for e in resumed.history] == [e.train_loss for e in expected.history]
    assert told == [1, 2, 3]


RUNG_CHANGES = [{}, {"calibration": 0}, {"optimizer": "adamw", "lr": 0.01, "flip": True}, {"validate_epochs": True}]


@pytest.mark.parametrize("change", RUNG_CHANGES)
def test_a_training_that_stops_at_rungs_ends_with_the_same_bits(tmp_path: Path, change: dict) -> None:
    """Validating on the way, which calibrates batch norms, and a new process for each rung change nothing."""
    recipe = dataclasses.replace(STEADY, epochs=4, **change)
    whole = small_net()
    expected = fit(whole, recipe)
    rungs = []
    for until in (1, 3, None):
        net = small_net()  # as a new process builds it
        rungs.append(fit(net, recipe, checkpoint=tmp_path / "c.bin", until=until))
    assert bits(net) == bits(whole)
    assert (rungs[-1].accuracy, rungs[-1].loss) == (expected.accuracy, expected.loss)
    assert [r.epochs for r in rungs] == [1, 3, 4]
    assert all(r.status == "ok" and r.accuracy is not None for r in rungs)
    assert [e.accuracy is not None for e in rungs[-1].history] == [True, recipe.validate_epochs, True, True]
    assert not torch.equal(whole[0].weight, small_net()[0].weight), "the control: training moved them"


def test_the_rate_is_that_of_the_whole_training(tmp_path: Path) -> None:
    """The control: one epoch of a recipe of one epoch is another thing than the first of three."""
    first, alone = small_net(), small_net()
    fit(first, STEADY, checkpoint=tmp_path / "c.bin", until=1)
    fit(alone, dataclasses.replace(STEADY, epochs=1))
    assert bits(first) != bits(alone)


def test_a_checkpoint_beyond_the_rung_says_what_was_there_or_is_not_used(tmp_path: Path) -> None:
    """As when a ledger was restored from a copy that is older than the trials' folders."""
    path = tmp_path / "c.bin"
    early = fit(small_net(), STEADY, checkpoint=path, until=1)
    fit(small_net(), STEADY, checkpoint=path, until=2)
    back = fit(small_net(), STEADY, checkpoint=path, until=1)
    assert (back.epochs, back.accuracy, back.loss) == (1, early.accuracy, early.loss)
    path.unlink()
    fit(small_net(), STEADY, checkpoint=path, until=2)  # without a look after the first epoch
    anew = fit(small_net(), STEADY, checkpoint=path, until=1)
    assert (anew.epochs, anew.accuracy, anew.loss) == (1, early.accuracy, early.loss)


def test_one_epoch_leaves_no_checkpoint(tmp_path: Path) -> None:
    fit(small_net(), dataclasses.replace(STEADY, epochs=1), checkpoint=tmp_path / "c.bin")
    assert not (tmp_path / "c.bin").exists()


class Explodes(nn.Module):
    """Gives infinite logits from call `at` on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.net, self.at, self.calls = small_net(), at, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += self.training
        return self.net(x) * (float("inf") if self.calls > self.at else 1.0)


@pytest.mark.parametrize(("at", "epoch"), [(0, 1), (13, 2), (30, 3)])  # 11 steps an epoch
def test_a_loss_that_is_not_finite_ends_training_within_the_epoch(tmp_path: Path, at: int, epoch: int) -> None:
    net = Explodes(at)
    result = fit(net, checkpoint=tmp_path / "c.bin")
    assert result.status == "diverged"
    assert f"in epoch {epoch}" in result.reason
    assert result.accuracy is None
    assert result.loss is None
    assert result.epochs == epoch
    assert net.calls <= 11 * epoch


def test_weights_that_explode_in_the_last_step_are_divergence_too() -> None:
    class LastStep(Explodes):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x) * (1.0 if self.training else float("nan"))

    assert fit(LastStep(0)).status == "diverged"


def test_a_rate_far_too_high_is_a_result_and_not_an_error() -> None:
    recipe = dataclasses.replace(STEADY, lr=10.0, momentum=0.99, epochs=40, warmup=0.0, weight_decay=1.0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 64), nn.Linear(64, 64), nn.Linear(64, 4))
    assert fit(net, recipe).status == "diverged"


@pytest.mark.parametrize("count", [2, 17, 33])
def test_no_batch_has_a_single_image(count: int) -> None:
    """A batch norm over one value per channel raises; 17 images at batch size 16 would leave one over."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))
    images = quarters(count)
    result = train(net, images, quarters(8), STEADY, shape=SHAPE, seed=0)
    assert result.status == "ok"


def test_too_few_images_are_refused() -> None:
    for training, validation in ((quarters(1), quarters(4)), (quarters(4), quarters(0))):
        with pytest.raises(DataError, match="two images and one to validate"):
            train(small_net(), training, validation, STEADY, shape=SHAPE, seed=0)


def test_a_subset_of_the_images_is_enough_when_asked_for() -> None:
    seen: list[int] = []

    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = small_net()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():
                seen.append(len(x))
            return self.net(x)

    fit(Counts(), dataclasses.replace(STEADY, images=50, epochs=1))
    assert seen == [16, 16, 16]


SIDE = auxiliary((gap(2), conv(8), linear(4)), weight=0.25)


def test_losses_of_auxiliary_heads_are_added_with_their_weights() -> None:
    recipe = dataclasses.replace(STEADY, epochs=1, batch_size=24, label_smoothing=0.0, crop_padding=0, images=24, lr=1e-8)
    told: list[Epoch] = []
    net = with_heads(SIDE, SIDE)
    with torch.no_grad():
        images = resized(split(quarters(32), 0.25, seed=0)[0], SHAPE)
        pixels, labels = images.plain(torch.arange(24), images.statistics())
        said = net.train()(pixels)
        losses = [nn.functional.cross_entropy(logits, labels).item() for logits in said]
    result = fit(with_heads(SIDE, SIDE), recipe, images=quarters(32), on_epoch=told.append)
    assert told[0].train_loss == pytest.approx(losses[0] + 0.25 * losses[1] + 0.25 * losses[2], rel=1e-5)
    assert result.loss is not None
    assert result.loss < 2  # of the network alone


def test_heads_learn_and_validation_does_not_see_them() -> None:
    net = with_heads(SIDE)
    result = fit(net, dataclasses.replace(STEADY, epochs=6, validate_epochs=True))
    assert result.accuracy is not None
    assert result.accuracy > 0.9
    images = resized(quarters(40), SHAPE)
    pixels, labels = images.plain(torch.arange(40), result.statistics)
    net.train()
    (_, one), (aside, weight) = all_logits(net, pixels, STEADY)
    assert (one, weight) == (1.0, 0.25)
    assert (aside.argmax(1) == labels).float().mean() > 0.8
    net.eval()
    assert len(all_logits(net, pixels, STEADY)) == 1
