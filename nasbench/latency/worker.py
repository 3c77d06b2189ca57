"""The measuring process: `python -m nasbench.latency.worker`, a job on standard input, events on standard output."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any, NamedTuple

from nasbench.errors import DeviceError, NasbenchError
from nasbench.genotype import Genotype, cost
from nasbench.latency.anchor import ANCHOR
from nasbench.latency.device import Device
from nasbench.latency.measurement import Visit, calm, judge
from nasbench.latency.runners import Loaded, load
from nasbench.latency.waiting import Moment, now, waited_share

Tell = Callable[[int, int], None]

VISIT_MS = 60.0  # timed runs of a visit take about this long,
MAX_RUNS = 20  # but are at most so many
WARM_RUNS = 30
WARM_S = 2.0
MORE_ROUNDS = 3  # the noisy ones get up to so many times the rounds
GROUP_PARAMS = 300_000_000  # of networks in memory at one time


def measure(job: Mapping[str, Any], tell: Tell) -> dict[str, list[Visit]]:
    """Visits of each network, in rounds; those that are still noisy after `rounds` of them get more."""

    def work(_: str, loaded: Loaded, runs: int) -> float:
        return timed(loaded.run, runs)

    return take_turns(job, tell, work, lambda visits: not judge(visits).noisy)


def profile(job: Mapping[str, Any], tell: Tell) -> dict[str, dict[str, Any]]:
    """Per network its visits, and for each visit the time of each layer in place: one pass layer by layer, then whole runs."""
    passes: dict[str, list[list[float]]] = {}

    def work(name: str, loaded: Loaded, runs: int) -> float:
        loaded.run()
        passes.setdefault(name, []).append(loaded.layers())
        return timed(loaded.run, min(runs, 2), warm=False)

    visits = take_turns(job, tell, work, lambda visits: len(calm(visits)) >= job["rounds"])
    return {name: {"visits": visits[name], "passes": passes[name]} for name in visits}


def take_turns(
    job: Mapping[str, Any], tell: Tell, work: Callable[[str, Loaded, int], float], enough: Callable[[list[Visit]], bool]
) -> dict[str, list[Visit]]:
    """Visit all networks round by round, `rounds` times; then those of which there is not `enough`, within bounds."""
    device, rounds = Device.from_json(job["device"]), job["rounds"]
    groups = list(grouped(job["networks"]))
    visits: dict[str, list[Visit]] = {}
    for i, group in enumerate(groups):
        stop = time.monotonic() + job["max_seconds"] / len(groups)
        course = Course(group, device)
        wanted = list(group)
        for done in range(MORE_ROUNDS * rounds):
            if done >= rounds:
                wanted = [name for name in wanted if not enough(visits[name])]
            for name in course.order(wanted):
                if done and time.monotonic() > stop:
                    wanted = []
                    break
                visits.setdefault(name, []).append(course.visit(name, work))
            if not wanted:
                break
            tell(min(i * rounds + done + 1, (i + 1) * rounds), rounds * len(groups))
        tell((i + 1) * rounds, rounds * len(groups))
    return visits


class Course:
    """Loaded and warm networks of one group, with the anchor between them."""

    def __init__(self, group: Mapping[str, Genotype], device: Device) -> None:
        self.anchor = load(ANCHOR, device).run
        warm_up(self.anchor)
        self.nets: dict[str, tuple[Loaded, int]] = {}
        for name, g in group.items():
            try:
                loaded = load(g, device)
                usual = warm_up(loaded.run)
            except NasbenchError:
                raise
            except (RuntimeError, MemoryError) as error:
                said = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise DeviceError(f"{name} cannot be run on {device}: {said}; leave it out or use a smaller batch") from error
            self.nets[name] = loaded, min(MAX_RUNS, max(1, round(VISIT_MS / usual)))
        self.threads = device.threads
        self.random = random.Random(0)
        self.before = self._feel()

    def order(self, names: list[str]) -> list[str]:
        """Another order in each round, so that no network always follows the same one."""
        return self.random.sample(names, len(names))

    def visit(self, name: str, work: Callable[[str, Loaded, int], float]) -> Visit:
        """Do `work` on a network, which returns milliseconds, between two runs of the anchor."""
        ms = work(name, *self.nets[name])
        before, after = self.before, self._feel()
        self.before = after
        return Visit(ms, (before.ms * after.ms) ** 0.5, waited_share(before.start, after.end, self.threads))

    def _feel(self) -> Feel:
        start = now()
        return Feel(timed(self.anchor, 2), start, now())


class Feel(NamedTuple):
    """The anchor's time, and when it was taken."""

    ms: float
    start: Moment
    end: Moment


def grouped(networks: Mapping[str, str]) -> Iterator[dict[str, Genotype]]:
    """The networks in groups that fit into memory together."""
    group: dict[str, Genotype] = {}
    held = 0
    for name, text in networks.items():
        g = Genotype.from_yaml(text)
        params = cost(g).params
        if group and held + params > GROUP_PARAMS:
            yield group
            group, held = {}, 0
        group[name] = g
        held += params
    if group:
        yield group


def timed(run: Callable[[], None], runs: int, warm: bool = True) -> float:
    """Median milliseconds of so many runs, after one that brings the network back into the caches."""
    if warm:
        run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return median(times)


def warm_up(run: Callable[[], None]) -> float:
    """Run until three runs in a row bring nothing new, within bounds; the fastest run in milliseconds."""
    best, stale, end = float("inf"), 0, time.monotonic() + WARM_S
    for _ in range(WARM_RUNS):
        now = timed(run, 1, warm=False)
        stale = stale + 1 if now > 0.95 * best else 0
        best = min(best, now)
        if stale == 3 or time.monotonic() > end:
            break
    return best


TASKS: dict[str, Callable[[Mapping[str, Any], Tell], Any]] = {"measure": measure, "profile": profile}


def main() -> None:
    """One job. Standard output carries events alone; what libraries print goes to standard error."""
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(event: Mapping[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    try:
        job = json.load(sys.stdin)
        send({"result": TASKS[job["task"]](job, lambda done, of: send({"done": done, "of": of}))})
    except NasbenchError as error:
        send({"error": str(error)})


if __name__ == "__main__":
    main()
