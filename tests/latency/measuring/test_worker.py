"""Which network runs when, in which process; the processes themselves are tested in test_network_process."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from nasbench.genotype import Block, Genotype, cost
from nasbench.latency.device import Device
from nasbench.latency.measurement import Round
from nasbench.latency.measuring import worker
from nasbench.latency.measuring.network_process import Timing


class FakeProcess:
    """A measuring process that does not exist; it records every round."""

    log: list[tuple[str, int]]
    present: int
    most: int
    waited: dict[str, float]
    weights: dict[str, str | None]

    def __init__(self, name: str, g: Genotype, device: Device, number: int, group: int, weights: str | None = None) -> None:
        FakeProcess.weights[name] = weights
        self.name, self.number, self.group = name, number, group
        FakeProcess.present += 1
        FakeProcess.most = max(FakeProcess.most, FakeProcess.present)

    def time_round(self, ms: float = 0.0, layers: bool = False) -> Timing:
        FakeProcess.log.append((self.name, self.number))
        whole = Round(20.0, 5.0, FakeProcess.waited.get(self.name, 0.0), self.number, self.group)
        return Timing(whole, [0.0, 20.0] if layers else None)

    def close(self) -> None:
        FakeProcess.present -= 1


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> type[FakeProcess]:
    FakeProcess.log, FakeProcess.present, FakeProcess.most, FakeProcess.waited, FakeProcess.weights = [], 0, 0, {}, {}
    monkeypatch.setattr(worker, "NetworkProcess", FakeProcess)
    monkeypatch.setattr(worker, "prepare", lambda device: None)
    return FakeProcess


def job(networks: int, rounds: int = 4, runtime: str = "eager", **more: object) -> dict[str, Any]:
    g = Genotype("g", (3, 8, 8), (Block("conv", {"width": 8}),), (), (Block("gap"),))
    device = Device("cpu", "Paper", runtime).to_json()
    return {"device": device, "networks": {f"n{i}": g.to_yaml() for i in range(networks)}, "rounds": rounds, "max_seconds": 600.0, **more}


def ignore(*_: object) -> None:
    pass


def numbers(found: dict[str, Any]) -> dict[str, set[tuple[int, int]]]:
    """Group and process of each network's rounds."""
    return {name: {(r.group, r.process) for r in record["visits"]} for name, record in found.items()}


def test_each_network_that_is_profiled_has_one_process_and_a_group_is_as_many_as_may_be(processes: type[FakeProcess]) -> None:
    found = numbers(worker.profile(job(23), ignore, ignore))
    assert all(len(ids) == 1 for ids in found.values())
    ids = [next(iter(several)) for several in found.values()]
    assert len(set(ids)) == len({process for _, process in ids}) == 23
    assert [group for group, _ in ids] == [0] * 10 + [1] * 10 + [2] * 3
    assert (processes.most, processes.present) == (10, 0)


def test_a_profiling_that_goes_on_numbers_its_groups_and_processes_after_those_before() -> None:
    before = numbers(worker.profile(job(15), ignore, ignore))
    after = numbers(worker.profile(job(12, first_group=2), ignore, ignore))
    groups = [{group for several in found.values() for group, _ in several} for found in (before, after)]
    ids = [{process for several in found.values() for _, process in several} for found in (before, after)]
    assert groups == [{0, 1}, {2, 3}]
    assert not ids[0] & ids[1]


def test_what_is_measured_is_timed_in_passes_through_all_each_in_processes_of_its_own() -> None:
    found = worker.measure(job(12, rounds=6), ignore, ignore)
    for rounds in found.values():
        ids = [r.process for r in rounds]
        assert ids == sorted(ids)
        assert [ids.count(process) for process in dict.fromkeys(ids)] == [2] * worker.MEASURED_IN
    assert len({r.process for rounds in found.values() for r in rounds}) == 12 * worker.MEASURED_IN
    groups = [list(dict.fromkeys(r.group for r in rounds)) for rounds in found.values()]
    assert groups == [[0, 2, 4]] * 10 + [[1, 3, 5]] * 2


def test_only_what_is_noisy_gets_further_passes(processes: type[FakeProcess]) -> None:
    processes.waited = {"n1": 0.5}
    found = worker.measure(job(3, rounds=6), ignore, ignore)
    assert {name: len(rounds) for name, rounds in found.items()} == {"n0": 6, "n1": 6 * worker.MORE_ROUNDS, "n2": 6}


def test_a_runtime_that_takes_long_to_load_is_measured_in_one_process() -> None:
    found = worker.measure(job(2, rounds=6, runtime="compile"), ignore, ignore)
    assert all(len({r.process for r in rounds}) == 1 for rounds in found.values())


def test_all_take_part_in_each_round_and_the_order_changes(processes: type[FakeProcess]) -> None:
    worker.profile(job(6, rounds=8), ignore, ignore)
    rounds = [tuple(name for name, _ in processes.log[i : i + 6]) for i in range(0, 48, 6)]
    assert all(set(each) == {f"n{i}" for i in range(6)} for each in rounds)
    assert len(set(rounds)) > 4


def test_those_of_which_there_is_not_enough_get_more_within_bounds(processes: type[FakeProcess]) -> None:
    processes.waited = {"n1": 0.5}
    found = worker.profile(job(3), ignore, ignore)
    assert {name: len(record["visits"]) for name, record in found.items()} == {"n0": 4, "n1": 4 * worker.MORE_ROUNDS, "n2": 4}
    assert all(len(record["passes"]) == len(record["visits"]) for record in found.values())


def test_no_time_is_one_round(processes: type[FakeProcess]) -> None:
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
    for name, ids in numbers(worker.profile(job(5), ignore, ignore)).items():
        by_number[next(iter(ids))[0]].add(name)
    assert by_number == {0: {"n0", "n1"}, 1: {"n2", "n3"}, 2: {"n4"}}
    monkeypatch.setattr(worker, "GROUP_PARAMS", 1)  # one that is too large for the bound is still timed, alone
    assert [list(group) for group in worker.grouped(several, 10)] == [[f"n{i}"] for i in range(5)]


def test_measuring_ends_early_where_other_work_disturbs_all(processes: type[FakeProcess]) -> None:
    processes.waited = {f"n{i}": 0.5 for i in range(3)}
    found = worker.measure(job(3, rounds=6), ignore, ignore)
    assert {len(rounds) for rounds in found.values()} == {2 * worker.DISTURBED_PASSES}
    processes.waited = {"n0": 0.5}
    found = worker.measure(job(3, rounds=6), ignore, ignore)
    assert len(found["n1"]) == 6, "the control: one of three is disturbed"
    assert len(found["n0"]) > 6


def test_a_network_that_is_delivered_gets_its_weights(processes: type[FakeProcess]) -> None:
    worker.measure(job(2, rounds=3, weights={"n1": "/best/weights.safetensors"}), ignore, ignore)
    assert processes.weights == {"n0": None, "n1": "/best/weights.safetensors"}
