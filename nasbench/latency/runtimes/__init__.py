"""Runtimes: how a network is loaded and run on a device. Another runtime is one more module and one more row of `RUNTIMES`. No torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from nasbench.genotype import Genotype
from nasbench.latency.runtimes.loaded import Loaded, Recorder
from nasbench.latency.runtimes.registry import RUNTIMES, Runtime, check_runtime

if TYPE_CHECKING:
    from nasbench.latency.device import Device


def load(g: Genotype, device: Device) -> Loaded:
    """The network of `g`, ready to run on `device`, with random weights and images.

    Raises:
        DeviceError: what the runtime needs is not here.
    """
    module = import_module(f"{__name__}.{RUNTIMES[device.runtime].module}")  # when it is wanted: some need packages of their own
    loaded: Loaded = module.load(g, device)
    return loaded


__all__ = ["RUNTIMES", "Loaded", "Recorder", "Runtime", "check_runtime", "load"]
