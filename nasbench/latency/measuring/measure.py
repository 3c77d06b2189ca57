"""Measures networks on a device of this machine: in processes of their own, alone on the machine. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype
from nasbench.latency.device import Device, local_device
from nasbench.latency.lock import machine_lock
from nasbench.latency.measurement import Measurement, Round, judge_together
from nasbench.latency.measuring.measuring_process import run_job
from nasbench.latency.measuring.patience import Patience
from nasbench.latency.runtimes.registry import RUNTIMES
from nasbench.plugins import loaded_plugins


def measure(
    genotypes: Mapping[str, Genotype],
    device: Device,
    *,
    min_rounds: int = 12,
    max_seconds: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
    patience: Patience | None = None,
    weights: Mapping[str, Path] | None = None,
) -> dict[str, Measurement]:
    """The latency of each network on `device`, at its own input size and the device's batch.

    All networks take turns, round by round, with the reference network between them. After `min_rounds` those that are still noisy get
    up to twice as many more; a measurement that stays noisy says so. It ends early where other work disturbs all of them.

    Args:
        max_seconds: for all rounds together; loading and warming up come on top.
        progress: called with the number of rounds that are done and of all rounds.
        say: called with a message if another measurement has to be waited for.
        patience: how long to wait until other work leaves the cores; by default the networks are measured at once.
        weights: safetensors files of the networks that are delivered, by name; the others have random weights.

    Raises:
        DeviceError: the device is another machine's, or the measuring process failed, died or hung.
        BusyError: other work keeps the machine busy, and the patience is over.

    Example:
        >>> measure({"mine": g}, local_device(threads=1))["mine"].median_ms
        12.3
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
        **({"weights": {name: str(path.resolve()) for name, path in weights.items()}} if weights else {}),
    }
    with quiet_machine(device, patience, say):
        seconds = time_limit(max_seconds, len(genotypes), device.runtime)
        rounds = run_job(job, threads=device.threads, seconds=seconds, on_progress=progress)
    return judge_together({name: [Round(*r) for r in rounds[name]] for name in genotypes})


@contextmanager
def quiet_machine(device: Device, patience: Patience | None, say: Callable[[str], None] | None) -> Iterator[None]:
    """Hold the machine's measuring lock; with `patience`, wait until other work leaves the cores of the device.

    Raises:
        BusyError: the patience is over before.
    """
    with machine_lock(say=say, on_wait=None if patience is None else patience.while_locked):
        if patience is not None:
            patience.until_quiet(device.threads)
        yield


def time_limit(max_seconds: float, networks: int, runtime: str = "eager") -> float:
    """Seconds after which the worker is taken to hang. Loading torch and networks takes long on a busy machine."""
    return 2 * max_seconds + 120 + RUNTIMES[runtime].load_s * networks


def check_local(device: Device) -> None:
    """
    Raises:
        DeviceError: `device` is another machine, or has other versions than are installed here.
    """
    why = _elsewhere(device)
    if why is not None:
        raise DeviceError(why)


def is_local(device: Device) -> bool:
    """Whether `device` can be measured here: it has this processor, and the same versions of everything that changes latencies."""
    return _elsewhere(device) is None


def _elsewhere(device: Device) -> str | None:
    """Why `device` cannot be measured here, as the message of an error; None if it can be."""
    try:
        here = local_device(kind=device.kind, runtime=device.runtime)
    except DeviceError as error:
        return f"only a device of this machine can be measured; {device.name} is wanted: {error}"
    if device.name != here.name:
        return f"only a device of this machine can be measured; {device.name} is wanted, this is {here.name}; measure there"
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device.kind == "cpu" and device.threads > cpus:
        return f"threads need a CPU each; the device has {device.threads} threads, this machine {cpus} CPUs; measure on a larger one"
    for package, here_version in here.versions.items():
        version = device.versions.get(package)
        if version != here_version and package != "nasbench":
            return (
                f"the device has {package} {version}, this machine {here_version}; profile the device again, "
                f"or measure where {package} is {version}"
            )
    return None
