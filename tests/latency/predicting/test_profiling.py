from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench.errors import BusyError, DeviceError
from nasbench.genotype import Genotype, cost, inference, trace
from nasbench.latency.device import local_device
from nasbench.latency.measuring.patience import Patience
from nasbench.latency.predicting import profiling
from nasbench.latency.predicting.partial_profile import PartialProfile
from nasbench.latency.predicting.predict import Predictor, uncovered
from nasbench.latency.predicting.profile import load_profile, profile_path
from nasbench.latency.predicting.profiling import load_or_profile, profile_device, profile_while_busy
from nasbench.latency.predicting.signature import groups, signatures
from nasbench.zoo import known

CLOCK_MS = 0.02  # twice a call


class Worker:
    """Answers profiling jobs by the paper device's law, on a machine of changing speed, two networks a group.

    Its clock adds `CLOCK_MS` to each call.

    After `dies_after` groups, it dies.
    """

    def __init__(self, law, waited: float = 0.0) -> None:
        self.law, self.waited, self.jobs, self.first = law, waited, [], []
        self.dies_after: int | None = None
        self.silent = False

    def __call__(self, job: dict[str, Any], *, on_part=None, on_progress=None, **_: object) -> dict[str, Any]:
        self.jobs.append(sorted(job["networks"]))
        self.first.append(job.get("first_group", 0))
        draw = np.random.default_rng(0)
        found: dict[str, Any] = {}
        names = list(job["networks"])
        for group, pair in enumerate(names[i : i + 2] for i in range(0, len(names), 2)):
            if group == self.dies_after:
                raise DeviceError("the measuring process died: SIGKILL")
            part = {}
            speeds = draw.uniform(1, 1.5, job["rounds"]).tolist()  # of the group's rounds, in which all take their turn
            for name in pair:
                layers = np.array([0.0, *map(self.law, signatures(trace(Genotype.from_yaml(job["networks"][name]))))])
                calls = np.arange(len(layers)).clip(max=1)
                number = self.first[-1] + group
                process = 10 * number + pair.index(name)
                part[name] = {
                    "visits": [[float(layers.sum()) * s, 5.0 * s, self.waited, process, number] for s in speeds],
                    "passes": [None if self.silent else ((layers + CLOCK_MS * calls) * s).tolist() for s in speeds],
                    "calls": None if self.silent else calls.tolist(),
                }
            if on_part:
                on_part(part)
            if on_progress:
                on_progress(group + 1, -(-len(names) // 2))
            found |= part
        return found


@pytest.fixture
def worker(paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    fake = Worker(paper().law)
    monkeypatch.setattr(profiling, "run_job", fake)
    return fake


def test_layers_add_up_to_the_network_and_the_clock_and_drift_are_out(worker: Worker, paper, some) -> None:
    profile = profile_device(local_device(1), some)
    factor = profile.reference_ms / 5.0
    for n in profile.networks:
        truth = paper().network(n.name, some[n.name])
        assert n.ms == pytest.approx(truth.ms * factor)
        assert [ms for _, ms in n.kernels] == pytest.approx([ms * factor for _, ms in truth.kernels])
        assert [s for s, _ in n.kernels] == [s for s, _ in truth.kernels]
        assert n.in_place


@given(
    st.lists(st.tuples(st.floats(1e-3, 10), st.integers(1, 4)), min_size=1, max_size=30),
    st.floats(0, 1),
    st.floats(0.8, 1.2),
)
def test_what_a_clock_adds_to_each_call_is_found_from_the_total(kernels: list[tuple[float, int]], clock: float, speed: float) -> None:
    true, calls = np.array([ms for ms, _ in kernels]), np.array([n for _, n in kernels])
    seen = true + clock * calls
    if (true >= profiling.LEAST * seen).all():
        assert profiling.without_clock(seen, calls, true.sum()) == pytest.approx(true)
    for ms in (speed * true.sum(), 1e-3 * true.sum(), 9 * seen.sum()):  # whatever is said, the sum holds
        found = profiling.without_clock(seen, calls, ms)
        assert found.sum() == pytest.approx(ms)
        assert (found > 0).all()


def test_what_passes_between_kernels_is_shared_out_by_calls() -> None:
    found = profiling.without_clock(np.array([1.0, 2.0, 0.0]), np.array([1, 3, 0]), 3.4)
    assert found == pytest.approx([1.1, 2.3, 0.0])  # a layer without a call, such as dropout, takes none


def test_kernels_of_a_runtime_that_fuses_are_timed_as_the_sum_of_their_layers(worker: Worker, paper, some) -> None:
    profile = profile_device(local_device(1, runtime="onnxruntime"), some)
    for n in profile.networks:
        layers = inference(trace(some[n.name]))
        truth = np.array([worker.law(s) for s in signatures(layers)])
        sums = [truth[[i - 1 for i in members]].sum() for members in groups(layers)]
        assert [ms / n.ms for _, ms in n.kernels] == pytest.approx(list(sums / truth.sum()))
        assert [s for s, _ in n.kernels] == signatures(layers, fused=True)


def test_a_runtime_that_does_not_tell_layers_gives_totals(worker: Worker, some) -> None:
    worker.silent = True
    profile = profile_device(local_device(1), some)
    assert not profile.noisy
    assert not any(n.in_place for n in profile.networks)
    assert {ms for n in profile.networks for _, ms in n.kernels} == {None}


def test_ten_networks_and_a_base_make_a_profile_that_holds_both(worker: Worker, paper, some, others) -> None:
    worker.silent = True
    base = paper().profile(some)
    profile = profile_device(local_device(1), dict(list(others.items())[:10]), base=base)
    assert profile.base == base
    assert len(profile.networks) == 10
    held_out = dict(list(others.items())[10:])
    ratios = np.array([p.ms for p in Predictor(profile).predict_many(held_out.values())]) / [
        paper().network(name, g).ms for name, g in held_out.items()
    ]
    assert ratios == pytest.approx(np.median(ratios), rel=0.05)


def test_those_it_is_least_sure_of_are_timed_too(worker: Worker, some, others) -> None:
    odd = {name: known(name) for name in ("squeezenet1_1", "googlenet")}
    usual = dict(list(others.items())[:10])
    pool = dict(list(usual.items())[:5]) | odd | dict(list(usual.items())[5:])
    steps: list[tuple[int, int]] = []
    profile = profile_device(local_device(1), some, pool=pool, more=2, progress=lambda *step: steps.append(step))
    assert worker.jobs == [sorted(some), sorted(odd)]
    assert {n.name for n in profile.networks} == {*some, *odd}
    assert steps == sorted(steps)
    assert steps[-1] == (18 * 6, 18 * 6)
    assert worker.first == [0, 8]


def test_of_the_pool_none_is_timed_twice_and_none_where_it_is_noisy(worker: Worker, some, others) -> None:
    pool = dict(list(some.items())[:3]) | {"other 0": others["other 0"]}
    said: list[str] = []
    profile_device(local_device(1), some, pool=pool, more=4, say=said.append)
    assert worker.jobs == [sorted(some), ["other 0"]]
    assert said == []  # nothing was stopped
    worker.jobs.clear()
    worker.waited = 0.5
    assert profile_device(local_device(1), some, pool=pool, more=4).noisy
    assert worker.jobs == [sorted(some)]


def test_what_was_timed_before_a_death_is_not_timed_again(worker: Worker, some) -> None:
    device, said = local_device(1), []
    worker.dies_after = 3
    for _ in range(2):
        with pytest.raises(DeviceError, match="SIGKILL"):
            profile_device(device, some, say=said.append)
    worker.dies_after = None
    steps: list[tuple[int, int]] = []
    profile = profile_device(device, some, say=said.append, progress=lambda *step: steps.append(step))
    names = list(some)
    assert worker.jobs == [sorted(names), sorted(names[6:]), sorted(names[12:])]
    assert worker.first == [0, 3, 6]
    assert said == [f"{n} of 16 networks were timed before this was stopped; going on" for n in (6, 12)]
    assert [n.name for n in profile.networks] == names
    assert steps[0][0] > 12 * 6 > 0
    assert not PartialProfile(device).path.exists()
    profile_device(device, some)  # the control: nothing is left of it, all are timed
    assert worker.jobs[-1] == sorted(names)


def test_a_death_among_those_it_was_least_sure_of_goes_on_there(worker: Worker, some, others) -> None:
    pool = {name: known(name) for name in ("squeezenet1_1", "googlenet", "shufflenet_v2_x1_0")} | others
    timed = worker.__call__

    def dies_in_the_second_job(job: dict[str, Any], **keywords: object) -> dict[str, Any]:
        worker.dies_after = 1 if worker.jobs else None
        return timed(job, **keywords)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiling, "run_job", dies_in_the_second_job)
        with pytest.raises(DeviceError, match="SIGKILL"):
            profile_device(local_device(1), some, pool=pool, more=3)
    worker.dies_after = None
    profile = profile_device(local_device(1), some, pool=pool, more=3)
    first, second, third = worker.jobs
    assert first == sorted(some)
    assert len(second) == 3
    assert len(third) == 1
    assert set(third) < set(second)
    assert {n.name for n in profile.networks} == {*first, *second}


def test_it_is_made_once_and_then_read(worker: Worker, some) -> None:
    device = local_device(1)
    first = load_or_profile(device, some)
    again = load_or_profile(device, some)
    assert len(worker.jobs) == 1
    assert again.networks == load_profile(profile_path(device)).networks
    assert [n.name for n in again.networks] == [n.name for n in first.networks]
    load_or_profile(local_device(2), some)
    assert len(worker.jobs) == 2


def test_a_file_that_cannot_be_used_is_said_and_made_again(worker: Worker, some) -> None:
    device, said = local_device(1), []
    load_or_profile(device, some)
    path = profile_path(device)
    path.write_text(path.read_text()[:1000])
    load_or_profile(device, some, say=said.append)
    assert len(worker.jobs) == 2
    assert "is damaged" in said[0]
    load_profile(path)


def test_what_a_stored_profile_does_not_cover_is_added(worker: Worker, some, others) -> None:
    device = local_device(1)
    load_or_profile(device, some)
    more = {name: known(name) for name in ("squeezenet1_1", "googlenet", "densenet121", "shufflenet_v2_x1_0", "resnext50_32x4d")}
    assert set(uncovered(load_profile(profile_path(device)), more)) == set(more)
    whole = load_or_profile(device, dict(list(others.items())[:10]) | more)
    assert set(more) <= set(worker.jobs[1])
    assert len(whole.networks) == len(some) + len(worker.jobs[1])
    load_or_profile(device, more)
    assert len(worker.jobs) == 2


def test_a_noisy_profile_says_so_and_is_not_stored(worker: Worker, some) -> None:
    worker.waited = 0.5
    profile = load_or_profile(local_device(1), some)
    assert profile.noisy
    assert "other work disturbed 16 of 16 networks" in profile.why
    assert not profile_path(local_device(1)).exists()


def test_a_profile_on_a_busy_machine_says_how_long_it_waited(worker: Worker, some) -> None:
    worker.waited = 0.6
    found = profile_while_busy(local_device(1), some)
    assert (found.noisy, found.waited) == (True, 0.6)
    assert not list(profile_path(local_device(1)).parent.glob("*")), "neither a profile nor a part of one"
    worker.waited = 0.0
    quiet = profile_while_busy(local_device(1), some)
    assert (quiet.noisy, quiet.waited) == (False, 0.0), "the other work ended just then"


def test_a_stored_profile_serves_a_search_while_it_cannot_be_extended(worker: Worker, some) -> None:
    stored = load_or_profile(local_device(1), some)
    others = {name: known(name) for name in ("squeezenet1_1", "googlenet", "densenet121", "shufflenet_v2_x1_0", "resnext50_32x4d")}
    said: list[str] = []
    patience = Patience(0.0, said.append, look=lambda threads: 0.6, who=lambda: "process 7 keeps 1.9 cores")
    found = load_or_profile(local_device(1), others, say=said.append, patience=patience)
    assert [n.digest for n in found.networks] == [n.digest for n in stored.networks]
    assert "the stored profile is used as it is, though it does not cover all networks" in said[0]
    assert "process 7 keeps 1.9 cores" in said[0]
    profile_path(local_device(1)).unlink()
    with pytest.raises(BusyError):
        load_or_profile(local_device(1), some, patience=patience)


def test_disturbed_passes_are_left_out(paper, some) -> None:
    found = Worker(paper().law)({"networks": {n: g.to_yaml() for n, g in some.items()}, "rounds": 8})
    for record in found.values():
        record["visits"][0] = [900.0, 5.0, 0.9, *record["visits"][0][3:]]
        record["passes"][0] = [9.0] * len(record["passes"][0])
    profile = profiling.read_timings(local_device(1), some, found)
    assert not profile.noisy
    n = profile.networks[0]
    truth = paper().network(n.name, some[n.name])
    assert [ms / n.ms for _, ms in n.kernels] == pytest.approx([ms / truth.ms for _, ms in truth.kernels])


def test_networks_with_too_few_undisturbed_rounds_are_left_out(paper, some) -> None:
    found = Worker(paper().law)({"networks": {n: g.to_yaml() for n, g in some.items()}, "rounds": 8})
    for name in list(some)[:3]:
        found[name]["visits"][:6] = [[900.0, 5.0, 0.9, *found[name]["visits"][0][3:]]] * 6
    profile = profiling.read_timings(local_device(1), some, found)
    assert not profile.noisy
    assert [n.name for n in profile.networks] == list(some)[3:]


def test_timings_that_contradict_each_other_are_noisy(paper, some) -> None:
    found = Worker(paper().law)({"networks": {n: g.to_yaml() for n, g in some.items()}, "rounds": 8})
    for i, record in enumerate(found.values()):
        record["visits"] = [[ms * (i % 4 + 1), *rest] for ms, *rest in record["visits"]]
    profile = profiling.read_timings(local_device(1), some, found)
    assert profile.noisy
    assert "predict each other only within" in profile.why


def test_too_few_networks_are_refused(worker: Worker, some) -> None:
    with pytest.raises(DeviceError, match="at least 5 networks; got 1"):
        profile_device(local_device(1), {"one": some["sample 0"]})


def test_on_a_very_busy_machine_five_networks_are_enough(worker: Worker, some, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over before all were timed."""
    worker.waited, worker.dies_after = 0.9, 3

    def too_slow(*arguments: Any, **options: Any) -> Any:
        try:
            return worker(*arguments, **options)
        except DeviceError:
            raise BusyError("measuring took more than 180 s") from None

    monkeypatch.setattr(profiling, "run_job", too_slow)
    found = profile_while_busy(local_device(1), some)
    assert len(found.networks) == 6
    macs = sorted(cost(g).macs for g in some.values())
    assert sorted(cost(some[n.name]).macs for n in found.networks) == macs[:6], "the quickest ones"
    worker.dies_after = 2
    with pytest.raises(BusyError):
        profile_while_busy(local_device(1), some)
