"""Which GPU a trial of the local engine gets: a share of one, or several whole ones."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from functools import cache

from nasbench.errors import StudyError
from nasbench.latency.gpu import gpu_count

MOST = 64.0  # GPUs of one trial


class GpuSlots:
    """Seats on GPUs: floor(1 / share) on each where a trial has a share of one, else one for each `share` whole GPUs.

    Only the number of trials on a GPU is limited; nothing divides its memory among them.

    Args:
        devices: as CUDA_VISIBLE_DEVICES names them.
        share: GPUs a trial, above 0; from 1 on a whole number.
    """

    def __init__(self, devices: Sequence[str], share: float) -> None:
        check_share(share)
        self.devices, self.share = list(devices), share
        if share < 1:  # round by round, so that two trials share a GPU only when every other has one
            self._free = [name for _ in range(per_gpu(share)) for name in devices]
        else:
            n = int(share)
            self._free = [",".join(devices[i : i + n]) for i in range(0, len(devices) - n + 1, n)]
        self.seats = len(self._free)
        self._taken: dict[Hashable, str] = {}

    def check(self, workers: int) -> None:
        """
        Raises:
            StudyError: fewer seats than workers.
        """
        if not self.devices:
            raise StudyError(
                f"a trial with {self.share:g} GPU needs one that torch sees, and here is none; --gpus-per-trial 0 trains on the CPU"
            )
        if self.seats < workers:
            raise StudyError(
                f"{workers} trials at a time with {self.share:g} GPU each need more than there is: {len(self.devices)} GPUs have room for "
                f"{self.seats}; use --jobs {self.seats or 1} or another --gpus-per-trial (0 trains on the CPU)"
            )

    def take(self, key: Hashable) -> dict[str, str]:
        """A seat for a call, as what its process has to have in its environment before CUDA starts."""
        self._taken[key] = seat = self._free.pop(0)
        return {"CUDA_VISIBLE_DEVICES": seat}

    def give_back(self, key: Hashable) -> None:
        """The call has ended."""
        self._free.append(self._taken.pop(key))


def per_gpu(share: float) -> int:
    """How many trials share a GPU; 1/3 written as 0.333 or 0.34 means 3 or 2."""
    return int(1 / share + 1e-9)


def check_share(share: float) -> None:
    """
    Raises:
        StudyError: no share of a GPU, and no number of GPUs.
    """
    if not 0 < share <= MOST or (share > 1 and share != int(share)):
        raise StudyError(f"a trial has a share of a GPU, such as 0.25, or a whole number of them up to {MOST:g}; got {share:g}")


@cache
def visible_gpus() -> list[str]:
    """The GPUs that torch sees in this environment, as CUDA_VISIBLE_DEVICES names them.

    Asked in a process of its own: whoever has touched CUDA holds memory of the GPU.
    """
    count = gpu_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return named[:count] if named else [str(i) for i in range(count)]
