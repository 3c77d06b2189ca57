"""The processes that train one network together, each on its share of every batch (data parallelism)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Group:
    """This process among those that train a network together; by default it is alone.

    Every process draws the same random numbers and holds the same weights. Of each batch it computes its share, and the gradients of all
    shares are averaged (Li et al. 2020, "PyTorch Distributed"). Batch norms see the own share, and the running statistics are those of the
    first process.

    Attributes:
        rank: number of the process, from 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files, validates and reports."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """The share of this process of a batch of `count` images.

        >>> [Group(rank, 3).rows(8) for rank in range(3)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
        """
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def parallel(self, net: nn.Module, device: torch.device) -> nn.Module:
        """The network with gradients that are averaged over all processes; alone, the network itself."""
        if self.size == 1:
            return net
        if device.type == "cuda":
            return DistributedDataParallel(net, device_ids=[torch.cuda.current_device()])
        model = DistributedDataParallel(net)
        model.register_comm_hook(self, _average_in_order)
        return model

    def weighted(self, loss: torch.Tensor, share: int, batch: int) -> torch.Tensor:
        """The mean loss of `share` images, scaled so that the mean over all processes is that of the whole `batch`."""
        return loss if self.size == 1 else loss * (self.size * share / batch)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a value over all processes, which have to call this together."""
        if self.size > 1:
            value = value.clone()
            distributed.all_reduce(value)
            value /= self.size
        return value

    def of_first(self, values: Sequence[float | None], device: torch.device) -> list[float | None]:
        """The numbers of the first process, in every process; all have to call this together."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor([float("nan") if value is None else value for value in values], dtype=torch.float64, device=device)
        missing = torch.tensor([value is None for value in values], dtype=torch.float64, device=device)
        both = torch.stack([numbers, missing])
        distributed.broadcast(both, 0)
        return [None if gone else number for number, gone in zip(*both.tolist(), strict=True)]

    @contextmanager
    def own_randomness(self, seed: int, step: int, device: torch.device) -> Iterator[None]:
        """Random numbers of this process for one step, as for dropout; afterwards the generators are in step with the others' again."""
        if self.size == 1:
            yield
            return
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            state = np.random.SeedSequence([seed, step, self.rank]).generate_state(2)  # numpy guarantees that it never changes
            torch.manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
            yield


ALONE = Group()


def _average_in_order(group, bucket):  # type: ignore[no-untyped-def] # torch refuses annotations that are texts, as all are in this file
    """Average gradients in the order of the processes.

    The usual reduction adds in an order that depends on the place of a gradient in its bucket, and torch arranges the buckets anew after
    the first step. A training that continues after a stop would then end with other last bits.
    """
    own = bucket.buffer()
    parts = [torch.empty_like(own) for _ in range(group.size)]

    def average(_: Any) -> torch.Tensor:
        total = parts[0]
        for part in parts[1:]:
            total += part
        mean: torch.Tensor = own.copy_(total.div_(group.size))
        return mean

    return distributed.all_gather(parts, own, async_op=True).get_future().then(average)
