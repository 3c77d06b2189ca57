"""Configurations and the commands that `study.yaml` stores: each leads back to the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasbench.engines.config import EngineConfig
from nasbench.errors import StudyError
from nasbench.latency import DeviceConfig
from nasbench.search.config import KNOWN, MAY_CHANGE, SearchConfig, space_digest
from nasbench.search.limits import Limits
from nasbench.search.options import search_config
from nasbench.spaces import load_space, read_space
from nasbench.training.proxy import FITTED


def config_for(device: DeviceConfig) -> SearchConfig:
    return SearchConfig(space="tiny", limits=Limits(latency_ms=20.0), device=device)


DEVICES = [
    (DeviceConfig(), "tiny-20ms"),
    (DeviceConfig(runtime="eager", batch=1), "tiny-20ms"),
    (DeviceConfig(runtime="onnxruntime", threads=1), "tiny-20ms-onnxruntime-1t"),
    (DeviceConfig("cuda", "cudagraphs", batch=8, precision="fp16"), "tiny-20ms-cuda-cudagraphs-b8-fp16"),
    (DeviceConfig(memory_format="channels_last"), "tiny-20ms-channels_last"),
    (DeviceConfig("mail/my phone.json"), "tiny-20ms-my_phone"),
]


@pytest.mark.parametrize(("device", "name"), DEVICES)
def test_the_device_is_part_of_a_studys_name(device: DeviceConfig, name: str) -> None:
    assert config_for(device).name() == name


@pytest.mark.parametrize("device", [device for device, _ in DEVICES])
def test_a_command_names_the_device(device: DeviceConfig) -> None:
    command = config_for(device).command(load_space("tiny"), "key", "images")
    assert SearchConfig.from_command(command) == config_for(device)


def test_another_device_is_another_command() -> None:
    space = load_space("tiny")
    commands = [config_for(device).command(space, "key", "images") for device, _ in DEVICES]
    assert commands[0] == commands[1]
    assert all(command != commands[0] for command in commands[2:])


def test_the_engine_may_change_but_not_what_trials_train_on() -> None:
    def command(**engine: Any) -> dict[str, Any]:
        config = SearchConfig(space="tiny", limits=Limits(latency_ms=20.0), engine=EngineConfig(**engine))
        stored = config.command(load_space("tiny"), "key", "images")
        assert SearchConfig.from_command(stored) == config
        return {name: value for name, value in stored.items() if name not in MAY_CHANGE}

    default = command()
    assert command(name="ray", address="auto") == command(cpus=0.5) == default
    assert command(gpus=0.25) == command(gpus=2, name="ray") != default
    assert command(cpus=2) not in (default, command(cpus=4))


def test_a_study_from_before_there_were_engines_continues() -> None:
    stored = config_for(DeviceConfig()).command(load_space("tiny"), "key", "images")
    del stored["engine"]
    assert SearchConfig.from_command(stored) == config_for(DeviceConfig())


def test_measuring_elsewhere_needs_a_profile_of_that_device() -> None:
    engine = EngineConfig(name="ray", address="auto", measure_on="phone")
    with pytest.raises(StudyError, match=r"--measure-on is for a device elsewhere, .*; got --device cpu"):
        SearchConfig(space="tiny", limits=Limits(latency_ms=20.0), engine=engine)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("cells", "e678240f614e"),
        ("darts", "e9a73545b593"),
        ("dense", "33a1b27e7896"),
        ("macro", "76c1e8030554"),
        ("mbconv", "389addfd2ae2"),
        ("residual", "e6fd06d922a0"),
        ("shared", "6f14195e55c6"),
        ("shared_small", "81a60ce61e39"),
        ("shuffle", "f48a9e6634e4"),
        ("tiny", "8f14ca22ee89"),
    ],
)
def test_a_space_has_the_digest_that_version_0_1_wrote(name: str, digest: str) -> None:
    """Else no study of that version could be resumed, whatever else stayed the same."""
    assert space_digest(load_space(name)) == digest


def test_another_space_has_another_digest() -> None:
    text = "resolution: 32\nstem: [{op: conv, width: [8, 16]}]"
    digests = {
        space_digest(read_space(t)) for t in (text, text.replace("16", "24"), text.replace("32", "64"), text.replace("conv", "separable"))
    }
    assert len(digests) == 4


def test_the_data_decide_what_the_user_left_open() -> None:
    config = replace(config_for(DeviceConfig()), open_fields=FITTED)
    assert config.fitted_to(8000) == config_for(DeviceConfig())
    small = config.fitted_to(160)
    assert (small.recipe.epochs, small.open_fields) == (32, ())
    stored = config.fitted_to(8000).command(load_space("tiny"), "key", "images")
    assert config.continuing(stored) == config_for(DeviceConfig()), "a study of an earlier version continues as it began"
    assert small.continuing(stored) == small, "what the user gave is never replaced"


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({}, ()),
        ({"epochs": 3}, ("epochs",)),
        ({"epochs": 9, "eta": 3}, ("epochs",)),
        ({"rungs": "1,3"}, ("epochs",)),
        ({"recipe": {"lr": 0.1}}, ("lr",)),
        ({"recipe": {"epochs": 2, "train_size": 48}}, ("epochs", "train_size")),
        ({"recipe": {"images": 640}}, ("images", "epochs")),
    ],
)
def test_what_the_user_gives_is_not_open(tmp_path: Path, options: dict[str, Any], given: tuple[str, ...]) -> None:
    if "recipe" in options:
        (tmp_path / "recipe.json").write_text(json.dumps(options["recipe"]))
        options = options | {"recipe": tmp_path / "recipe.json"}
    open_fields = search_config(space="tiny", macs="1G", **options).open_fields
    assert set(open_fields) == set(FITTED) - set(given)


@pytest.mark.parametrize(
    ("text", "names"),
    [(None, KNOWN), ("", KNOWN), ("none", ()), ("resnet18", ("resnet18",)), ("resnet18, vgg16", ("resnet18", "vgg16"))],
)
def test_the_known_networks_of_an_option(text: str | None, names: tuple[str, ...]) -> None:
    assert search_config(latency="20ms", known=text).known == names
