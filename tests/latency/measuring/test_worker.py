"""Who visits when, and under which number; the seats themselves are tested in test_seat."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from nasbench.genotype import Block, Genotype, cost
from nasbench.latency.device import Device
from nasbench.latency.measurement import Visit
from nasbench.latency.measuring import worker
from nasbench.latency.measuring.network_process import Timing


class Chair:
    """A seat without a process; every visit and every leave is written down."""

    log: list[tuple[str, int]]
    present: int
    most: int
    waited: dict[str, float]

    def __init__(self, name: str, g: Genotype, device: Device, number: int, group: int) -> None:
        self.name, self.number, self.group = name, number, group
        Chair.present += 1
        Chair.most = max(Chair.most, Chair.present)

    def visit(self, ms: float = 0.0, layers: bool = False) -> Timing:
        Chair.log.append((self.name, self.number))
        visit = Visit(20.0, 5.0, Chair.waited.get(self.name, 0.0), self.number, self.group)
        return Timing(visit, [0.0, 20.0] if layers else None)

    def leave(self) -> None:
        Chair.present -= 1


@pytest.fixture(autouse=True)
def chairs(monkeypatch: pytest.MonkeyPatch) -> type[Chair]:
    Chair.log, Chair.present, Chair.most, Chair.waited = [], 0, 0, {}
    monkeypatch.setattr(worker, "Seat", Chair)
    monkeypatch.setattr(worker, "prepare", lambda device: None)
    return Chair


def job(networks: int, rounds: int = 4, runtime: str = "eager", **more: object) -> dict[str, Any]:
    g = Genotype("g", (3, 8, 8), (Block("conv", {"width": 8}),), (), (Block("gap"),))
    device = Device("cpu", "Paper", runtime).to_json()
    return {"device": device, "networks": {f"n{i}": g.to_yaml() for i in range(networks)}, "rounds": rounds, "max_seconds": 600.0, **more}


def ignore(*_: object) -> None:
    pass


def numbers(found: dict[str, Any]) -> dict[str, set[tuple[int, int]]]:
    """Group and seat of each network's visits."""
    return {name: {(v.group, v.seat) for v in record["visits"]} for name, record in found.items()}


def test_each_network_that_is_profiled_has_one_seat_and_a_group_is_as_many_as_may_be(chairs: type[Chair]) -> None:
    found = numbers(worker.profile(job(23), ignore, ignore))
    assert all(len(seats) == 1 for seats in found.values())
    seats = [next(iter(several)) for several in found.values()]
    assert len(set(seats)) == len({seat for _, seat in seats}) == 23
    assert [group for group, _ in seats] == [0] * 10 + [1] * 10 + [2] * 3
    assert (chairs.most, chairs.present) == (10, 0)


def test_a_profiling_that_goes_on_numbers_its_groups_and_seats_after_those_before() -> None:
    before = numbers(worker.profile(job(15), ignore, ignore))
    after = numbers(worker.profile(job(12, first_group=2), ignore, ignore))
    groups = [{group for several in found.values() for group, _ in several} for found in (before, after)]
    seats = [{seat for several in found.values() for _, seat in several} for found in (before, after)]
    assert groups == [{0, 1}, {2, 3}]
    assert not seats[0] & seats[1]


def test_what_is_measured_is_visited_in_passes_through_all_each_in_seats_of_its_own() -> None:
    found = worker.measure(job(12, rounds=6), ignore, ignore)
    for visits in found.values():
        seats = [v.seat for v in visits]
        assert seats == sorted(seats)
        assert [seats.count(seat) for seat in dict.fromkeys(seats)] == [2] * worker.MEASURED_IN
    assert len({v.seat for visits in found.values() for v in visits}) == 12 * worker.MEASURED_IN
    groups = [list(dict.fromkeys(v.group for v in visits)) for visits in found.values()]
    assert groups == [[0, 2, 4]] * 10 + [[1, 3, 5]] * 2


def test_only_what_is_noisy_gets_further_passes(chairs: type[Chair]) -> None:
    chairs.waited = {"n1": 0.5}
    found = worker.measure(job(3, rounds=6), ignore, ignore)
    assert {name: len(visits) for name, visits in found.items()} == {"n0": 6, "n1": 6 * worker.MORE_ROUNDS, "n2": 6}


def test_a_runtime_that_takes_long_to_load_is_measured_in_one_process() -> None:
    found = worker.measure(job(2, rounds=6, runtime="compile"), ignore, ignore)
    assert all(len({v.seat for v in visits}) == 1 for visits in found.values())


def test_all_take_part_in_each_round_and_the_order_changes(chairs: type[Chair]) -> None:
    worker.profile(job(6, rounds=8), ignore, ignore)
    rounds = [tuple(name for name, _ in chairs.log[i : i + 6]) for i in range(0, 48, 6)]
    assert all(set(each) == {f"n{i}" for i in range(6)} for each in rounds)
    assert len(set(rounds)) > 4


def test_those_of_which_there_is_not_enough_get_more_within_bounds(chairs: type[Chair]) -> None:
    chairs.waited = {"n1": 0.5}
    found = worker.profile(job(3), ignore, ignore)
    assert {name: len(record["visits"]) for name, record in found.items()} == {"n0": 4, "n1": 4 * worker.MORE_ROUNDS, "n2": 4}
    assert all(len(record["passes"]) == len(record["visits"]) for record in found.values())


def test_no_time_is_one_round(chairs: type[Chair]) -> None:
    found = worker.profile(job(12) | {"max_seconds": 0.0}, ignore, ignore)
    assert {len(record["visits"]) for record in found.values()} == {1}


def test_what_is_done_is_told_group_by_group_and_progress_to_the_end() -> None:
    events: list[object] = []
    found = worker.profile(job(12), lambda done, of: events.append((done, of)), lambda part: events.append(sorted(part)))
    parts = [e for e in events if isinstance(e, list)]
    assert parts == [sorted(f"n{i}" for i in range(10)), ["n10", "n11"]]
    steps = [e for e in events if isinstance(e, tuple)]
    assert steps == sorted(steps)
    assert steps[-1] == (8, 8)
    assert events.index(parts[0]) < events.index((5, 8))
    assert sorted(found) == sorted(parts[0] + parts[1])


def test_networks_that_do_not_fit_into_memory_together_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    several = job(5)["networks"]
    params = cost(Genotype.from_yaml(several["n0"])).params
    monkeypatch.setattr(worker, "GROUP_PARAMS", 2 * params)
    assert [list(group) for group in worker.grouped(several, 10)] == [["n0", "n1"], ["n2", "n3"], ["n4"]]
    by_number: dict[int, set[str]] = defaultdict(set)
    for name, seats in numbers(worker.profile(job(5), ignore, ignore)).items():
        by_number[next(iter(seats))[0]].add(name)
    assert by_number == {0: {"n0", "n1"}, 1: {"n2", "n3"}, 2: {"n4"}}
    monkeypatch.setattr(worker, "GROUP_PARAMS", 1)  # one that is too large for the bound is still timed, alone
    assert [list(group) for group in worker.grouped(several, 10)] == [[f"n{i}"] for i in range(5)]
