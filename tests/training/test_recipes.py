"""Named recipes: each can be read, says its source, and is found by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench.errors import NasbenchError
from nasbench.training.data import NAMES
from nasbench.training.optimizer import make_optimizer
from nasbench.training.recipe import Recipe
from nasbench.training.recipes import default_recipe, find_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_says_what_it_is_for_and_where_its_values_come_from(name: str) -> None:
    named = find_recipe(name)
    assert named.name == name
    assert len(named.about) > 20
    assert "20" in named.source  # the year of a paper
    assert named.recipe.images is None
    assert named.recipe.calibration == 0


def test_published_values() -> None:
    """Copied from the papers by hand."""
    tricks, resnet, cifar, efficient = (find_recipe(n).recipe for n in ("bag-of-tricks", "imagenet-2015", "cifar", "efficientnet"))
    assert (tricks.lr, tricks.batch_size, tricks.label_smoothing, tricks.mixup, tricks.epochs) == (0.4, 1024, 0.1, 0.2, 200)
    assert tricks.warmup * tricks.epochs == 5
    assert (resnet.lr, resnet.batch_size, resnet.weight_decay, resnet.momentum, resnet.schedule) == (0.1, 256, 1e-4, 0.9, "plateau")
    assert (cifar.lr, cifar.batch_size, cifar.milestones, cifar.crop_padding) == (0.1, 128, (0.5, 0.75), 4)
    assert efficient.lr * 4096 / 256 == pytest.approx(0.256)
    assert efficient.epochs / (efficient.drops + 1) == pytest.approx(2.4, abs=0.01)
    assert efficient.warmup * efficient.epochs == pytest.approx(5, abs=0.01)
    second = find_recipe("efficientnetv2").recipe
    assert second.lr * 4096 / 256 == pytest.approx(0.256)
    assert (second.gamma, second.epochs, second.weight_decay, second.ema) == (0.97, 350, 1e-5, 0.9999)
    assert second.epochs / (second.drops + 1) == pytest.approx(2.4, abs=0.01)


def test_every_data_set_has_a_recipe() -> None:
    assert {default_recipe(name) for name in NAMES} == {"fashion-mnist", "mnist", "cifar"}
    assert default_recipe("./photos") == "quick"
    assert {default_recipe(name) for name in (*NAMES, "x")} <= set(recipe_names())


def test_a_recipe_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "flat.yaml").write_text("epochs: 3\nlr: 1e-3\n")
    (tmp_path / "described.yaml").write_text("about: mine\nsource: me\nfields: {epochs: 3, lr: 1e-3}\n")
    (tmp_path / "flat.json").write_text(json.dumps({"epochs": 3, "lr": 1e-3}))
    recipes = [find_recipe(tmp_path / name) for name in ("flat.yaml", "described.yaml", "flat.json")]
    assert {r.recipe for r in recipes} == {Recipe(epochs=3, lr=1e-3, images=None)}
    assert (recipes[1].about, recipes[1].source) == ("mine", "me")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("- 1\n", "mapping of fields"),
        ("epoch: 3\n", "did you mean epochs"),
        ("fields: 3\n", "fields of a recipe are a mapping"),
        ("fields: {epochs: 3}\nlr: 0.1\n", "'lr'; move it into fields"),
        ("epochs: [\n", "r.yaml"),
        ("epochs: 0\n", "r.yaml: recipe: epochs must be"),
        ("fields: {}\nfew_epochs: 3\n", "few_epochs of a recipe has the keys below"),
        ("fields: {}\nfew_epochs: {below: 0, fields: {}}\n", "below: 0"),
        ("fields: {}\nfew_epochs: {below: 9, fields: {epochs: 2}}\n", "without epochs"),
        ("fields: {}\nfew_epochs: {below: 9, fields: {fliip: true}}\n", "did you mean flip"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, content: str, part: str) -> None:
    (tmp_path / "r.yaml").write_text(content)
    with pytest.raises(NasbenchError) as caught:
        find_recipe(tmp_path / "r.yaml")
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_few_epochs_change_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("fields: {epochs: 30, flip: true, mixup: 0.2}\nfew_epochs: {below: 10, fields: {mixup: 0.0}}\n")
    named = find_recipe(tmp_path / "r.yaml")
    assert named.recipe == named.of(30) == Recipe(epochs=30, flip=True, mixup=0.2, images=None)
    assert named.of(10).mixup == 0.2
    assert named.of(9) == Recipe(epochs=9, flip=True, images=None)
    (tmp_path / "plain.yaml").write_text("fields: {epochs: 30, mixup: 0.2}\n")
    assert find_recipe(tmp_path / "plain.yaml").of(2).mixup == 0.2


def test_an_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(NasbenchError, match=r"did you mean bag-of-tricks\?"):
        find_recipe("bag-of-trick")
    with pytest.raises(NasbenchError, match=r"cannot read missing\.yaml"):
        find_recipe("missing.yaml")


def test_the_recipes_that_say_so_need_timm() -> None:
    from nets import small_net

    for name in recipe_names():
        named = find_recipe(name)
        assert (named.recipe.optimizer == "rmsprop") == ("nasbench[train]" in named.about)
        make_optimizer(small_net(), named.recipe)
