"""Batch norms of several processes are those of one: outputs, gradients and running statistics, against torch's own on the whole batch."""

from __future__ import annotations

import copy
from typing import Any

import group_work
import numpy as np
import pytest
import torch
from listens import Listens
from torch import nn

from nasbench.errors import NasbenchError
from nasbench.training.delivery.processes import run_in_processes
from nasbench.training.recipe import Recipe
from nasbench.training.synced_norm import CpuNorm, GpuNorm, synchronise_norms


def images() -> torch.Tensor:
    """Seven, which two processes share as three and four; they differ much, so that a share has other statistics than the batch."""
    torch.manual_seed(1)
    return torch.randn(7, 3, 6, 6) * torch.arange(1.0, 8.0).view(7, 1, 1, 1) + torch.arange(7.0).view(7, 1, 1, 1)


def by_torch(batch: torch.Tensor) -> tuple[Any, Any, list[Any]]:
    """What `group_work.normalise` returns, by torch's norms in one process."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.BatchNorm1d(64, affine=False, momentum=None))
    batch = batch.clone().requires_grad_()
    outputs = net(batch)
    (outputs * torch.arange(64)).sin().sum().backward()
    values = [net[0].weight.grad, net[1].weight.grad, net[1].bias.grad, *net.buffers()]
    assert batch.grad is not None
    return outputs.detach().numpy(), batch.grad.numpy(), [value.numpy() for value in values]


def test_the_first_process_has_its_part_of_the_whole_batch() -> None:
    outputs, gradient, values = run_in_processes(2, "cpu", group_work.normalise, images(), Listens())
    wanted = by_torch(images())
    share = slice(0, 3)
    np.testing.assert_allclose(outputs, wanted[0][share], atol=1e-5)
    np.testing.assert_allclose(gradient, wanted[1][share], atol=1e-3, rtol=1e-4)
    for value, expected in zip(values, wanted[2], strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-3, rtol=1e-4)
    alone = by_torch(images()[share])
    assert not np.allclose(outputs, alone[0], atol=0.1), "the control: the share by itself is normalised otherwise"


@pytest.mark.parametrize(("device", "kind"), [("cpu", CpuNorm), ("cuda", GpuNorm)])
def test_names_and_tensors_stay(device: str, kind: type[nn.Module]) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2, eps=1e-3, momentum=0.02)), nn.BatchNorm1d(2, affine=False))
    before = dict(net.state_dict(keep_vars=True))
    plain = copy.deepcopy(net)
    assert synchronise_norms(net, torch.device(device)) == 2
    after = net.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    norm = net[1][0]
    assert isinstance(norm, kind)
    assert (norm.eps, norm.momentum, norm.training) == (1e-3, 0.02, True)
    inputs = torch.randn(5, 2)
    for mode in (True, False):  # without gradients it is the norm that it was
        with torch.no_grad():
            assert torch.equal(net.train(mode)[2](inputs), plain.train(mode)[2](inputs))


def test_it_does_not_go_with_compile() -> None:
    with pytest.raises(NasbenchError, match="got compile and sync_norms; set one to false"):
        Recipe(compile=True, sync_norms=True)
