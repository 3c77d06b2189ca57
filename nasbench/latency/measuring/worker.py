"""The measuring process: `python -m nasbench.latency.measuring.worker`, a job on standard input, events on standard output."""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, cost
from nasbench.latency.device import Device
from nasbench.latency.measurement import Visit, calm, judge_together
from nasbench.latency.measuring.network_process import NetworkProcess, Timing, prepare
from nasbench.latency.runtimes.registry import RUNTIMES
from nasbench.plugins import Plugin, use_plugin

Tell = Callable[[int, int], None]
Part = Callable[[Mapping[str, Any]], None]

MORE_ROUNDS = 3  # those that need it get up to so many times the rounds
PROFILE_VISIT_MS = 100.0  # and half as many runs again, layer by layer
PROCESSES = {"cpu": 10, "cuda": 4}  # at one time; each takes about 100 MB, on a GPU several hundred of its memory,
GROUP_PARAMS = 300_000_000  # and the parameters of their networks
MEASURED_IN = 3  # passes, each in other processes,
SLOW_S = 60.0  # but one where loading may take so long


def measure(job: Mapping[str, Any], tell: Tell, part: Part) -> dict[str, list[Visit]]:
    """Visits of each network, `rounds` of them; those that are still noisy after that get more.

    They are spread over several passes through all networks, each in new processes: where a process's memory came to lie changes
    its speed by up to a tenth, and a neighbour who slows networks and anchor differently for a while meets one pass alone.
    """
    passes = MEASURED_IN if RUNTIMES[job["device"]["runtime"]].load_s < SLOW_S else 1
    rounds, end = math.ceil(job["rounds"] / passes), time.monotonic() + 2 * job["max_seconds"]
    found: dict[str, list[Visit]] = {name: [] for name in job["networks"]}
    wanted = dict(job["networks"])
    first = 0
    for i in range(MORE_ROUNDS * passes):
        if i >= passes:
            noisy = judge_together(found)
            wanted = {name: text for name, text in wanted.items() if noisy[name].noisy}
            if not wanted or time.monotonic() > end:
                break
        one = {**job, "networks": wanted, "rounds": rounds, "max_seconds": job["max_seconds"] / passes, "first_group": first}

        def told(done: int, of: int, i: int = i) -> None:
            tell(min(i * of + done, passes * of), passes * of)

        for group in take_turns(one, told, lambda _: True):
            first += 1
            for name, timings in group.items():
                found[name] += [t.visit for t in timings]
    return found


def profile(job: Mapping[str, Any], tell: Tell, part: Part) -> dict[str, dict[str, Any]]:
    """Visits of each network, and for each visit the time of every layer in place; more until `rounds` were undisturbed.

    What is done is told group by group, so that it is not lost if this process dies.
    """
    found: dict[str, dict[str, Any]] = {}
    for group in take_turns(job, tell, lambda visits: len(calm(visits)) >= job["rounds"], layers=True):
        done = {
            name: {"visits": [t.visit for t in timings], "passes": [t.layers for t in timings], "calls": timings[0].calls}
            for name, timings in group.items()
        }
        part(done)
        found |= done
    return found


def take_turns(
    job: Mapping[str, Any], tell: Tell, enough: Callable[[list[Visit]], bool], layers: bool = False
) -> Iterator[dict[str, list[Timing]]]:
    """Visit all networks round by round, `rounds` times; then those of which there is not `enough`, within bounds.

    Networks take turns in groups, one group after the other.
    """
    device, rounds = Device.from_json(job["device"]), job["rounds"]
    groups = list(grouped(job["networks"], PROCESSES[device.kind]))
    mix = random.Random(0)
    left = job["max_seconds"]
    first = job.get("first_group", 0)
    for i, group in enumerate(groups):
        found: dict[str, list[Timing]] = {}
        number = (first + i) * max(PROCESSES.values())
        seats = {name: NetworkProcess(name, g, device, number + j, first + i) for j, (name, g) in enumerate(group.items())}
        start = time.monotonic()
        stop = start + left / (len(groups) - i)  # what one group does not need, the next may use
        wanted = list(group)
        for done in range(MORE_ROUNDS * rounds):
            if done >= rounds:
                wanted = [name for name in wanted if not enough([t.visit for t in found[name]])]
            # Another order in each round, so that no network always follows the same one.
            for name in mix.sample(wanted, len(wanted)):
                if done and time.monotonic() > stop:
                    wanted = []
                    break
                seat = seats[name]
                found.setdefault(name, []).append(seat.visit(PROFILE_VISIT_MS, layers=True) if layers else seat.visit())
            if not wanted:
                break
            tell(min(i * rounds + done + 1, (i + 1) * rounds), rounds * len(groups))
        tell((i + 1) * rounds, rounds * len(groups))
        left -= time.monotonic() - start
        for seat in seats.values():
            seat.leave()
        yield found


def grouped(networks: Mapping[str, str], size: int) -> Iterator[dict[str, Genotype]]:
    """The networks in groups of `size` that fit into memory together."""
    group: dict[str, Genotype] = {}
    held = 0
    for name, text in networks.items():
        g = Genotype.from_yaml(text)
        params = cost(g).params
        if group and (len(group) == size or held + params > GROUP_PARAMS):
            yield group
            group, held = {}, 0
        group[name] = g
        held += params
    if group:
        yield group


TASKS: dict[str, Callable[[Mapping[str, Any], Tell, Part], Any]] = {"measure": measure, "profile": profile}


def main() -> None:
    """One job. Standard output carries events alone; what libraries print goes to standard error."""
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(event: Mapping[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    try:
        job = json.load(sys.stdin)
        for plugin in job.get("plugins", ()):
            use_plugin(Plugin(*plugin))
        run = TASKS[job["task"]]
        prepare(Device.from_json(job["device"]))
        send({"result": run(job, lambda done, of: send({"done": done, "of": of}), lambda part: send({"part": part}))})
    except NasbenchError as error:
        send({"error": str(error)})


if __name__ == "__main__":
    main()
