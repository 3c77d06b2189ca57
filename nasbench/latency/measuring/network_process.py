"""A measuring process: one network in a process of its own, beside the reference network.

Earlier work changes the speed of a process: it decides where memory lies, and what caches and the C library hold. Networks that share a
process therefore influence each other, and a user who runs one alone would not see the latency that was measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple

import torch
from safetensors.torch import load_file

from nasbench.errors import DeviceError, NasbenchError, first_line, one_line, place_in, short
from nasbench.genotype import Genotype
from nasbench.latency.device import Device
from nasbench.latency.measurement import Round
from nasbench.latency.measuring.cpu_contention import now, waited_share
from nasbench.latency.measuring.memory import keep_freed_memory
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.processor import one_cpu_a_core
from nasbench.latency.runtimes import RUNTIMES, Loaded
from nasbench.latency.statistics import middle_mean
from nasbench.network import build
from nasbench.plugins import Plugin, loaded_plugins, use_plugin
from nasbench.processes import cause_of_death

ROUND_MS = 150.0  # the runs of a round take about so long: longer than the turns that virtual machines take on a core
FEWEST_RUNS, MOST_RUNS = 4, 40
MOST_REFERENCE_RUNS = 4  # between two runs of a slow network
WARM_RUNS = 30
WARM_S = 2.0


class Timing(NamedTuple):
    """The result of a round.

    Attributes:
        round: the whole runs.
        layers: milliseconds of each layer in one pass, as their interquartile means; None if they were not asked for, or if the runtime
            does not time layers.
        calls: number of calls of each layer; None with `layers`.
    """

    round: Round
    layers: list[float] | None = None
    calls: list[int] | None = None


class NetworkProcess:
    """A network in a child process, loaded and warm.

    For a CPU the child is forked, so that torch is loaded once for all; this process must not have computed with it before.
    For a GPU it is a fresh process, because CUDA does not survive a fork.
    """

    def __init__(self, name: str, g: Genotype, device: Device, number: int = 0, group: int = 0, weights: str | None = None) -> None:
        """
        Args:
            number, group: `process` and `group` of its rounds, see `Round`.

        Raises:
            DeviceError: the network cannot be loaded or run, or its process died.
        """
        context = get_context("fork" if device.kind == "cpu" else "spawn")
        self.name, self._number, self._group = name, number, group
        self._pipe, child_end = context.Pipe()
        work = (child_end, os.getpid(), name, g, device, loaded_plugins(), weights)
        self._process = context.Process(target=_serve, args=work, daemon=True)  # type: ignore[attr-defined] # each context has it
        self._process.start()
        child_end.close()
        self._receive()

    @property
    def pid(self) -> int | None:
        """Process id of the child."""
        pid: int | None = self._process.pid
        return pid

    def time_round(self, ms: float = ROUND_MS, layers: bool = False) -> Timing:
        """Run the network for about `ms`; with `layers`, then about half as many runs layer by layer.

        Raises:
            DeviceError: the process died.
        """
        self._pipe.send((ms, layers))
        timing = self._receive()
        return timing._replace(round=timing.round._replace(process=self._number, group=self._group))

    def close(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _receive(self) -> Timing:
        try:
            message = self._pipe.recv()
        except EOFError:
            self._process.join()
            cause = cause_of_death(self._process.exitcode)
            raise DeviceError(f"{self.name} cannot be run: its process {cause}; leave it out or use a smaller batch") from None
        if isinstance(message, NasbenchError):
            raise message
        timing: Timing = message
        return timing


def prepare(device: Device) -> None:
    """Prepare this process once, before the first `NetworkProcess`.

    For a CPU it binds this process and its children to one set of cores: other cores may be slowed by other work, and the reference
    network would not show it. It also loads what torch loads when the first network is built, on one thread, because threads do not
    survive a fork; and it calls `keep_freed_memory`.
    """
    if device.kind == "cuda":  # the children load torch themselves, and the driver's threads need cores too
        return
    keep_freed_memory()
    cpus = one_cpu_a_core()
    if device.threads <= len(cpus) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus[: device.threads])
    torch.set_num_threads(1)
    build(REFERENCE)


def load(g: Genotype, device: Device, weights: str | None = None) -> Loaded:
    """The network in the device's runtime, ready to run.

    Args:
        weights: safetensors file of the delivered weights; random weights by default, and where the runtime takes no others.

    Raises:
        DeviceError: the runtime cannot be used here; or its function is wrong, and then the message says where.
    """
    runtime = RUNTIMES[device.runtime]
    function = runtime.load
    try:
        loaded = function(g, device, weights=load_file(weights)) if weights and runtime.takes_weights else function(g, device)
    except (NasbenchError, RuntimeError, MemoryError):
        raise
    except Exception as error:
        place = place_in(function.__code__.co_filename, error)
        raise DeviceError(f"the runtime {device.runtime} failed at {place}: {one_line(error)}; correct it there") from error
    if not isinstance(loaded, Loaded):
        raise DeviceError(f"the function of a runtime returns a Loaded; {device.runtime} returned {short(loaded)}; correct it there")
    return loaded


def _serve(
    pipe: Connection,
    parent: int,
    name: str,
    g: Genotype,
    device: Device,
    plugins: tuple[Plugin, ...] = (),
    weights: str | None = None,
) -> None:
    """The child: load the network, warm it up, and answer each message with a Timing until the parent is gone."""
    try:
        for plugin in plugins:
            if plugin not in loaded_plugins():  # a fresh process has none
                use_plugin(plugin)
        loaded = load(g, device, weights) if weights else load(g, device)
        networks = _Networks(loaded, load(REFERENCE, device).run, device.threads)
        pipe.send(networks.time_round(0, False))
        while os.getppid() == parent:  # a forked child holds the parent's end of the pipe too, so that it never sees end of file
            if pipe.poll(1.0):
                pipe.send(networks.time_round(*pipe.recv()))
    except (EOFError, BrokenPipeError):
        pass  # the parent is gone, and this child did not hold its end
    except NasbenchError as error:
        pipe.send(error)
    except (RuntimeError, MemoryError) as error:
        pipe.send(DeviceError(f"{name} cannot be run on {device}: {first_line(error)}; leave it out or use a smaller batch"))


class _Networks:
    """A network and the reference network, loaded and warm."""

    def __init__(self, loaded: Loaded, reference: Callable[[], None], threads: int) -> None:
        self.loaded, self.reference, self.threads = loaded, reference, threads
        self.ms, reference_ms = warm_up(loaded.run), warm_up(reference)
        self.reference_runs = min(MOST_REFERENCE_RUNS, max(1, round(self.ms / reference_ms)))
        self.turn_ms = self.ms + self.reference_runs * reference_ms

    def time_round(self, ms: float, layers: bool) -> Timing:
        """Time run by run in turns with the reference network, so that both meet the same machine; first each runs once for the caches.

        The share of a core that other work takes changes within a tenth of a second. Blocks of runs would each meet another share. Single
        runs in turns do not, and their results repeat three times as well for the same time.
        """
        turns = min(MOST_RUNS, max(FEWEST_RUNS, round(ms / self.turn_ms)))
        self.loaded.run()
        self.reference()
        start = now()
        times: list[float] = []
        reference_times: list[float] = []
        for _ in range(turns):
            times.append(timed(self.loaded.run))
            reference_times.extend(timed(self.reference) for _ in range(self.reference_runs))
        whole = Round(middle_mean(times), middle_mean(reference_times), waited_share(start, now(), self.threads))
        if not layers or self.loaded.record is None:
            return Timing(whole)
        # These runs come after the turns, because they would drive a small network out of the caches.
        recorder = self.loaded.record()
        for _ in range(max(FEWEST_RUNS // 2, turns // 2)):
            recorder.run()
        return Timing(whole, [middle_mean(each) for each in zip(*recorder.finish(), strict=True)], recorder.calls)


def timed(run: Callable[[], None]) -> float:
    """Milliseconds of one run."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def warm_up(run: Callable[[], None]) -> float:
    """Run until three runs in a row are not faster, within bounds; returns the milliseconds of the fastest run."""
    best, stale, end = float("inf"), 0, time.monotonic() + WARM_S
    for _ in range(WARM_RUNS):
        ms = timed(run)
        stale = stale + 1 if ms > 0.95 * best else 0
        best = min(best, ms)
        if stale == 3 or time.monotonic() > end:
            break
    return best
