"""The worker: `python -m nasbench.latency.measuring.worker` reads a job on standard input and writes events to standard output."""

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
from nasbench.latency.measurement import Round, judge_together, undisturbed
from nasbench.latency.measuring.network_process import NetworkProcess, Timing, prepare
from nasbench.latency.runtimes.registry import RUNTIMES
from nasbench.plugins import Plugin, use_plugin

Progress = Callable[[int, int], None]
Part = Callable[[Mapping[str, Any]], None]

MORE_ROUNDS = 3  # networks that need it get up to so many times the rounds
PROFILE_ROUND_MS = 100.0  # of whole runs; half as many runs follow, layer by layer
PROCESSES = {
    "cpu": 10,
    "cuda": 4,
}  # at one time, unless a job asks for fewer; each takes about 100 MB, on a GPU several hundred MB of its memory,
GROUP_PARAMS = 300_000_000  # and the parameters of their networks
MEASURED_IN = 3  # passes, each in new processes;
SLOW_S = 60.0  # one pass if loading a network may take so long
DISTURBED_PASSES = 2  # in which other work disturbed all networks, after which measuring ends


def measure(job: Mapping[str, Any], progress: Progress, part: Part) -> dict[str, list[Round]]:
    """`rounds` rounds of each network; more of those that are still noisy after that.

    The rounds are spread over several passes through all networks, each in new processes. Where a process's memory lies changes its speed
    by up to a tenth; and if other work for a while slows the networks and the reference network differently, it meets one pass alone. If
    other work disturbed all networks in the first passes, the later ones are left out.
    """
    passes = MEASURED_IN if RUNTIMES[job["device"]["runtime"]].load_s < SLOW_S else 1
    rounds, end = math.ceil(job["rounds"] / passes), time.monotonic() + 2 * job["max_seconds"]
    result: dict[str, list[Round]] = {name: [] for name in job["networks"]}
    wanted = dict(job["networks"])
    first = 0
    for i in range(MORE_ROUNDS * passes):
        measurements = judge_together(result) if i >= min(passes, DISTURBED_PASSES) else {}
        if measurements and all(m.disturbed for m in measurements.values()):
            break  # the caller waits until the other work ends, which helps more than further rounds
        if i >= passes:
            wanted = {name: text for name, text in wanted.items() if measurements[name].noisy}
            if not wanted or time.monotonic() > end:
                break
        one_pass = {**job, "networks": wanted, "rounds": rounds, "max_seconds": job["max_seconds"] / passes, "first_group": first}

        def of_pass(done: int, of: int, i: int = i) -> None:
            progress(min(i * of + done, passes * of), passes * of)

        for group in take_turns(one_pass, of_pass, lambda _: True):
            first += 1
            for name, timings in group.items():
                result[name] += [t.round for t in timings]
    return result


def profile(job: Mapping[str, Any], progress: Progress, part: Part) -> dict[str, dict[str, Any]]:
    """Rounds of each network, and for each round the time of every layer; more until `rounds` of them were undisturbed.

    The result is sent group by group, so that it is not lost if this process dies.
    """
    result: dict[str, dict[str, Any]] = {}
    for group in take_turns(job, progress, lambda rounds: len(undisturbed(rounds)) >= job["rounds"], layers=True):
        timed = {
            name: {"visits": [t.round for t in timings], "passes": [t.layers for t in timings], "calls": timings[0].calls}
            for name, timings in group.items()
        }
        part(timed)
        result |= timed
    return result


def take_turns(
    job: Mapping[str, Any], progress: Progress, enough: Callable[[list[Round]], bool], layers: bool = False
) -> Iterator[dict[str, list[Timing]]]:
    """Time all networks round by round, `rounds` times; then those whose rounds are not `enough`, within bounds.

    Networks take turns in groups, one group after the other.
    """
    device, rounds = Device.from_json(job["device"]), job["rounds"]
    groups = list(grouped(job["networks"], job.get("processes", PROCESSES[device.kind])))
    rng = random.Random(0)
    left = job["max_seconds"]
    first = job.get("first_group", 0)
    for i, group in enumerate(groups):
        result: dict[str, list[Timing]] = {}
        number = (first + i) * max(PROCESSES.values())
        weights = {name: {"weights": path} for name, path in job.get("weights", {}).items()}
        processes = {
            name: NetworkProcess(name, g, device, number + j, first + i, **weights.get(name, {}))
            for j, (name, g) in enumerate(group.items())
        }
        start = time.monotonic()
        stop = start + left / (len(groups) - i)  # time that one group does not need is left for the next
        wanted = list(group)
        for done in range(MORE_ROUNDS * rounds):
            if done >= rounds:
                wanted = [name for name in wanted if not enough([t.round for t in result[name]])]
            # The order changes in each round, so that no network always follows the same one.
            for name in rng.sample(wanted, len(wanted)):
                if done and time.monotonic() > stop:
                    wanted = []
                    break
                process = processes[name]
                result.setdefault(name, []).append(process.time_round(PROFILE_ROUND_MS, layers=True) if layers else process.time_round())
            if not wanted:
                break
            progress(min(i * rounds + done + 1, (i + 1) * rounds), rounds * len(groups))
        progress((i + 1) * rounds, rounds * len(groups))
        left -= time.monotonic() - start
        for process in processes.values():
            process.close()
        yield result


def grouped(networks: Mapping[str, str], size: int) -> Iterator[dict[str, Genotype]]:
    """The networks in groups of at most `size` that fit into memory together."""
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


TASKS: dict[str, Callable[[Mapping[str, Any], Progress, Part], Any]] = {"measure": measure, "profile": profile}


def main() -> None:
    """Do one job. Standard output carries events alone; what libraries print goes to standard error."""
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
