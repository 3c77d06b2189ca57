from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from nasbench.errors import DeviceError
from nasbench.latency.device import Device, local_device, slug
from nasbench.latency.gpu import first_gpu
from nasbench.latency.processor import usable_cores
from nasbench.latency.runtimes import RUNTIMES

DEVICE = Device("cpu", "Abacus(R) 9 CPU @ 1 Hz", threads=4, versions={"torch": "2.6", "python": "3.11", "nasbench": "0.1"}, host="desk")


def test_json_goes_both_ways() -> None:
    assert Device.from_json(json.loads(json.dumps(DEVICE.to_json()))) == DEVICE


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Abacus 10"},
        {"threads": 2},
        {"batch": 8},
        {"precision": "bf16"},
        {"memory_format": "channels_last"},
        {"versions": {"torch": "2.7", "python": "3.11", "nasbench": "0.1"}},
    ],
)
def test_what_changes_latency_changes_the_key(change: dict[str, object]) -> None:
    assert replace(DEVICE, **change).key != DEVICE.key


def test_another_host_with_the_same_processor_is_the_same_device() -> None:
    other = replace(DEVICE, host="rack", versions=DEVICE.versions | {"nasbench": "0.2"})
    assert other.key == DEVICE.key


def test_the_key_can_be_read_and_is_a_file_name() -> None:
    assert DEVICE.key.startswith("abacus-9-cpu-1-hz-eager-4t-b1-fp32-")
    assert DEVICE.key == slug(DEVICE.key)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"kind": "cpus"}, "kind is one of cpu, cuda; got 'cpus'; did you mean cpu"),
        ({"threads": 0}, "threads is a whole number from 1"),
        ({"threads": True}, "threads is a whole number from 1"),
        ({"batch": -1}, "batch is a whole number from 1"),
        ({"precision": "fp8"}, "precision is one of fp32, bf16, fp16"),
        ({"memory_format": "nhwc"}, "memory_format is one of contiguous, channels_last"),
        ({"versions": {"torch": 2}}, "versions map a name to a version"),
        ({"name": 3}, "name is text"),
        ({"runtime": "eagre"}, "a runtime is one of eager, .*; got 'eagre'; did you mean eager"),
        ({"runtime": None}, "a runtime is one of eager"),
        (
            {"runtime": "onnxruntime", "precision": "bf16"},
            "onnxruntime runs on cpu in fp32, contiguous; got cpu, bf16, contiguous; use the runtime eager or compile$",
        ),
        ({"runtime": "onnxruntime", "memory_format": "channels_last"}, "onnxruntime runs on cpu in fp32, contiguous"),
        ({"runtime": "onnxruntime", "kind": "cuda"}, "got cuda, fp32, contiguous; use the runtime eager or compile or cudagraphs"),
        ({"runtime": "cudagraphs"}, "cudagraphs runs on cuda in fp32 or bf16 or fp16"),
        ({"kind": "cuda", "threads": 2}, "threads are those of a CPU's runtime, and a cuda device has 1; got 2"),
    ],
)
def test_impossible_values_are_refused(fields: dict[str, object], rule: str) -> None:
    with pytest.raises(DeviceError, match=rule):
        Device(**{"kind": "cpu", "name": "x"} | fields)


@pytest.mark.parametrize("data", [None, [], {"kind": "cpu"}, {"kind": "cpu", "name": "x", "colour": "red"}])
def test_what_is_no_device_is_refused(data: object) -> None:
    with pytest.raises(DeviceError, match="a device is a mapping of"):
        Device.from_json(data)


def test_the_local_device_names_processor_and_versions() -> None:
    here = local_device()
    assert here.name
    assert 1 <= here.threads == usable_cores()
    assert set(here.versions) == {"torch", "python", "nasbench"}
    assert local_device(3).threads == 3
    more = local_device(2, 4, "compile", "bf16", "channels_last")
    assert (more.threads, more.batch, more.runtime, more.precision, more.memory_format) == (2, 4, "compile", "bf16", "channels_last")


def test_a_runtimes_own_package_is_part_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    device = local_device(runtime="onnxruntime")
    assert set(device.versions) == {"torch", "python", "nasbench", "onnxruntime"}
    assert replace(device, versions=device.versions | {"onnxruntime": "0"}).key != device.key
    monkeypatch.setitem(RUNTIMES, "onnxruntime", replace(RUNTIMES["onnxruntime"], packages=("no-such-package",)))
    with pytest.raises(DeviceError, match="onnxruntime needs no-such-package, which is not installed; pip install"):
        local_device(runtime="onnxruntime")


def test_a_gpu_is_its_name_and_what_drives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = first_gpu({"name": "Abacus GPU", "cuda": "13.0", "cudnn": "91000"}, "580.1")
    monkeypatch.setattr("nasbench.latency.device.gpu", lambda: found)
    device = local_device(kind="cuda", runtime="cudagraphs")
    assert (device.kind, device.name, device.threads) == ("cuda", "Abacus GPU", 1)
    assert device.versions.items() >= {"driver": "580.1", "cuda": "13.0", "cudnn": "91000"}.items()
    assert replace(device, versions=device.versions | {"driver": "581"}).key != device.key


def test_the_package_needs_no_torch() -> None:
    code = "import sys, nasbench.latency; sys.exit(any(m in sys.modules for m in ('torch', 'scipy', 'sklearn')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
