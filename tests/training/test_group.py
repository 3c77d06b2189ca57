"""Shares of a batch: together they are the batch, with the same random numbers, losses and gradients."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nets import SHAPE, STEADY, quarters
from torch import nn

from nasbench.genotype import Genotype
from nasbench.genotype.blocks import auxiliary, conv, gap, linear
from nasbench.network import build
from nasbench.training.batches import resized
from nasbench.training.group import ALONE, Group
from nasbench.training.images import split
from nasbench.training.loop import Training

CPU = torch.device("cpu")
PLAIN = dataclasses.replace(STEADY, calibration=0, flip=True)


@given(st.integers(1, 8), st.integers(16, 500))
def test_shares_are_a_batch_in_order_and_differ_by_one_image_at_most(size: int, count: int) -> None:
    shares = [list(range(count))[Group(rank, size).rows(count)] for rank in range(size)]
    assert list(itertools.chain(*shares)) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(0, 3))
def test_a_share_has_the_crops_that_it_has_in_the_batch(seed: int, size: int, padding: int) -> None:
    images = resized(quarters(40), SHAPE)
    index = torch.randperm(40, generator=torch.Generator().manual_seed(seed))[:17]
    whole, labels = images.cropped(index, torch.Generator().manual_seed(seed), flip=True, padding=padding)
    parts, after = [], set()
    for rank in range(size):
        generator = torch.Generator().manual_seed(seed)
        parts.append(images.cropped(index, generator, flip=True, padding=padding, share=Group(rank, size).rows(17)))
        after.add(bytes(generator.get_state().numpy()))
    assert torch.equal(torch.cat([pixels for pixels, _ in parts]), whole)
    assert torch.equal(torch.cat([part for _, part in parts]), labels)
    assert len(after) == 1


@dataclass(frozen=True)
class Imagined(Group):
    """A process of a group whose others do not exist: nothing is averaged."""

    def parallel(self, net: nn.Module, device: torch.device) -> nn.Module:
        return net

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        return value


def first_step(group: Group, change: dict) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The loss and the gradients of the first step."""
    torch.manual_seed(0)
    side = auxiliary((gap(2), linear(4)), weight=0.25)
    net = build(Genotype("n", SHAPE, (conv(8, 3, norm=False), side, conv(8, 3, norm=False)), head=(gap(2), linear(4))))
    images, validation = split(quarters(), 0.25, seed=0)
    training = Training(net, images, validation, dataclasses.replace(PLAIN, **change), SHAPE, 3, CPU, 1, group=group)
    torch.manual_seed(5)
    loss = training._step(torch.arange(16))
    return loss, [parameter.grad for parameter in net.parameters()]


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    "change", [{}, {"label_smoothing": 0.1}, {"mixup": 0.2, "cutmix": 1.0}, {"augment": "trivial", "random_erasing": 0.5}], ids=str
)
def test_the_mean_of_the_shares_is_the_step_of_one_process(size: int, change: dict) -> None:
    loss, gradients = first_step(ALONE, change)
    steps = [first_step(Imagined(rank, size), change) for rank in range(size)]
    assert torch.allclose(sum(part for part, _ in steps) / size, loss, atol=1e-6)
    for number, gradient in enumerate(gradients):
        mean = sum(parts[number] for _, parts in steps) / size
        assert torch.allclose(mean, gradient, atol=1e-6)
        assert not torch.allclose(steps[0][1][number], gradient, atol=1e-6), "the control: one share is not the batch"


def test_dropout_differs_between_processes_and_leaves_their_generators_in_step() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    drawn = []
    for rank, step in ((0, 0), (1, 0), (0, 1), (0, 0)):
        with Group(rank, 2).own_randomness(7, step, CPU):
            drawn.append(torch.rand(4).tolist())
        assert torch.equal(torch.get_rng_state(), before)
    assert drawn[0] == drawn[3]
    assert len({tuple(numbers) for numbers in drawn}) == 3
    with ALONE.own_randomness(7, 0, CPU):
        torch.rand(4)
    assert not torch.equal(torch.get_rng_state(), before), "a single process draws as ever"


def test_alone_nothing_is_exchanged() -> None:
    net, loss = nn.Linear(2, 2), torch.tensor(3.0)
    assert ALONE.parallel(net, CPU) is net
    assert ALONE.mean(loss) is ALONE.weighted(loss, 4, 4) is loss
    assert ALONE.of_first([1.5, None], CPU) == [1.5, None]
