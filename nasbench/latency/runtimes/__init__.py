"""Runtimes: how a network is loaded and run on a device. Another runtime is one more module and one more row of `LOADERS`."""

from __future__ import annotations

from importlib import import_module

from nasbench.errors import DeviceError, nearest
from nasbench.genotype import Genotype
from nasbench.latency.device import Device
from nasbench.latency.runtimes.loaded import Loaded, Recorder

# Each is a module with `load(g, device)`; read when it is wanted, since some need packages of their own.
LOADERS = {"eager": "eager", "onnxruntime": "onnx_session"}


def load(g: Genotype, device: Device) -> Loaded:
    """The network of `g`, ready to run on `device`, with random weights and images.

    Raises:
        DeviceError: a runtime that is not known, or that does not run on such a device.
    """
    if device.runtime not in LOADERS:
        raise DeviceError(f"a runtime is one of {', '.join(LOADERS)}; got {device.runtime!r}{nearest(device.runtime, LOADERS)}")
    module = import_module(f"{__name__}.{LOADERS[device.runtime]}")
    loaded: Loaded = module.load(g, device)
    return loaded


__all__ = ["LOADERS", "Loaded", "Recorder", "load"]
