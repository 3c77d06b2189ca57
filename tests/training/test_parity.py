"""One epoch of a recipe with many parts equals a plain torch loop, and a stop changes nothing for any part."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from nets import SHAPE, STEADY, Killed, bits, fit, kill_after, quarters, small_net
from torch import nn
from torch.nn import functional
from torchvision.transforms import v2

from nasbench.errors import NasbenchError
from nasbench.training.batches import resized
from nasbench.training.images import split
from nasbench.training.recipe import Recipe
from nasbench.training.recipes import find_recipe
from nasbench.training.trainer import train


def tricks() -> Recipe:
    """The recipe `bag-of-tricks` at the size of the test, without crops and mirrors, which have tests of their own."""
    recipe = find_recipe("bag-of-tricks").recipe
    return dataclasses.replace(
        recipe, epochs=1, batch_size=16, lr=0.1, warmup=0.25, flip=False, crop_padding=0, precision="fp32", ema=0.9, clip=0.5
    )


def plain_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))


def test_an_epoch_of_bag_of_tricks_is_a_plain_loop() -> None:
    """Warm-up, cosine, Nesterov momentum, no decay of norms and biases, label smoothing, mixup, clipping and an average of the weights."""
    images, validation = split(quarters(), 0.25, seed=0)
    net, plain = plain_net(), plain_net()
    result = train(net, images, validation, tricks(), shape=SHAPE, seed=7)

    pixels = resized(images, SHAPE)
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (result.statistics.mean, result.statistics.std))
    inputs = ((pixels.pixels.float() / 255 - mean) / std).expand(-1, 3, -1, -1)
    norm = plain[1]
    norm.momentum = max(norm.momentum, 1 - 0.01 ** (1 / 11))
    decayed, free = [plain[0].weight, plain[4].weight], [norm.weight, norm.bias, plain[4].bias]
    sgd = torch.optim.SGD([{"params": decayed, "weight_decay": 1e-4}, {"params": free}], lr=0.1, momentum=0.9, nesterov=True)
    mixup = v2.MixUp(alpha=0.2, num_classes=4)
    generator = torch.Generator().manual_seed(7)
    order = torch.randperm(180, generator=generator)
    average: dict[str, torch.Tensor] = {}
    losses = []
    with torch.random.fork_rng():
        torch.manual_seed(7)
        plain.train()
        for step in range(11):
            index = order[16 * step : 16 * step + 16]
            for group in sgd.param_groups:
                warm = 3  # round(0.25 * 11)
                angle = torch.pi * (step - warm) / (11 - warm)
                group["lr"] = 0.1 * (step + 1) / 4 if step < warm else 0.05 * (1 + torch.cos(torch.tensor(angle)).item())
            torch.randint(0, 1, (2, 16, 1), generator=generator)  # crops and mirrors draw, whatever they then do
            torch.rand((16, 1), generator=generator)
            mixed, targets = mixup(inputs[index], images.labels[index])
            loss = functional.cross_entropy(plain(mixed), targets, label_smoothing=0.1)
            sgd.zero_grad()
            loss.backward()
            total = torch.sqrt(sum((p.grad**2).sum() for p in plain.parameters()))
            for p in plain.parameters():
                p.grad *= min(1.0, 0.5 / (total.item() + 1e-6))
            sgd.step()
            losses.append(loss.item())
            decay = min(0.9, (1 + step) / (10 + step))
            for name, value in plain.state_dict().items():
                if step == 0 or not value.is_floating_point():
                    average[name] = value.clone()
                else:
                    average[name] = decay * average[name] + (1 - decay) * value
    assert result.history[0].train_loss == pytest.approx(sum(losses) / 11, abs=1e-6)
    for name, value in net.state_dict().items():
        assert torch.allclose(value, average[name], atol=1e-6, rtol=0), name
    assert not torch.allclose(average["4.weight"], plain.state_dict()["4.weight"], atol=1e-4), "the control: an average differs"


CHANGES = [
    {"ema": 0.9},
    {"schedule": "one-cycle"},
    {"schedule": "step", "milestones": (0.4,)},
    {"schedule": "plateau", "patience": 0, "validate_epochs": True},
    {"optimizer": "rmsprop", "lr": 0.01},
    {"mixup": 0.2, "cutmix": 1.0},
    {"augment": "trivial", "random_erasing": 0.5, "clip": 0.3},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(change))
def test_a_killed_training_ends_with_the_same_bits(tmp_path: Path, change: dict) -> None:
    recipe = dataclasses.replace(STEADY, calibration=0, **change)
    whole, without = small_net(), small_net()
    expected = fit(whole, recipe)
    fit(without, dataclasses.replace(STEADY, calibration=0))
    assert bits(whole) != bits(without), "the control: the field does something"
    with pytest.raises(Killed):
        fit(small_net(), recipe, checkpoint=tmp_path / "c.bin", on_epoch=kill_after(1))
    net = small_net(seed=99)
    starts: list[tuple[int, int]] = []
    resumed = fit(net, recipe, checkpoint=tmp_path / "c.bin", on_start=lambda *done: starts.append(done))
    assert starts == [(1, 0)]
    assert bits(net) == bits(whole)
    assert (resumed.accuracy, resumed.loss) == (expected.accuracy, expected.loss)


def test_the_network_ends_with_the_average_and_its_accuracy() -> None:
    recipe = dataclasses.replace(STEADY, ema=0.99, epochs=2)
    net = small_net()
    before = copy.deepcopy(net.state_dict())
    result = fit(net, recipe)
    assert result.status == "ok"
    assert not torch.equal(net.state_dict()["0.weight"], before["0.weight"])


def test_without_validation_images_there_is_no_accuracy() -> None:
    net, other = small_net(), small_net()
    result = train(net, quarters(), None, STEADY, shape=SHAPE, seed=0)
    assert (result.status, result.accuracy, result.loss) == ("ok", None, None)
    train(other, quarters(), quarters(40), STEADY, shape=SHAPE, seed=0)
    assert bits(net) == bits(other), "validation changes nothing"
    with pytest.raises(NasbenchError, match="needs validation images"):
        train(small_net(), quarters(), None, dataclasses.replace(STEADY, validate_epochs=True), shape=SHAPE, seed=0)
