from __future__ import annotations

import pytest

from nasbench.cli.options.search import EngineOptions
from nasbench.latency.device_config import DeviceConfig


@pytest.mark.parametrize(
    ("device", "asked", "gpus"),
    [
        ("cpu", None, 0.0),
        ("cpu", 0.25, 0.25),  # its latency is the CPU's, and a GPU trains
        ("cuda", None, 1.0),
        ("cuda", 0.25, 0.25),
        ("cuda", 0.0, 0.0),
        ("elsewhere.json", None, 0.0),  # whatever is in the file is not here
    ],
)
def test_trials_train_on_the_gpu_whose_latency_is_limited(device: str, asked: float | None, gpus: float) -> None:
    assert EngineOptions(gpus_per_trial=asked).config(DeviceConfig(device)).gpus == gpus
