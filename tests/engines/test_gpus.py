"""Seats on GPUs; no GPU is needed to count them."""

from __future__ import annotations

import jobs
import pytest

from nasbench.engines import open as opening
from nasbench.engines.config import EngineConfig
from nasbench.engines.gpus import GpuSlots, per_gpu
from nasbench.engines.local.engine import LocalEngine
from nasbench.errors import StudyError


@pytest.mark.parametrize(
    ("devices", "share", "seats"),
    [
        (["0", "1"], 0.5, ["0", "1", "0", "1"]),  # a GPU is shared only when every other is taken
        (["0"], 0.25, ["0"] * 4),
        (["0"], 0.3, ["0"] * 3),
        (["0"], 0.6, ["0"]),
        (["3", "5"], 1, ["3", "5"]),
        (["0", "1", "2"], 2, ["0,1"]),  # the third is left over
        (["GPU-a", "GPU-b"], 2, ["GPU-a,GPU-b"]),
        (["0"], 2, []),
        ([], 0.5, []),
    ],
)
def test_seats(devices, share, seats):
    slots = GpuSlots(devices, share)
    assert slots.seats == len(seats)
    assert [slots.take(i)["CUDA_VISIBLE_DEVICES"] for i in range(slots.seats)] == seats


def test_a_seat_is_free_again():
    slots = GpuSlots(["0", "1"], 1)
    slots.take("a")
    second = slots.take("b")
    slots.give_back("b")
    assert slots.take("c") == second


@pytest.mark.parametrize(("share", "trials"), [(0.25, 4), (0.2, 5), (1 / 3, 3), (0.1, 10), (0.34, 2), (0.9, 1)])
def test_shares_are_rounded_down(share, trials):
    assert per_gpu(share) == trials


@pytest.mark.parametrize("share", [-1, 1.5, 65, float("nan")])
def test_no_share_of_a_gpu(share):
    with pytest.raises(StudyError, match="a trial has a share of a GPU"):
        GpuSlots(["0"], share)


def test_each_trial_sees_its_own_gpu():
    with LocalEngine(3, gpus=GpuSlots(["4", "7"], 0.5)) as engine:
        for key in range(3):
            engine.submit(key, jobs.variable, "CUDA_VISIBLE_DEVICES")
        found = {}
        while engine.running:
            found |= {f.key: f.result for f in engine.wait(20)}
        assert found == {0: "4", 1: "7", 2: "4"}
        engine.submit("again", jobs.variable, "CUDA_VISIBLE_DEVICES")
        assert engine.wait(20)[0].result in ("4", "7")


def test_a_gpu_is_free_again_after_a_call_that_could_not_be_sent():
    slots = GpuSlots(["0"], 1)
    with LocalEngine(1, gpus=slots) as engine:
        with pytest.raises(StudyError, match="plain data"):
            engine.submit("key", jobs.double, lambda: 1)
        engine.submit("key", jobs.variable, "CUDA_VISIBLE_DEVICES")
        assert engine.wait(20)[0].result == "0"


def test_more_trials_than_seats_are_refused():
    with pytest.raises(StudyError, match=r"3 trials at a time with 0.5 GPU each .* 1 GPUs have room for 2; use --jobs 2"):
        LocalEngine(3, gpus=GpuSlots(["0"], 0.5))


@pytest.mark.parametrize(
    ("choice", "jobs_", "match"),
    [
        ({"cpus": 512}, 1, "a trial needs 512 CPUs and this machine has"),
        ({"gpus": 0.25}, 9, "2 GPUs have room for 8; use --jobs 8"),
        ({"gpus": 3}, 1, "2 GPUs have room for 0"),
        ({"gpus": 3, "name": "ray"}, 4, "2 GPUs have room for 0"),
    ],
)
def test_what_this_machine_lacks_is_said_at_once(choice, jobs_, match, monkeypatch):
    monkeypatch.setattr(opening, "visible_gpus", lambda: ["0", "1"])
    with pytest.raises(StudyError, match=match):
        opening.check_room(EngineConfig(**choice), jobs_)


def test_as_many_jobs_as_there_is_room_for(monkeypatch):
    monkeypatch.setattr(opening, "visible_gpus", lambda: ["0"])
    monkeypatch.setattr(opening.os, "sched_getaffinity", lambda _: range(16))
    room = {choice: opening.room_for(EngineConfig(**dict(choice))) for choice in [(), (("cpus", 4),), (("gpus", 0.25),), (("cpus", 0.5),)]}
    assert list(room.values()) == [16, 4, 4, 32]


@pytest.mark.parametrize(
    ("choice", "match"),
    [
        ({"name": "rya"}, "an engine is local or ray; got 'rya'; did you mean ray"),
        ({"cpus": 0}, "--cpus-per-trial is a whole number up to 1024, or a share of one, such as 0.5; got 0"),
        ({"cpus": 1.5}, "got 1.5"),
        ({"gpus": 1.5}, "a share of a GPU"),
        ({"address": "auto"}, "--address is Ray's; got 'auto' with --engine local"),
        ({"measure_on": "phone"}, "--measure-on is Ray's"),
    ],
)
def test_impossible_choices(choice, match):
    with pytest.raises(StudyError, match=match):
        EngineConfig(**choice)
