from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from nets import small_net

from nasbench.errors import NasbenchError
from nasbench.evaluate.train_task import TrainTask
from nasbench.training.optimizer import make_optimizer
from nasbench.training.recipe import PROXY, Recipe, proxy_input
from nasbench.training.schedule import learning_rate


def test_a_recipe_survives_json() -> None:
    recipe = Recipe(epochs=7, optimizer="adamw", images=500, flip=False)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert Recipe.from_dict({}) == PROXY


def test_a_whole_number_is_a_number_and_no_other_way_round() -> None:
    assert Recipe(lr=1) == Recipe(lr=1.0)
    with pytest.raises(NasbenchError, match="epochs must be a whole number"):
        Recipe(epochs=2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"epochs": "3"}, "got '3'"),
        ({"lr": float("nan")}, "lr must be a number"),
        ({"lr": float("inf")}, "lr must be a number"),
        ({"lr": "1e-3"}, "got '1e-3'"),  # what YAML 1.1 makes of 1e-3
        ({"lr": 30}, "from 1e-08 to 10; got 30"),
        ({"batch_size": 1}, "from 2"),
        ({"warmup": 1.0}, "to 0.9"),
        ({"optimizer": "adam"}, "sgd or adamw or rmsprop; got 'adam'"),
        ({"precision": "fp16"}, "fp32 or bf16 or auto"),
        ({"flip": 1}, "flip must be true or false"),
        ({"images": 0}, "images must be"),
        ({"schedule": "onecycle"}, "cosine or one-cycle or step or plateau or constant; got 'onecycle'"),
        ({"schedule": "step"}, "step needs milestones or drops"),
        ({"schedule": "step", "drops": 2, "milestones": [0.5]}, "not both"),
        ({"milestones": [0.6, 0.3]}, "rising shares between 0 and 1"),
        ({"milestones": 0.5}, "rising shares"),
        ({"milestones": [True]}, "rising shares"),
        ({"schedule": "plateau"}, "set it to true"),
        ({"augment": "randaugment"}, "none or trivial or rand"),
        ({"ema": 1.0}, "ema must be a number from 0 to 0.999999"),
        ({"epoch": 3}, "no field 'epoch'.*did you mean epochs"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(NasbenchError, match=rule) as caught:
        Recipe.from_dict(values)
    assert "\n" not in str(caught.value)


STORED_BY_0_2 = {
    "epochs": 1, "batch_size": 64, "optimizer": "sgd", "lr": 0.03, "momentum": 0.9, "weight_decay": 5e-05, "warmup": 0.2,
    "label_smoothing": 0.0, "train_size": 32, "flip": False, "crop_padding": 0, "identity_start": True, "precision": "auto",
    "channels_last": True, "calibration": 512, "images": 5120, "validate_epochs": False,
}  # fmt: skip


def test_a_recipe_that_version_0_2_stored_is_written_as_it_was() -> None:
    """A study is continued only by its own command, and a trial is found again by its recipe: both compare these fields."""
    assert Recipe.from_dict(STORED_BY_0_2).to_dict() == STORED_BY_0_2
    task = TrainTask(genotype="", directory="", recipe=Recipe.from_dict(STORED_BY_0_2).to_dict())
    assert task.identity() == TrainTask(genotype="", directory="", recipe=STORED_BY_0_2).identity()
    assert PROXY.to_dict() == STORED_BY_0_2


def test_new_fields_are_written_where_they_are_used() -> None:
    recipe = Recipe(ema=0.99, schedule="step", milestones=(0.5,))
    assert {k: v for k, v in recipe.to_dict().items() if k not in STORED_BY_0_2} == {
        "ema": 0.99, "schedule": "step", "milestones": [0.5],
    }  # fmt: skip
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_every_field_is_checked() -> None:
    for field in dataclasses.fields(Recipe):
        with pytest.raises(NasbenchError, match=field.name):
            Recipe.from_dict({field.name: [object()]})


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((3, 224, 224), 32, (3, 32, 32)),
        ((3, 192, 192), 32, (3, 27, 27)),
        ((3, 224, 224), 224, (3, 224, 224)),
        ((3, 96, 96), 8, (3, 8, 8)),  # no smaller than 8
        ((3, 224, 112), 32, (3, 32, 16)),
        ((3, 32, 32), 48, (3, 32, 32)),  # made for small images
        ((1, 64, 64), 32, (1, 64, 64)),
    ],
)
def test_inputs_shrink_in_proportion(shape: tuple[int, int, int], size: int, expected: tuple[int, int, int]) -> None:
    assert proxy_input(shape, Recipe(train_size=size)) == expected


def test_the_rate_climbs_and_falls() -> None:
    recipe = Recipe(lr=1.0, warmup=0.2)
    rates = [learning_rate(recipe, step, 10) for step in range(10)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[6] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.05
    assert learning_rate(Recipe(lr=1.0, warmup=0.0), 0, 1) == 1.0


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_norms_and_biases_do_not_decay(optimizer: str) -> None:
    net = small_net()
    made = make_optimizer(net, Recipe.from_dict({"optimizer": optimizer, "weight_decay": 0.1}))
    decay = {id(p): group["weight_decay"] for group in made.param_groups for p in group["params"]}
    assert {name: decay[id(p)] for name, p in net.named_parameters()} == {
        "0.weight": 0.1, "1.weight": 0, "1.bias": 0, "6.weight": 0.1, "6.bias": 0,
    }  # fmt: skip
