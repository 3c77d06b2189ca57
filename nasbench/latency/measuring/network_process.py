"""A seat: one network in a process of its own, with the anchor beside it, that runs when it is told to.

A process has a memory of what ran in it: where its memory came to lie, what its caches and its C library hold. Networks that
share a process flatter each other; whoever runs one alone would not see the latency that was measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple

import torch

from nasbench.errors import DeviceError, NasbenchError
from nasbench.genotype import Genotype
from nasbench.latency.device import Device
from nasbench.latency.measurement import Visit
from nasbench.latency.measuring.cpu_contention import now, waited_share
from nasbench.latency.measuring.measuring_process import cause_of_death
from nasbench.latency.measuring.memory import keep_freed_memory
from nasbench.latency.measuring.processor import one_cpu_a_core
from nasbench.latency.measuring.reference_network import ANCHOR
from nasbench.latency.runtimes import Loaded, load
from nasbench.latency.statistics import middle_mean
from nasbench.network import build
from nasbench.plugins import Plugin, loaded_plugins, use_plugin

VISIT_MS = 150.0  # the runs of a visit take about this long: more than the turns that virtual machines take on a core
FEWEST_RUNS, MOST_RUNS = 4, 40
MOST_ANCHORS = 4  # runs of the anchor between two of a slow network
WARM_RUNS = 30
WARM_S = 2.0


class Timing(NamedTuple):
    """What a visit found: the visit; and where they were asked for, the milliseconds of each layer of one pass, and its calls."""

    visit: Visit
    layers: list[float] | None = None
    calls: list[int] | None = None


class NetworkProcess:
    """A network, loaded and warm, in a child of this process.

    For a CPU the child is forked, so that torch is loaded once for all; this process must not have computed with it before.
    For a GPU it is a fresh process: CUDA does not survive a fork.
    """

    def __init__(self, name: str, g: Genotype, device: Device, number: int = 0, group: int = 0) -> None:
        """
        Args:
            number, group: for its visits, see `Visit`.

        Raises:
            DeviceError: the network cannot be loaded or run, or its process died.
        """
        context = get_context("fork" if device.kind == "cpu" else "spawn")
        self.name, self._number, self._group = name, number, group
        self._pipe, theirs = context.Pipe()
        work = (theirs, os.getpid(), name, g, device, loaded_plugins())
        self._process = context.Process(target=_serve, args=work, daemon=True)  # type: ignore[attr-defined] # each context has it
        self._process.start()
        theirs.close()
        self._receive()

    def visit(self, ms: float = VISIT_MS, layers: bool = False) -> Timing:
        """As many runs as take about `ms`; with `layers`, then about half as many layer by layer.

        Raises:
            DeviceError: its process died.
        """
        self._pipe.send((ms, layers))
        timing = self._receive()
        return timing._replace(visit=timing.visit._replace(seat=self._number, group=self._group))

    def leave(self) -> None:
        """End the child."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _receive(self) -> Timing:
        try:
            answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            cause = cause_of_death(self._process.exitcode or 0)
            raise DeviceError(f"{self.name} cannot be run, its process died: {cause}; leave it out or use a smaller batch") from None
        if isinstance(answer, NasbenchError):
            raise answer
        timing: Timing = answer
        return timing


def prepare(device: Device) -> None:
    """To be called once, before seats are taken.

    For a CPU, binds this process and its seats to one set of cores: others may be slowed by other neighbours, and the anchor
    would not feel it. Loads what torch loads when a first network is built; on one thread, since threads do not survive a fork.
    See `keep_freed_memory` for what is set besides.
    """
    if device.kind == "cuda":  # its seats load torch themselves, and the driver's threads need cores too
        return
    keep_freed_memory()
    cpus = one_cpu_a_core()
    if device.threads <= len(cpus) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus[: device.threads])
    torch.set_num_threads(1)
    build(ANCHOR)


def _serve(pipe: Connection, parent: int, name: str, g: Genotype, device: Device, plugins: tuple[Plugin, ...] = ()) -> None:
    """The child: load, warm up, then answer each message with a Timing until the parent is gone."""
    try:
        for plugin in plugins:
            if plugin not in loaded_plugins():  # as in a fresh process
                use_plugin(plugin)
        guest = _Guest(load(g, device), load(ANCHOR, device).run, device.threads)
        pipe.send(guest.visit(0, False))
        while os.getppid() == parent:  # a forked child holds the other end too, so that end of file never comes
            if pipe.poll(1.0):
                pipe.send(guest.visit(*pipe.recv()))
    except (EOFError, BrokenPipeError):
        pass  # the parent is gone, and this child did not hold its end
    except NasbenchError as error:
        pipe.send(error)
    except (RuntimeError, MemoryError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        pipe.send(DeviceError(f"{name} cannot be run on {device}: {said}; leave it out or use a smaller batch"))


class _Guest:
    """A network and the anchor, loaded and warm."""

    def __init__(self, loaded: Loaded, anchor: Callable[[], None], threads: int) -> None:
        self.loaded, self.anchor, self.threads = loaded, anchor, threads
        self.ms, anchor_ms = warm_up(loaded.run), warm_up(anchor)
        self.anchors = min(MOST_ANCHORS, max(1, round(self.ms / anchor_ms)))
        self.anchors_ms = self.anchors * anchor_ms

    def visit(self, ms: float, layers: bool) -> Timing:
        """Run by run in turns with the anchor, so that both meet the same machine; each once before, for the caches.

        What a neighbour takes of a core comes and goes within a tenth of a second. Blocks of runs would each meet a
        different share of it; single runs in turns do not, and repeat three times as well for the same time.
        """
        turns = min(MOST_RUNS, max(FEWEST_RUNS, round(ms / (self.anchors_ms + self.ms))))
        self.loaded.run()
        self.anchor()
        start = now()
        times: list[float] = []
        anchor_times: list[float] = []
        for _ in range(turns):
            times.append(timed(self.loaded.run))
            anchor_times.extend(timed(self.anchor) for _ in range(self.anchors))
        visit = Visit(middle_mean(times), middle_mean(anchor_times), waited_share(start, now(), self.threads))
        if not layers or self.loaded.record is None:
            return Timing(visit)
        # Apart from the turns: these runs would drive a small network out of the caches.
        recorder = self.loaded.record()
        for _ in range(max(FEWEST_RUNS // 2, turns // 2)):
            recorder.run()
        return Timing(visit, [middle_mean(each) for each in zip(*recorder.finish(), strict=True)], recorder.calls)


def timed(run: Callable[[], None]) -> float:
    """Milliseconds of one run."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def warm_up(run: Callable[[], None]) -> float:
    """Run until three runs in a row bring nothing new, within bounds; the fastest run in milliseconds."""
    best, stale, end = float("inf"), 0, time.monotonic() + WARM_S
    for _ in range(WARM_RUNS):
        ms = timed(run)
        stale = stale + 1 if ms > 0.95 * best else 0
        best = min(best, ms)
        if stale == 3 or time.monotonic() > end:
            break
    return best
