"""The weights with which a network is measured: those that are delivered, or random ones; and the denormal numbers among them. No torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from nasbench.errors import DeviceError
from nasbench.latency.device import Device
from nasbench.latency.runtimes.registry import RUNTIMES

WEIGHTS_FILE = "weights.safetensors"  # beside a card


@dataclass(frozen=True)
class DeliveredWeights:
    """A file of weights that is delivered with a card.

    Attributes:
        path: the file.
        sha256: its digest, which the card states.
        numbers, denormals: how many numbers it has, and how many of them are so small that a CPU computes slowly with them.
    """

    path: Path
    sha256: str
    numbers: int
    denormals: int


def delivered_weights(path: Path, device: Device) -> DeliveredWeights | None:
    """The weights in a file; None if there is no such file, or if the device's runtime measures with random weights only.

    Raises:
        DeviceError: the file cannot be read.
    """
    if not path.is_file() or not RUNTIMES[device.runtime].takes_weights:
        return None
    try:
        data = path.read_bytes()
        arrays = [a for a in load(data).values() if a.dtype.kind == "f"]
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DeviceError(f"a network is measured with its weights; {path} cannot be read: {error}; restore it from a copy") from None
    denormals = sum(int(np.count_nonzero((a != 0) & (np.abs(a) < np.finfo(a.dtype).tiny))) for a in arrays)
    return DeliveredWeights(path, hashlib.sha256(data).hexdigest(), sum(a.size for a in arrays), denormals)


def conditions(device: Device, weights: str, denormals: int | None = None) -> str:
    """With what a network was measured, and what a server has to set to be as fast, in words.

    Args:
        weights: the digest of the delivered weights; empty for random ones.
        denormals: the denormal numbers among the weights, where they were counted.
    """
    which = "the delivered weights" if weights else "random weights"
    some = f", {denormals:,} of them denormal" if denormals else ""
    flushes = RUNTIMES[device.runtime].flushes if device.kind == "cpu" else ""
    zero = f"; denormal numbers count as zero, as in a server with {flushes}" if flushes else ""
    return f"{which}{some}{zero}"
