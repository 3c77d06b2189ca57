"""torch's own generators in a training: dropout, drop path and augmentation draw from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators and use deterministic convolutions; afterwards all is as before."""
    cuda = device.type == "cuda"
    with (
        torch.random.fork_rng([device] if cuda else []),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        torch.manual_seed(seed)
        yield


def random_state(device: torch.device) -> dict[str, torch.Tensor | None]:
    """The state of the generators of the CPU and, where the training is on one, of the GPU."""
    return {"torch": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None}


def restore_random_state(state: Mapping[str, Any], device: torch.device) -> None:
    """Set the generators to what `random_state` gave."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)
