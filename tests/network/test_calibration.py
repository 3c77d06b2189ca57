"""Batch norms with a small momentum: without calibration a short training by hand fails in inference mode."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import nasbench as nb
from nasbench.errors import WeightsError
from nasbench.genotype import Genotype, Style
from nasbench.genotype.blocks import conv, gap, linear

G = Genotype("n", (3, 8, 8), (conv(8, 3),), head=(gap(), linear(4)), style=Style(momentum=0.0003))


def test_a_plain_training_needs_the_calibration_that_the_docstring_of_build_names() -> None:
    torch.manual_seed(0)
    net = nb.build(G)
    images = 3 + torch.randn(96, 3, 8, 8)
    with torch.no_grad():
        for _ in range(20):
            net(images)
        trained = net(images)
        assert not torch.allclose(net.eval()(images), trained, atol=0.05), "the control: the initial statistics are still there"
        nb.calibrate(net, images)
        assert torch.allclose(net(images), trained, atol=0.05)
    assert not net.training
    assert "nasbench.calibrate(net, images)" in (nb.build.__doc__ or "")


def test_batches_and_single_modules_keep_their_modes() -> None:
    net = nb.build(G)
    net.get_submodule("head.1.linear").eval()
    nb.calibrate(net, (batch for batch in torch.rand(30, 3, 8, 8).split(10)))
    assert net.training
    assert not net.get_submodule("head.1.linear").training
    with pytest.raises(WeightsError, match=r"calibrated with some images .*got none"):
        nb.calibrate(net, torch.empty(0, 3, 8, 8))
    nb.calibrate(nn.Linear(2, 2), [])  # there is nothing to do
