"""torch.compile with inductor and its usual settings: one graph, compiled for one shape."""

from __future__ import annotations

import shutil
from typing import Any

import torch

from nasbench.errors import DeviceError, one_line
from nasbench.genotype import Genotype
from nasbench.latency.device import Device
from nasbench.latency.runtimes.loaded import Loaded
from nasbench.latency.runtimes.torch_network import torch_network


def load(g: Genotype, device: Device) -> Loaded:
    """The network, compiled: that takes from seconds to a minute. What a layer takes cannot be said, since kernels span them.

    Raises:
        DeviceError: there is no C++ compiler, or the network cannot be compiled.
    """
    if device.kind == "cpu":
        check_compiler()
    import torch._inductor.config as settings

    settings.compile_threads = 1  # no pool of processes, which would stay beside the seat
    ready = torch_network(g, device)
    run = ready.runner(torch.compile(ready.net, dynamic=False, fullgraph=True))
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

    wanted: Any = settings.cpp.cxx
    names = [name for name in (wanted if isinstance(wanted, tuple | list) else [wanted]) if name]
    if not any(shutil.which(name) for name in names):
        raise DeviceError(f"the runtime compile needs a C++ compiler; {' or '.join(names)} is not here; install it, or set CXX to another")
