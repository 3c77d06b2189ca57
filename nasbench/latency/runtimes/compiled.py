"""The runtime `compile`: torch.compile with inductor and its default settings; one graph, compiled for one shape."""

from __future__ import annotations

import shutil
from typing import Any

import torch

from nasbench.errors import DeviceError, one_line
from nasbench.genotype import Genotype
from nasbench.latency.device import Device
from nasbench.latency.runtimes.loaded import Loaded
from nasbench.latency.runtimes.torch_network import Weights, torch_network


def load(g: Genotype, device: Device, weights: Weights | None = None) -> Loaded:
    """The compiled network; compiling takes from seconds to a minute. Its kernels span layers, so that no layer can be timed.

    Raises:
        DeviceError: there is no C++ compiler, or the network cannot be compiled.
    """
    if device.kind == "cpu":
        check_compiler()
    import torch._inductor.config as settings

    settings.compile_threads = 1  # by default inductor starts a pool of processes, which would stay beside the measuring process
    network = torch_network(g, device, weights)
    run = network.runner(torch.compile(network.net, dynamic=False, fullgraph=True))
    try:
        run()
    except torch._dynamo.exc.BackendCompilerFailed as error:
        raise DeviceError(f"{g.name} cannot be compiled on {device}: {one_line(error)}; use the runtime eager") from error
    return Loaded(run)


def check_compiler() -> None:
    """
    Raises:
        DeviceError: inductor finds no C++ compiler.
    """
    import torch._inductor.config as settings

    configured: Any = settings.cpp.cxx
    names = [name for name in (configured if isinstance(configured, tuple | list) else [configured]) if name]
    if not any(shutil.which(name) for name in names):
        raise DeviceError(
            f"the runtime compile needs a C++ compiler; {' or '.join(names)} is not installed; install it, or set CXX to another"
        )
