from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from nets import QUICK, SHAPE, quarters, small_net
from torch import nn

from nasbench.errors import DataError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import auxiliary, conv, gap, linear
from nasbench.network import build
from nasbench.training.batches import Statistics, resized
from nasbench.training.checkpoint import MARK, load_checkpoint, save_checkpoint
from nasbench.training.images import LabeledImages, split
from nasbench.training.recipe import Recipe
from nasbench.training.score import all_logits, calibrate, score
from nasbench.training.trainer import Epoch, TrainResult, evaluate, train

STEADY = dataclasses.replace(QUICK, flip=False)


def fit(net: nn.Module, recipe: Recipe = STEADY, seed: int = 0, images: LabeledImages | None = None, **more) -> TrainResult:
    training, validation = split(images or quarters(), 0.25, seed=0)
    return train(net, training, validation, recipe, shape=SHAPE, seed=seed, **more)


def bits(net: nn.Module) -> list[bytes]:
    return [value.detach().numpy().tobytes() for value in net.state_dict().values()]


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


class Killed(Exception):
    pass


def kill_after(number: int):
    def on_epoch(epoch: Epoch) -> None:
        if epoch.epoch == number:
            raise Killed

    return on_epoch


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


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def only_mark(path: Path) -> None:
    path.write_bytes(MARK)


@pytest.mark.parametrize("damage", [flip_a_bit, cut, empty, only_mark])
def test_a_damaged_checkpoint_is_ignored_and_training_starts_again(tmp_path: Path, damage) -> None:
    whole, net = small_net(), small_net()
    fit(whole)
    with pytest.raises(Killed):
        fit(small_net(), checkpoint=tmp_path / "c.bin", on_epoch=kill_after(2))
    damage(tmp_path / "c.bin")
    with pytest.warns(RuntimeWarning, match=r"c\.bin is ignored"):
        fit(net, checkpoint=tmp_path / "c.bin")
    assert bits(net) == bits(whole)


@pytest.mark.parametrize("change", [{"seed": 1}, {"recipe": dataclasses.replace(STEADY, lr=0.05)}, {"images": quarters(400)}])
def test_a_checkpoint_of_another_training_is_ignored(tmp_path: Path, change: dict) -> None:
    with pytest.raises(Killed):
        fit(small_net(), checkpoint=tmp_path / "c.bin", on_epoch=kill_after(1))
    net, fresh = small_net(), small_net()
    with pytest.warns(RuntimeWarning, match="another recipe, seed, network or data"):
        fit(net, checkpoint=tmp_path / "c.bin", **change)
    fit(fresh, **change)
    assert bits(net) == bits(fresh)


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "run",))

    save_checkpoint(tmp_path / "c.bin", {"identity": {}, "net": Evil()})
    with pytest.warns(RuntimeWarning, match="ignored"):
        assert load_checkpoint(tmp_path / "c.bin", {}) is None
    assert not (tmp_path / "run").exists()


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


class Shifted(nn.Module):
    """Hands its norm values around 5 that differ by a hundredth: only the right statistics tell them apart."""

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(192, momentum=momentum)
        self.last = nn.Linear(192, 4)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.norm(5 + 0.01 * x.flatten(1)))


def test_a_tiny_norm_momentum_does_not_spoil_the_accuracy() -> None:
    """MnasNet's 0.0003: the running statistics are still those of the start when training ends."""
    calibrated, usual = fit(Shifted(0.0003)), fit(Shifted(0.1))
    left = fit(Shifted(0.0003), dataclasses.replace(STEADY, calibration=0))
    assert calibrated.accuracy == usual.accuracy  # the momentum does not matter any more
    assert calibrated.accuracy is not None
    assert calibrated.accuracy > 0.9
    assert left.accuracy is not None
    assert left.accuracy < 0.5  # the control


def test_calibration_averages_and_leaves_all_else_alone() -> None:
    net = small_net(momentum=0.0003).train()
    weights = [p.clone() for p in net.parameters()]
    batches = [torch.rand(10, 3, 8, 8) for _ in range(4)]
    calibrate(net, batches, STEADY)
    hidden = torch.stack([net[0](batch) for batch in batches])
    assert torch.allclose(net[1].running_mean, hidden.mean((0, 1, 3, 4)), atol=1e-6)
    assert torch.allclose(net[1].running_var, hidden.var((1, 3, 4)).mean(0), rtol=1e-4)
    assert net[1].momentum == 0.0003
    assert net.training
    assert net[1].training
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))


def test_calibration_draws_no_random_numbers() -> None:
    net = small_net()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    calibrate(net, [torch.rand(4, 3, 8, 8, generator=torch.Generator())], STEADY)
    assert torch.equal(torch.get_rng_state(), before)  # dropout was off


def test_a_network_without_norms_is_not_touched() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    calibrate(net, iter(()), STEADY)
    assert fit(net).status == "ok"


def test_scores_do_not_depend_on_the_batches() -> None:
    images = resized(quarters(300), SHAPE)
    net, statistics = small_net().eval(), Statistics((0.3,), (0.2,))
    accuracy, loss = score(net, images, STEADY, statistics)
    pixels, labels = images.plain(torch.arange(300), statistics)
    with torch.no_grad():
        said = net(pixels)
    assert accuracy == pytest.approx((said.argmax(1) == labels).float().mean().item())
    assert loss == pytest.approx(nn.functional.cross_entropy(said, labels).item(), rel=1e-4)
    assert not net.training


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


def test_bf16_runs_when_asked_for_and_auto_is_fp32_on_a_cpu() -> None:
    kinds: set[torch.dtype] = set()
    net = small_net()
    net[0].register_forward_hook(lambda _m, _i, output: kinds.add(output.dtype))
    fit(net, dataclasses.replace(STEADY, precision="auto", epochs=1))
    assert kinds == {torch.float32}
    kinds.clear()
    result = fit(net, dataclasses.replace(STEADY, precision="bf16", epochs=1))
    assert kinds == {torch.bfloat16}
    assert result.status == "ok"


SIDE = auxiliary((gap(2), conv(8), linear(4)), weight=0.25)


def with_heads(*rows) -> nn.Module:
    torch.manual_seed(0)
    return build(Genotype("n", SHAPE, (conv(8, 3), *rows, conv(8, 3)), head=(gap(2), linear(4))))


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


def test_calibration_leaves_auxiliary_heads_alone() -> None:
    net = with_heads(SIDE).train()
    net(torch.rand(8, 3, 8, 8))
    before = {name: value.clone() for name, value in net.named_buffers()}
    calibrate(net, [torch.rand(8, 3, 8, 8) for _ in range(2)], STEADY)
    for name, value in net.named_buffers():
        assert torch.equal(value, before[name]) == (".auxiliary." in name), name
