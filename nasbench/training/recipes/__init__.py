"""Recipes by name, one YAML file each, which says where its values come from; or from a file of the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.errors import NasbenchError, nearest, short
from nasbench.genotype.yaml import load_yaml
from nasbench.training.recipe import Recipe

FOLDER = Path(__file__).parent
FILES = (".yaml", ".yml", ".json")
_BY_DATA = {"embedded": "fashion-mnist", "fashion-mnist": "fashion-mnist", "mnist": "mnist", "cifar10": "cifar", "cifar100": "cifar"}
_KEYS = ("about", "source", "fields")


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe with its name, what it is for, and the source of its values."""

    name: str
    about: str
    source: str
    recipe: Recipe


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

    A file holds fields of a `Recipe`, or the keys `about`, `source` and `fields` as the files of this folder do. It trains on all images
    unless it has the field `images`; other fields that it lacks have the defaults of `Recipe`.

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
            f"a recipe with `fields` has beside them only about and source; {path} has {short(more[0])}; move it into fields"
        )
    fields = data["fields"] if described else data
    if not isinstance(fields, dict):
        raise NasbenchError(f"the fields of a recipe are a mapping, such as epochs: 10; {path} has {short(fields)}; see docs/training.md")
    try:
        recipe = Recipe.from_dict({"images": None, **{str(key): value for key, value in fields.items()}})
    except NasbenchError as error:
        raise NasbenchError(f"{path}: {error}") from None
    about, source = (str(data.get(key, "")) if described else "" for key in ("about", "source"))
    return NamedRecipe(name, about, source, recipe)
