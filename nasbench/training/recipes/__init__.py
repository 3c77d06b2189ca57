"""Recipes by name, one YAML file each, which says where its values come from; or from a file of the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.errors import NasbenchError, nearest, short
from nasbench.genotype.yaml import load_yaml
from nasbench.training.recipe import Recipe

FOLDER = Path(__file__).parent
FILES = (".yaml", ".yml", ".json")
_BY_DATA = {"embedded": "fashion-mnist", "fashion-mnist": "fashion-mnist", "mnist": "mnist", "cifar10": "cifar", "cifar100": "cifar"}
_KEYS = ("about", "source", "fields", "few_epochs")


@dataclass(frozen=True)
class FewEpochs:
    """What a training of fewer than `below` epochs changes: fields of the recipe, such as weaker augmentation."""

    below: int
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe with its name, what it is for, and the source of its values."""

    name: str
    about: str
    source: str
    recipe: Recipe
    few_epochs: FewEpochs | None = None

    def of(self, epochs: int) -> Recipe:
        """The recipe for so many epochs, with the changes for few of them.

        >>> recipe = find_recipe("fashion-mnist")
        >>> recipe.of(5).random_erasing, recipe.of(40).random_erasing
        (0.0, 0.25)
        """
        few = self.few_epochs
        recipe = replace(self.recipe, epochs=epochs)
        return recipe if few is None or epochs >= few.below else Recipe.from_dict(recipe.to_dict() | dict(few.fields))


def recipe_names() -> tuple[str, ...]:
    """The names of all recipes.

    >>> "bag-of-tricks" in recipe_names()
    True
    """
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def default_recipe(data: str) -> str:
    """The name of the recipe for a data set: its own, or `quick`.

    >>> default_recipe("cifar10"), default_recipe("./photos")
    ('cifar', 'quick')
    """
    return _BY_DATA.get(data, "quick")


def find_recipe(name_or_path: str | Path) -> NamedRecipe:
    """The recipe of a name, or of a YAML or JSON file.

    A file holds fields of a `Recipe`, or the keys `about`, `source`, `fields` and `few_epochs` as the files of this folder do. It trains on
    all images unless it has the field `images`; other fields that it lacks have the defaults of `Recipe`.

    Raises:
        NasbenchError: the name is unknown, the file cannot be read, or a field is wrong.

    >>> find_recipe("bag-of-tricks").recipe.mixup
    0.2
    """
    name = str(name_or_path)
    if not name.endswith(FILES):
        names = recipe_names()
        if name not in names:
            raise NasbenchError(
                f"a recipe is {', '.join(names)}, or a .yaml or .json file; got {short(name)}{nearest(name, names)}; "
                "`nasbench train --recipes` describes them"
            )
        return _read(FOLDER / f"{name}.yaml", name)
    return _read(Path(name), name)


def _read(path: Path, name: str) -> NamedRecipe:
    data: Any = load_yaml(path, NasbenchError)[0]
    if not isinstance(data, dict):
        raise NasbenchError(
            f"a recipe is a mapping of fields, such as epochs: 10; {path} holds {type(data).__name__}; see docs/training.md"
        )
    described = "fields" in data
    if described and (more := [key for key in data if key not in _KEYS]):
        raise NasbenchError(
            f"a recipe with `fields` has beside them only about, source and few_epochs; {path} has {short(more[0])}; move it into fields"
        )
    fields = data["fields"] if described else data
    if not isinstance(fields, dict):
        raise NasbenchError(f"the fields of a recipe are a mapping, such as epochs: 10; {path} has {short(fields)}; see docs/training.md")
    about, source = (str(data.get(key, "")) if described else "" for key in ("about", "source"))
    few = _few_epochs(data["few_epochs"], path) if described and "few_epochs" in data else None
    try:
        named = NamedRecipe(
            name, about, source, Recipe.from_dict({"images": None, **{str(key): value for key, value in fields.items()}}), few
        )
        named.of(1)  # its fields are checked now, not when a plan has few epochs
    except NasbenchError as error:
        raise NasbenchError(f"{path}: {error}") from None
    return named


def _few_epochs(data: Any, path: Path) -> FewEpochs:
    wrong = f"few_epochs of a recipe has the keys below, a number of epochs, and fields, a mapping without epochs; {path} has "
    if not isinstance(data, dict) or set(data) != {"below", "fields"}:
        raise NasbenchError(f"{wrong}{short(data)}; see docs/training.md")
    below, fields = data["below"], data["fields"]
    if isinstance(below, bool) or not isinstance(below, int) or below < 1:
        raise NasbenchError(f"{wrong}below: {short(below)}; see docs/training.md")
    if not isinstance(fields, dict) or "epochs" in fields:
        raise NasbenchError(f"{wrong}fields: {short(fields)}; see docs/training.md")
    return FewEpochs(below, {str(key): value for key, value in fields.items()})
