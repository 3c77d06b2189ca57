"""Scores from gradients: synaptic flow, the norm of the gradient, and the correlation of the Jacobians of different images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nasbench.evaluate.zero_cost.modules import weights, working_copy

JACOB_K = 1e-5  # added to eigenvalues, as in the authors' code


def synflow(net: nn.Module, images: Tensor, labels: Tensor | None = None) -> float:
    """The sum of |w dR/dw| over the weights w of convolutions and linear layers (Tanaka et al. 2020, eq. 2 and algorithm 1).

    R is the sum of the outputs for one image of ones, where every parameter and every stored statistic is replaced by its absolute
    value. As in the authors' code, batch norms use their stored statistics, at initialisation mean 0 and variance 1, so they
    change next to nothing. The paper assumes ReLU-like activations; here a network keeps its own. Computed in double precision, because
    R grows by a factor with each layer.

    Args:
        images: only their size matters.
    """
    net = working_copy(net, batch_statistics=False, dtype=torch.float64)
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.abs_()
    several = weights(net)
    ones = torch.ones(1, *images.shape[1:], dtype=torch.float64, device=images.device)
    gradients = torch.autograd.grad(net(ones).sum(), several, allow_unused=True)
    return float(sum((w.detach() * g).abs().sum() for w, g in zip(several, gradients, strict=True) if g is not None))


def grad_norm(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The sum over convolutions and linear layers of the Euclidean norm of the gradient of their weights, for the cross-entropy of one
    batch (Abdelfattah et al. 2021, section 3.2). Batch norms use the statistics of the batch.
    """
    net = working_copy(net, batch_statistics=True)
    loss = functional.cross_entropy(net(images), labels)
    gradients = torch.autograd.grad(loss, weights(net), allow_unused=True)
    return float(sum(g.norm() for g in gradients if g is not None))


def jacob_cov(net: nn.Module, images: Tensor, labels: Tensor | None = None) -> float:
    """How little the Jacobians of different images correlate (Mellor et al. 2020, version 1 of "Neural Architecture Search without
    Training"; Abdelfattah et al. 2021 call it jacob_cov).

    The Jacobian of an image is the gradient of the sum of all outputs. With the eigenvalues v of the correlations between the images'
    Jacobians the score is -sum(log(v + k) + 1 / (v + k)), k = 1e-5; it is highest where nothing correlates. Batch norms use the
    statistics of the batch.
    """
    net = working_copy(net, batch_statistics=True)
    images = images.detach().clone().requires_grad_()
    (jacobians,) = torch.autograd.grad(net(images).sum(), images)
    correlations = torch.corrcoef(jacobians.flatten(1).double())
    if not correlations.isfinite().all():
        return float("nan")
    values = torch.linalg.eigvalsh(correlations) + JACOB_K
    return -float((values.log() + 1 / values).sum())
