"""The evaluator `train`: an evaluation is a training, and a short one tells what a long one costs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nasbench.evaluate.base import EvaluationContext, Fidelity, Timed
from nasbench.evaluate.make import make_evaluator
from nasbench.evaluate.train import PROBE_EPOCHS, PROBE_IMAGES, TrainEvaluator, as_evaluation, fingerprint
from nasbench.genotype import Genotype
from nasbench.training import PROXY, load_images
from nasbench.zoo import known

CONTEXT = EvaluationContext(recipe={"epochs": 3, "images": 1600}, split_seed=7, threads=2, device="cpu")
TRAIN = make_evaluator("train", CONTEXT, {})


def test_its_data_are_the_images() -> None:
    assert TRAIN.data.classes == 10
    assert TRAIN.data.training == 8000  # of 10,000; a fifth validates
    assert TRAIN.data.fingerprint == fingerprint(load_images("embedded")) == "embedded, 10000 + 2000 images, 10547c7c9652"


def test_other_images_have_another_fingerprint() -> None:
    images = load_images("embedded")
    labels = images.train.labels.clone()
    labels[0] = (labels[0] + 1) % 10
    assert fingerprint(replace(images, train=replace(images.train, labels=labels))) != fingerprint(images)


@pytest.mark.parametrize(
    ("fidelity", "until", "final"), [(Fidelity(), None, False), (Fidelity(2), 2, False), (Fidelity(final=True), None, True)]
)
def test_an_evaluation_is_a_training(fidelity: Fidelity, until: int | None, final: bool, tmp_path: Path) -> None:
    assert isinstance(TRAIN, TrainEvaluator)
    task = TRAIN.task(known("lenet5"), fidelity, 2**31 + 5, tmp_path)
    assert Genotype.from_yaml(task.genotype) == known("lenet5")
    assert (task.seed, task.split_seed, task.threads, task.directory) == (5, 7, 2, str(tmp_path))
    assert (task.until, task.test, task.save_weights) == (until, final, final)
    assert task.whole == (until is None)


def test_a_record_is_an_evaluation_with_the_rest_as_details() -> None:
    result = as_evaluation({"status": "diverged", "accuracy": None, "seconds": 2.0, "reason": "nan", "epochs": 1})
    assert (result.status, result.accuracy, result.seconds, result.reason) == ("diverged", None, 2.0, "nan")
    assert result.details == {"epochs": 1}


def test_the_cost_is_that_of_all_images_and_epochs() -> None:
    def evaluate_all(evaluator, networks):
        recipe = evaluator.context.recipe
        assert (recipe["epochs"], recipe["images"]) == (PROBE_EPOCHS, PROBE_IMAGES)
        return [
            Timed({"status": "ok", "seconds": 2.0, "images_per_second": 400.0}, wall_s=3.0),
            Timed({"status": "infeasible", "seconds": 0.0, "reason": "out of memory"}, wall_s=1.0),
        ]

    costs = TRAIN.cost([known("lenet5"), known("vgg16")], evaluate_all)
    assert costs[0].seconds == pytest.approx(3 * 1600 / 400 + 1.0 + 0.3)  # the images, the start of the process, and a tenth of both
    assert costs[1] == (None, "out of memory")


def test_workers_elsewhere_receive_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasbench.training.shared_images._GIVEN", {})
    receive, data, size = TRAIN.worker_data()
    assert size == data.bytes >= 12_000 * 28 * 28
    receive(data)
    assert torch.equal(load_images(*data.key[:2], size=data.key[2]).train.labels, load_images("embedded").train.labels)


def test_the_driver_of_a_search_does_not_load_torch() -> None:
    """It has no use for the 500 MB. The images are described by another process, in the same words."""
    script = """
import sys
from nasbench.search.options import search_config
from nasbench.search.problem import open_problem
from nasbench.latency import DeviceConfig
import nasbench.search.run
device = DeviceConfig("studies/data/mbconv-20ms/profile.json")
config = search_config(space="tiny", latency="20ms", device=device)
problem = open_problem(config, device.resolve()[0])
print(problem.evaluator.data)
print(problem.evaluator.data is problem.evaluator.data, "torch" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    described, rest = ran.stdout.splitlines()
    assert rest == "True False"
    here = TrainEvaluator(EvaluationContext(recipe=PROXY.to_dict())).data
    assert described == repr(here)
