"""Calibrated norms, accuracy and loss."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from nets import SHAPE, STEADY, fit, quarters, small_net, with_heads
from torch import nn

from nasbench.genotype.blocks import auxiliary, conv, gap, linear
from nasbench.training.batches import Statistics, resized
from nasbench.training.optimizer import fit_norm_momentum
from nasbench.training.score import calibrate, score

SIDE = auxiliary((gap(2), conv(8), linear(4)), weight=0.25)


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
    assert calibrated.accuracy == usual.accuracy  # the momentum does not matter any more
    assert calibrated.accuracy is not None
    assert calibrated.accuracy > 0.9


def test_without_calibration_the_momentum_fits_the_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = dataclasses.replace(STEADY, calibration=0)
    net = Shifted(0.0003)
    fitted = fit(net, recipe)
    assert net.norm.momentum == pytest.approx(1 - 0.01 ** (1 / (3 * (180 // 16))))
    assert fitted.accuracy is not None
    assert fitted.accuracy > 0.9
    monkeypatch.setattr("nasbench.training.loop.fit_norm_momentum", lambda net, steps: None)
    left = fit(Shifted(0.0003), recipe)
    assert left.accuracy is not None
    assert left.accuracy < 0.5  # the control: the running statistics are still the initial ones
    large = Shifted(0.9)
    fit_norm_momentum(large, 33)
    assert large.norm.momentum == 0.9


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


def test_calibration_leaves_auxiliary_heads_alone() -> None:
    net = with_heads(SIDE).train()
    net(torch.rand(8, 3, 8, 8))
    before = {name: value.clone() for name, value in net.named_buffers()}
    calibrate(net, [torch.rand(8, 3, 8, 8) for _ in range(2)], STEADY)
    for name, value in net.named_buffers():
        assert torch.equal(value, before[name]) == (".auxiliary." in name), name
