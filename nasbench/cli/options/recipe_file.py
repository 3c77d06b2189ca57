"""Options from a YAML file: `nasbench search studies/pareto_20ms.yaml`. Options on the command line override the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.errors import NasbenchError, nearest
from nasbench.genotype.yaml import load_yaml

_NEVER = ("file", "as_json", "plugin", "version", "help")
_PLACES = ("name", "runs")  # only `search` has these options; `plan` reads the same recipes and ignores them


def read_options(ctx: typer.Context, path: Path | None) -> Path | None:
    """Make the options of a YAML file the defaults of this command. It is a callback that runs before other options are read.

    Raises:
        NasbenchError: the file cannot be read, or has an option that the command does not have.
    """
    if path is None:
        return None
    if not path.is_file():
        raise NasbenchError(
            f"an argument without `--` is a recipe, a YAML file of options; there is no file {path}; name a recipe, or write the options"
        )
    data, _ = load_yaml(path, NasbenchError)
    if not isinstance(data, dict):
        raise NasbenchError(f"a recipe is a YAML mapping of options, such as `latency: 20ms`; {path} holds {type(data).__name__}")
    take_options(ctx, path, data)
    return path


def take_options(ctx: typer.Context, path: Path, data: Mapping[Any, Any]) -> None:
    """Make the options in `data` the defaults of this command; `path` is the file that they come from.

    Raises:
        NasbenchError: the command does not have such an option, or a value is not the value of an option.
    """
    options = {
        opt.removeprefix("--").replace("-", "_"): p
        for p in ctx.command.params
        if p.name and p.name not in _NEVER
        for opt in p.opts
        if opt.startswith("--")
    }
    defaults = {}
    for key, value in data.items():
        name = str(key).replace("-", "_")
        if name in _PLACES and name not in options:
            continue
        if name not in options:
            known = [n.replace("_", "-") for n in options]
            raise NasbenchError(
                f"a recipe holds options of {ctx.info_name}; {path} has {key!r}{nearest(key, known)}; there are {', '.join(known)}"
            )
        if value is not None:
            defaults[str(options[name].name)] = (
                value if isinstance(value, bool) and getattr(options[name], "is_flag", False) else _written(path, key, value)
            )
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


def _written(path: Path, key: object, value: Any) -> str:
    """A value as it is written on the command line; a list is written with commas."""
    if isinstance(value, bool):
        return str(value).lower()  # typer refuses it where the option is a number
    if isinstance(value, list) and all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in value):
        return ",".join(map(str, value))
    if isinstance(value, str | int | float):
        return str(value)
    raise NasbenchError(f"an option's value is a word, a number, a list of them, true or false; {path} has {key}: {value!r}")


RecipeFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE.yaml", callback=read_options, is_eager=True, help="Options from a file, one per line; options given here override it."
    ),
]
