"""Slots on GPUs; no GPU is needed to count them."""

from __future__ import annotations

import jobs
import pytest

from nasbench.engines.gpus import GpuSlots, trials_per_gpu
from nasbench.engines.local.engine import LocalEngine
from nasbench.errors import StudyError


@pytest.mark.parametrize(
    ("devices", "share", "expected"),
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
def test_slots(devices, share, expected):
    slots = GpuSlots(devices, share)
    assert slots.count == len(expected)
    assert [slots.acquire(i)["CUDA_VISIBLE_DEVICES"] for i in range(slots.count)] == expected


def test_a_released_slot_is_used_again():
    slots = GpuSlots(["0", "1"], 1)
    slots.acquire("a")
    second = slots.acquire("b")
    slots.release("b")
    assert slots.acquire("c") == second


@pytest.mark.parametrize(("share", "trials"), [(0.25, 4), (0.2, 5), (1 / 3, 3), (0.1, 10), (0.34, 2), (0.9, 1)])
def test_shares_are_rounded_down(share, trials):
    assert trials_per_gpu(share) == trials


@pytest.mark.parametrize("share", [-1, 1.5, 65, float("nan")])
def test_impossible_shares(share):
    with pytest.raises(StudyError, match="a trial has a share of a GPU"):
        GpuSlots(["0"], share)


def test_each_trial_sees_its_own_gpu():
    with LocalEngine(3, gpus=GpuSlots(["4", "7"], 0.5)) as engine:
        for key in range(3):
            engine.submit(key, jobs.variable, "CUDA_VISIBLE_DEVICES")
        results = {}
        while engine.running:
            results |= {f.key: f.result for f in engine.wait(20)}
        assert results == {0: "4", 1: "7", 2: "4"}
        engine.submit("again", jobs.variable, "CUDA_VISIBLE_DEVICES")
        assert engine.wait(20)[0].result in ("4", "7")


def test_a_gpu_is_free_again_after_a_call_that_could_not_be_sent():
    slots = GpuSlots(["0"], 1)
    with LocalEngine(1, gpus=slots) as engine:
        with pytest.raises(StudyError, match="plain data"):
            engine.submit("key", jobs.double, lambda: 1)
        engine.submit("key", jobs.variable, "CUDA_VISIBLE_DEVICES")
        assert engine.wait(20)[0].result == "0"


def test_more_workers_than_slots_are_refused():
    with pytest.raises(StudyError, match=r"3 trials at a time with 0.5 GPU each .* 1 GPUs have room for 2; use --jobs 2"):
        LocalEngine(3, gpus=GpuSlots(["0"], 0.5))
