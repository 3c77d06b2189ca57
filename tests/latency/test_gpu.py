"""What a probe reports, and that no GPU is one clear line."""

from __future__ import annotations

import sys

import pytest

from nasbench.errors import DeviceError
from nasbench.latency import gpu
from nasbench.latency.gpu import Gpu, first_gpu, gpu_count, probe


def test_a_report_names_the_first_gpu_and_what_drives_it() -> None:
    found = first_gpu({"name": "Abacus GPU", "cuda": "13.0", "cudnn": "91000", "count": 2}, "580.1")
    assert found == Gpu("Abacus GPU", {"driver": "580.1", "cuda": "13.0", "cudnn": "91000"})


@pytest.mark.parametrize(
    ("report", "count"), [({"count": 2, "name": "Abacus GPU"}, 2), ({"count": 0}, 0), ({"why": "torch is missing"}, 0)]
)
def test_gpus_are_counted(report: dict[str, object], count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "probe", lambda: report)
    gpu_count.cache_clear()
    try:
        assert gpu_count() == count
    finally:
        gpu_count.cache_clear()


def test_the_real_probe_agrees_with_torch() -> None:
    import torch

    report = probe()
    assert report["count"] == torch.cuda.device_count()
    assert ("name" in report) == (report["count"] > 0)


@pytest.mark.parametrize(
    ("report", "why"),
    [
        ({"cuda": None}, "torch was built without CUDA"),
        ({"cuda": "13.0", "why": "Found no NVIDIA driver on your system."}, "Found no NVIDIA driver"),
        (probe((sys.executable, "-c", "print('no JSON')")), "the probe failed: JSONDecodeError"),
        (probe((sys.executable, "-c", "")), "the probe failed: IndexError"),
    ],
)
def test_no_gpu_is_one_clear_line(report: dict[str, object], why: str) -> None:
    with pytest.raises(DeviceError, match=f"no CUDA device is visible to torch: {why}.*; use --device cpu") as error:
        first_gpu(report, "unknown")
    assert "\n" not in str(error.value)
