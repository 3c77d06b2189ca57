"""A fit's problem: resolutions at which training has whole pixels, and what measures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from formula import evaluator_of
from growth_formula import BASE, by_growth
from paper_search import PAPER, profile

from nasbench.engines.config import EngineConfig
from nasbench.latency import DeviceConfig
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.problem import FitProblem
from nasbench.training.recipe import Recipe, proxy_input
from nasbench.zoo import known


@pytest.mark.parametrize("train_size", [14, 20, 28, 32, 50])
def test_resolution_really_is_that_of_training(train_size):
    """Each allowed side trains at another whole number of pixels, in proportion."""
    config = FitConfig(network="resnet18", genotype=known("resnet18"), recipe=Recipe(train_size=train_size))
    problem = FitProblem(config, evaluator_of(by_growth))
    sides = sorted({problem.side(wanted) for wanted in range(160, 450)})
    pixels = [proxy_input((3, side, side), config.recipe)[1] for side in sides]
    assert pixels == list(range(pixels[0], pixels[-1] + 1))
    assert all(abs(side * train_size / 224 - p) <= train_size / 448 for side, p in zip(sides, pixels, strict=True))


def test_small_images_grow_by_single_pixels():
    config = FitConfig(network="resnet20_cifar10", genotype=known("resnet20_cifar10"))
    assert [FitProblem(config, evaluator_of(by_growth)).side(wanted) for wanted in (32.2, 36.8, 4.0)] == [32, 37, 8]


def test_another_node_measures_a_fit_too(tmp_path):
    (tmp_path / "phone.json").write_text("{}")
    here = FitConfig(network="base.yaml", genotype=BASE, latency=True)
    there = replace(here, device=DeviceConfig(device=str(tmp_path / "phone.json")), engine=EngineConfig(name="ray", measure_on="phone"))
    problem = FitProblem(there, evaluator_of(by_growth), device=PAPER).predicting(profile())
    assert problem.measurer(lambda _: None) is not None
    assert replace(problem, config=here).measurer(lambda _: None) is None, "the control: it is not here"
