"""Measuring networks on the local device: in a process of its own, alone on the machine, interleaved with an anchor. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype
from nasbench.genotype.plugins import loaded_plugins
from nasbench.latency.child import run_job
from nasbench.latency.device import Device, local_device
from nasbench.latency.lock import machine_lock
from nasbench.latency.measurement import Measurement, Visit, judge_together


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
        found = run_job(job, threads=device.threads, seconds=time_limit(max_seconds, len(genotypes)), on_progress=progress)
    return judge_together({name: [Visit(*visit) for visit in found[name]] for name in genotypes})


def time_limit(max_seconds: float, networks: int) -> float:
    """Seconds after which a measuring process hangs rather than works: loading torch and building networks on a busy machine is slow."""
    return 2 * max_seconds + 120 + 10 * networks


def check_local(device: Device) -> None:
    """
    Raises:
        DeviceError: `device` is not this machine with what is installed here.
    """
    here = local_device()
    if device.kind == here.kind and device.name != here.name:
        raise DeviceError(f"only the local device can be measured; {device.name} is wanted, this is {here.name}; measure there")
    for package in ("torch", "python"):
        wanted, got = device.versions.get(package), here.versions[package]
        if wanted != got:
            raise DeviceError(f"the device has {package} {wanted}, this machine {got}; profile it again with local_device()")
