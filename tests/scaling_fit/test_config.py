"""The configuration of a fit: it comes back from the stored command, and refuses impossible values."""

from __future__ import annotations

import json

import pytest
from growth_formula import BASE

from nasbench.engines.config import EngineConfig
from nasbench.errors import StudyError
from nasbench.scaling_fit.config import FitConfig


def fit_config(**more):
    return FitConfig(network="base.yaml", genotype=BASE, **{"divisor": 4, "workers": 2, **more})


def test_the_command_is_data_and_comes_back():
    config = fit_config(latency=True, seed=3)
    command = config.command("images", "key", {})
    assert FitConfig.from_command(json.loads(json.dumps(command))) == config
    assert config.name() == "fit-base-latency-seed3"
    assert fit_config().name() == "fit-base"


def test_numbers_have_ranges():
    with pytest.raises(StudyError, match="--jobs"):
        fit_config(workers=0)
    with pytest.raises(StudyError, match="--divisor"):
        fit_config(divisor=1000)


def test_another_node_measures_only_a_device_that_a_file_describes():
    with pytest.raises(StudyError, match=r"--measure-on is for a device elsewhere.*--device FILE"):
        fit_config(engine=EngineConfig(name="ray", measure_on="phone"))
