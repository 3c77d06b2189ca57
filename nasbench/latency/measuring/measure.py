"""Measuring networks on a device of this machine: in a process of its own, alone on the machine, interleaved with an anchor. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype
from nasbench.latency.device import Device, local_device
from nasbench.latency.lock import machine_lock
from nasbench.latency.measurement import Measurement, Visit, judge_together
from nasbench.latency.measuring.measuring_process import run_job
from nasbench.latency.runtimes import RUNTIMES
from nasbench.plugins import loaded_plugins


def measure(
    genotypes: Mapping[str, Genotype],
    device: Device,
    *,
    min_rounds: int = 12,
    max_seconds: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> dict[str, Measurement]:
    """Latency of each network on `device`, at its own input size and the device's batch.

    All networks take turns, round by round, with the anchor between them. After `min_rounds`, those that are still
    noisy get up to twice as many more; what stays noisy says so in the result.

    Args:
        max_seconds: for the rounds together; loading and warming up come on top.
        progress: told (done, total) rounds.
        say: told when another measurement has to be waited for.

    Raises:
        DeviceError: the device is another machine's, or the measuring process failed, died or hung.
    """
    check_local(device)
    if not genotypes:
        return {}
    if min_rounds < 1 or max_seconds <= 0:
        raise DeviceError(f"measuring takes at least 1 round and more than 0 s; got {min_rounds} and {max_seconds:g}")
    job = {
        "task": "measure",
        "device": device.to_json(),
        "networks": {name: g.to_yaml() for name, g in genotypes.items()},
        "rounds": min_rounds,
        "max_seconds": max_seconds,
        "plugins": loaded_plugins(),
    }
    with machine_lock(say=say):
        seconds = time_limit(max_seconds, len(genotypes), device.runtime)
        found = run_job(job, threads=device.threads, seconds=seconds, on_progress=progress)
    return judge_together({name: [Visit(*visit) for visit in found[name]] for name in genotypes})


def time_limit(max_seconds: float, networks: int, runtime: str = "eager") -> float:
    """Seconds after which a measuring process hangs rather than works: loading torch and networks on a busy machine is slow."""
    return 2 * max_seconds + 120 + RUNTIMES[runtime].load_s * networks


def check_local(device: Device) -> None:
    """
    Raises:
        DeviceError: `device` is not this machine with what is installed here.
    """
    why = _elsewhere(device)
    if why is not None:
        raise DeviceError(why)


def is_local(device: Device) -> bool:
    """Whether `device` can be measured here: its processor, and the same versions of whatever changes its latencies."""
    return _elsewhere(device) is None


def _elsewhere(device: Device) -> str | None:
    """Why `device` cannot be measured here, as the line of an error."""
    try:
        here = local_device(kind=device.kind, runtime=device.runtime)
    except DeviceError as error:
        return f"only a device of this machine can be measured; {device.name} is wanted: {error}"
    if device.name != here.name:
        return f"only a device of this machine can be measured; {device.name} is wanted, this is {here.name}; measure there"
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device.kind == "cpu" and device.threads > cpus:
        return f"threads need a CPU each; the device has {device.threads} threads, this machine {cpus} CPUs; measure on a larger one"
    for package, got in here.versions.items():
        wanted = device.versions.get(package)
        if wanted != got and package != "nasbench":
            return (
                f"the device has {package} {wanted}, this machine {got}; profile the device again, or measure where {package} is {wanted}"
            )
    return None
