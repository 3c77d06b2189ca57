from __future__ import annotations

from pathlib import Path

import pytest

from nasbench.errors import DeviceError
from nasbench.latency.device import local_device
from nasbench.latency.device_config import DeviceConfig
from nasbench.latency.predicting.profile import save_profile


@pytest.fixture
def file(paper, some, tmp_path: Path) -> str:
    """A device that is elsewhere, by mail."""
    save_profile(paper().profile(some), tmp_path / "mail.json")
    return str(tmp_path / "mail.json")


def test_without_a_word_it_is_this_machines_cpu() -> None:
    assert DeviceConfig().resolve() == (local_device(), None)
    chosen = DeviceConfig(runtime="onnxruntime", threads=1, batch=2)
    assert chosen.resolve() == (local_device(1, 2, "onnxruntime"), None)
    assert DeviceConfig(runtime="eager", batch=1) == DeviceConfig()  # said or not, it is the same


@pytest.mark.parametrize(
    "options", [{}, {"runtime": "eager", "threads": 1, "batch": 1, "precision": "fp32", "memory_format": "contiguous"}]
)
def test_a_file_brings_device_and_profile(file: str, options: dict[str, object]) -> None:
    device, profile = DeviceConfig(file, **options).resolve()
    assert device.name == "Paper"
    assert profile is not None
    assert profile.device == device


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ({"runtime": "onnxruntime"}, "has runtime eager, --runtime says onnxruntime"),
        ({"threads": 2}, "has threads 1, --threads says 2"),
        ({"batch": 8}, "has batch 1, --batch says 8"),
        ({"precision": "bf16"}, "has precision fp32, --precision says bf16"),
        ({"memory_format": "channels_last"}, "has memory format contiguous, --memory-format says channels_last"),
    ],
)
def test_options_that_contradict_the_file_are_refused(file: str, option: dict[str, object], rule: str) -> None:
    with pytest.raises(DeviceError, match=f"a device's file says all about it; .*mail.json {rule}"):
        DeviceConfig(file, **option).resolve()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"device": "gpu"}, "a device is cpu, cuda or a profile's file; got 'gpu'"),
        ({"device": "cuad"}, "did you mean cuda"),
        ({"runtime": "cudagraphs"}, "cudagraphs runs on cuda"),
        ({"device": "cuda", "runtime": "onnxruntime"}, "onnxruntime runs on cpu"),
        ({"device": "cuda", "threads": 2}, "--threads are those of a CPU's runtime; got 2 for cuda"),
        ({"threads": 0}, "--threads is a whole number from 1"),
        ({"batch": -1}, "--batch is a whole number from 1"),
        ({"precision": "fp8"}, "precision is one of fp32, bf16, fp16; got 'fp8'"),
    ],
)
def test_impossible_choices_are_refused_when_made(options: dict[str, object], rule: str) -> None:
    with pytest.raises(DeviceError, match=rule):
        DeviceConfig(**options)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"cannot read the device profile .*none\.json"):
        DeviceConfig(str(tmp_path / "none.json")).resolve()


def test_json_goes_both_ways(file: str) -> None:
    for choice in (DeviceConfig(), DeviceConfig(file), DeviceConfig("cuda", "cudagraphs", batch=4)):
        assert DeviceConfig.from_json(choice.to_json()) == choice
    with pytest.raises(DeviceError, match="the options of a device are"):
        DeviceConfig.from_json({"colour": "red"})
