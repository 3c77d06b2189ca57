"""Batch norms of several processes that use the mean and variance of the whole batch, as one process would."""

from __future__ import annotations

from typing import Any

import torch
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


def synchronise_norms(net: nn.Module, device: torch.device) -> int:
    """Let every batch norm of `net` use the mean and variance of the whole batch of all processes, instead of the own share.

    Parameters and buffers are the same objects as before, under the same names, so that optimizers and state dicts stay right. Where no
    gradients are computed, as in a validation or a calibration, a norm is that of its process: the first process is alone there, and
    would wait for the others for ever.

    Args:
        device: that of the training. On a GPU torch's `SyncBatchNorm` does the work; it does not exist for CPUs.

    Returns:
        The number of norms.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
        >>> synchronise_norms(net, torch.device("cpu")), type(net[1]).__name__, list(net.state_dict())[2]
        (1, 'CpuNorm', '1.weight')
    """
    norms = {name: module for name, module in net.named_modules() if isinstance(module, _BatchNorm)}
    kind = CpuNorm if device.type == "cpu" else GpuNorm
    for name, norm in norms.items():
        parent, _, own = name.rpartition(".")
        synced = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats, device="meta")
        synced.weight, synced.bias = norm.weight, norm.bias
        synced.running_mean, synced.running_var, synced.num_batches_tracked = norm.running_mean, norm.running_var, norm.num_batches_tracked
        synced.training = norm.training
        setattr(net.get_submodule(parent), own, synced)
    return len(norms)


class GpuNorm(nn.SyncBatchNorm):
    """A synchronised norm on GPUs: torch's."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The normalised `input`, (N, C, ...) with any N in each process."""
        alone = not self.training or not torch.is_grad_enabled()
        normalised: torch.Tensor = _BatchNorm.forward(self, input) if alone else super().forward(input)
        return normalised


class CpuNorm(_BatchNorm):
    """A synchronised norm on a CPU. Sums over the images, C numbers each, are added in the order of the processes, so that a training that
    continues after a stop gives the same bits."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        """Any number of axes is right; torch asks."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The normalised `input`, (N, C, ...) with any N in each process."""
        if not self.training or not torch.is_grad_enabled():
            alone: torch.Tensor = super().forward(input)
            return alone
        values = input.float()
        axes = [axis for axis in range(values.ndim) if axis != 1]
        shape = (1, -1) + (1,) * (values.ndim - 2)
        sums = _Total.apply(torch.cat([values.sum(axes), values.new_tensor([values.numel() / values.shape[1]])]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean.view(shape)  # a mean of squares less the square of the mean would lose digits
        variance = _Total.apply(centred.square().sum(axes)) / count
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach() * count / (count - 1))
        normalised = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        same_dtype: torch.Tensor = normalised.to(input.dtype)
        return same_dtype

    def _track(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Update the running statistics by those of a batch, (C) each, as `torch.nn.functional.batch_norm` does."""
        if self.num_batches_tracked is None or self.running_mean is None or self.running_var is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _Total(torch.autograd.Function):
    """The sum of a tensor over all processes. Each uses it in its own loss, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        return _total(value)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return _total(gradient)


def _total(value: torch.Tensor) -> torch.Tensor:
    value = value.contiguous()
    parts = [torch.empty_like(value) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, value)
    return torch.stack(parts).sum(0)
