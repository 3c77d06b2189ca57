from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, trace
from nasbench.latency import profiling
from nasbench.latency.device import local_device
from nasbench.latency.profile import load_profile, profile_path
from nasbench.latency.profiling import load_or_profile, profile_device, uncovered
from nasbench.latency.signature import signatures
from nasbench.zoo import known


class Worker:
    """Answers profiling jobs by the paper device's law, on a machine of changing speed."""

    def __init__(self, law, waited: float = 0.0) -> None:
        self.law, self.waited, self.jobs = law, waited, []

    def __call__(self, job: dict[str, Any], **_: object) -> dict[str, Any]:
        self.jobs.append(sorted(job["networks"]))
        draw = np.random.default_rng(0)
        found = {}
        for name, text in job["networks"].items():
            layers = np.array([0.0, *map(self.law, signatures(trace(Genotype.from_yaml(text))))])
            speeds = draw.uniform(1, 1.5, job["rounds"]).tolist()
            found[name] = {
                "visits": [[float(layers.sum()) * s, 5.0 * s, self.waited] for s in speeds],
                "passes": [(layers * s * 1.1).tolist() for s in speeds],
            }
        return found


@pytest.fixture
def worker(paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    fake = Worker(paper().law)
    monkeypatch.setattr(profiling, "run_job", fake)
    return fake


def test_layers_add_up_to_the_network_and_the_clock_and_drift_are_out(worker: Worker, paper, some) -> None:
    profile = profile_device(local_device(1), some)
    factor = profile.anchor_ms / 5.0
    for n in profile.networks:
        truth = paper().network(n.name, some[n.name])
        assert n.ms == pytest.approx(truth.ms * factor)
        assert [ms for _, ms in n.layers] == pytest.approx([ms * factor for _, ms in truth.layers])
        assert [s for s, _ in n.layers] == [s for s, _ in truth.layers]


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


def test_disturbed_passes_are_left_out(paper, some) -> None:
    found = Worker(paper().law)({"networks": {n: g.to_yaml() for n, g in some.items()}, "rounds": 8})
    for record in found.values():
        record["visits"][0] = [900.0, 5.0, 0.9]
        record["passes"][0] = [9.0] * len(record["passes"][0])
    profile = profiling.read_timings(local_device(1), some, found)
    assert not profile.noisy
    n = profile.networks[0]
    truth = paper().network(n.name, some[n.name])
    assert [ms / n.ms for _, ms in n.layers] == pytest.approx([ms / truth.ms for _, ms in truth.layers])


def test_networks_with_too_few_undisturbed_visits_are_left_out(paper, some) -> None:
    found = Worker(paper().law)({"networks": {n: g.to_yaml() for n, g in some.items()}, "rounds": 8})
    for name in list(some)[:3]:
        found[name]["visits"][:6] = [[900.0, 5.0, 0.9]] * 6
    profile = profiling.read_timings(local_device(1), some, found)
    assert not profile.noisy
    assert [n.name for n in profile.networks] == list(some)[3:]


def test_timings_that_contradict_each_other_are_noisy(paper, some) -> None:
    found = Worker(paper().law)({"networks": {n: g.to_yaml() for n, g in some.items()}, "rounds": 8})
    for i, record in enumerate(found.values()):
        record["visits"] = [[ms * (i % 4 + 1), anchor, waited] for ms, anchor, waited in record["visits"]]
    profile = profiling.read_timings(local_device(1), some, found)
    assert profile.noisy
    assert "predict each other only within" in profile.why


def test_too_few_networks_are_refused(worker: Worker, some) -> None:
    with pytest.raises(DeviceError, match="at least 5 networks; got 1"):
        profile_device(local_device(1), {"one": some["sample 0"]})
