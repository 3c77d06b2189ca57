from __future__ import annotations

from typing import Any

import pytest

from nasbench.engines.config import EngineConfig
from nasbench.errors import StudyError
from nasbench.latency import DeviceConfig
from nasbench.search.config import MAY_CHANGE, SearchConfig
from nasbench.search.limits import Limits
from nasbench.spaces import load_space


def request_for(device: DeviceConfig) -> SearchConfig:
    return SearchConfig(space="tiny", limits=Limits(latency_ms=20.0), device=device)


CHOICES = [
    (DeviceConfig(), "tiny-20ms"),
    (DeviceConfig(runtime="eager", batch=1), "tiny-20ms"),
    (DeviceConfig(runtime="onnxruntime", threads=1), "tiny-20ms-onnxruntime-1t"),
    (DeviceConfig("cuda", "cudagraphs", batch=8, precision="fp16"), "tiny-20ms-cuda-cudagraphs-b8-fp16"),
    (DeviceConfig(memory_format="channels_last"), "tiny-20ms-channels_last"),
    (DeviceConfig("mail/my phone.json"), "tiny-20ms-my_phone"),
]


@pytest.mark.parametrize(("device", "name"), CHOICES)
def test_the_device_is_part_of_a_studys_name(device: DeviceConfig, name: str) -> None:
    assert request_for(device).name() == name


@pytest.mark.parametrize("device", [device for device, _ in CHOICES])
def test_a_command_asks_for_the_same_device_again(device: DeviceConfig) -> None:
    command = request_for(device).command(load_space("tiny"), "key", "images")
    assert SearchConfig.from_command(command) == request_for(device)


def test_another_device_is_another_command() -> None:
    space = load_space("tiny")
    commands = [request_for(device).command(space, "key", "images") for device, _ in CHOICES]
    assert commands[0] == commands[1]
    assert all(one != commands[0] for one in commands[2:])


def test_the_engine_may_change_but_not_what_trials_train_on() -> None:
    def command(**engine: Any) -> dict[str, Any]:
        request = SearchConfig(space="tiny", limits=Limits(latency_ms=20.0), engine=EngineConfig(**engine))
        found = request.command(load_space("tiny"), "key", "images")
        assert SearchConfig.from_command(found) == request
        return {name: value for name, value in found.items() if name not in MAY_CHANGE}

    usual = command()
    assert command(name="ray", address="auto") == command(cpus=0.5) == usual
    assert command(gpus=0.25) == command(gpus=2, name="ray") != usual
    assert command(cpus=2) not in (usual, command(cpus=4))


def test_a_study_of_before_there_were_engines_goes_on() -> None:
    found = request_for(DeviceConfig()).command(load_space("tiny"), "key", "images")
    del found["engine"]
    assert SearchConfig.from_command(found) == request_for(DeviceConfig())


def test_measuring_elsewhere_needs_a_profile_of_there() -> None:
    choice = EngineConfig(name="ray", address="auto", measure_on="phone")
    with pytest.raises(StudyError, match=r"--measure-on is for a device elsewhere, .*; got --device cpu"):
        SearchConfig(space="tiny", limits=Limits(latency_ms=20.0), engine=choice)
