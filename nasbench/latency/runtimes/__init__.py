"""Runtimes: how a network is loaded and run on a device. Each is a function `load` below `@runtime`; see docs/new_runtime.md. No torch."""

from nasbench.latency.runtimes.loaded import Loaded, Recorder
from nasbench.latency.runtimes.registry import RUNTIMES, Runtime, check_runtime, runtime

__all__ = ["RUNTIMES", "Loaded", "Recorder", "Runtime", "check_runtime", "runtime"]
