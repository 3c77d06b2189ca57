"""Divides the GPUs of this machine among the trials of the local engine: a share of one GPU each, or several whole GPUs each."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from functools import cache

from nasbench.errors import StudyError
from nasbench.latency.gpu import gpu_count

MOST = 64.0  # GPUs of one trial


class GpuSlots:
    """Slots for trials on GPUs.

    Each GPU has floor(1 / share) slots where a trial has a share of one GPU. From 1 on, `share` whole GPUs make one slot.
    Only the number of trials on a GPU is limited: nothing divides its memory among them.

    Args:
        devices: the GPUs, as CUDA_VISIBLE_DEVICES names them.
        share: GPUs of a trial, above 0; from 1 on a whole number.

    Raises:
        StudyError: an impossible share.

    Example:
        >>> slots = GpuSlots(["0", "1"], 0.5)
        >>> [slots.acquire(key) for key in "abc"]
        [{'CUDA_VISIBLE_DEVICES': '0'}, {'CUDA_VISIBLE_DEVICES': '1'}, {'CUDA_VISIBLE_DEVICES': '0'}]
    """

    def __init__(self, devices: Sequence[str], share: float) -> None:
        check_share(share)
        self.devices, self.share = list(devices), share
        if share < 1:  # GPU by GPU, so that two trials share one only when every other GPU has a trial
            self._free = [name for _ in range(trials_per_gpu(share)) for name in devices]
        else:
            n = int(share)
            self._free = [",".join(devices[i : i + n]) for i in range(0, len(devices) - n + 1, n)]
        self.count = len(self._free)
        self._taken: dict[Hashable, str] = {}

    def check(self, workers: int) -> None:
        """Check that every worker can have a slot.

        Raises:
            StudyError: there are fewer slots than workers.
        """
        if not self.devices:
            raise StudyError(
                f"a trial with {self.share:g} GPU needs a GPU that torch sees, and torch sees none here; "
                "--gpus-per-trial 0 trains on the CPU"
            )
        if self.count < workers:
            raise StudyError(
                f"{workers} trials at a time with {self.share:g} GPU each need more than there is: {len(self.devices)} GPUs have room for "
                f"{self.count}; use --jobs {self.count or 1} or another --gpus-per-trial (0 trains on the CPU)"
            )

    def acquire(self, key: Hashable) -> dict[str, str]:
        """Take a slot for a call. Returns the environment variables that its process must have before CUDA starts."""
        self._taken[key] = slot = self._free.pop(0)
        return {"CUDA_VISIBLE_DEVICES": slot}

    def release(self, key: Hashable) -> None:
        """Free the slot of a call that has ended."""
        self._free.append(self._taken.pop(key))


def trials_per_gpu(share: float) -> int:
    """How many trials fit on one GPU, rounded down: 3 for a share of 0.333, 2 for 0.34."""
    return int(1 / share + 1e-9)


def check_share(share: float) -> None:
    """Check the GPUs of a trial.

    Raises:
        StudyError: neither a share of one GPU nor a whole number of GPUs.
    """
    if not 0 < share <= MOST or (share > 1 and share != int(share)):
        raise StudyError(f"a trial has a share of a GPU, such as 0.25, or a whole number of them up to {MOST:g}; got {share:g}")


@cache
def visible_gpus() -> list[str]:
    """The GPUs that torch sees in this environment, as CUDA_VISIBLE_DEVICES names them.

    Another process counts them, because a process that has used CUDA holds memory of the GPU.
    """
    count = gpu_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return named[:count] if named else [str(i) for i in range(count)]
