"""The measuring process: `python -m nasbench.latency.worker`, a job on standard input, events on standard output."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, cost
from nasbench.latency.device import Device
from nasbench.latency.measurement import Visit, calm, judge
from nasbench.latency.seat import Seat, prepare

Tell = Callable[[int, int], None]

MORE_ROUNDS = 3  # those that need it get up to so many times the rounds
PROFILE_RUNS = 2
GROUP = 10  # networks in memory at one time,
GROUP_PARAMS = 300_000_000  # and their parameters


def measure(job: Mapping[str, Any], tell: Tell) -> dict[str, list[Visit]]:
    """Visits of each network, in rounds; those that are still noisy after `rounds` of them get more."""
    return take_turns(job, tell, lambda visits: not judge(visits).noisy)


def profile(job: Mapping[str, Any], tell: Tell) -> dict[str, dict[str, Any]]:
    """Visits of each network, and for each visit the time of every layer in place; more until `rounds` were undisturbed."""
    passes: dict[str, list[list[float]]] = {}
    visits = take_turns(job, tell, lambda visits: len(calm(visits)) >= job["rounds"], passes)
    return {name: {"visits": visits[name], "passes": passes[name]} for name in visits}


def take_turns(
    job: Mapping[str, Any], tell: Tell, enough: Callable[[list[Visit]], bool], passes: dict[str, list[list[float]]] | None = None
) -> dict[str, list[Visit]]:
    """Visit all networks round by round, `rounds` times; then those of which there is not `enough`, within bounds.

    With `passes`, each visit's time per layer is added there.
    """
    device, rounds = Device.from_json(job["device"]), job["rounds"]
    groups = list(grouped(job["networks"]))
    mix = random.Random(0)
    visits: dict[str, list[Visit]] = {}
    prepare(device.threads)
    for i, group in enumerate(groups):
        stop = time.monotonic() + job["max_seconds"] / len(groups)
        seats = {name: Seat(name, g, device) for name, g in group.items()}
        wanted = list(group)
        for done in range(MORE_ROUNDS * rounds):
            if done >= rounds:
                wanted = [name for name in wanted if not enough(visits[name])]
            # Another order in each round, so that no network always follows the same one.
            for name in mix.sample(wanted, len(wanted)):
                if done and time.monotonic() > stop:
                    wanted = []
                    break
                found = seats[name].visit() if passes is None else seats[name].visit(PROFILE_RUNS, layers=True)
                visits.setdefault(name, []).append(found.visit)
                if passes is not None and found.layers is not None:
                    passes.setdefault(name, []).append(found.layers)
            if not wanted:
                break
            tell(min(i * rounds + done + 1, (i + 1) * rounds), rounds * len(groups))
        tell((i + 1) * rounds, rounds * len(groups))
        for seat in seats.values():
            seat.leave()
    return visits


def grouped(networks: Mapping[str, str]) -> Iterator[dict[str, Genotype]]:
    """The networks in groups that fit into memory together."""
    group: dict[str, Genotype] = {}
    held = 0
    for name, text in networks.items():
        g = Genotype.from_yaml(text)
        params = cost(g).params
        if group and (len(group) == GROUP or held + params > GROUP_PARAMS):
            yield group
            group, held = {}, 0
        group[name] = g
        held += params
    if group:
        yield group


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
