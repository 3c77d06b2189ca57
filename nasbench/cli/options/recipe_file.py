"""A file in place of options: `nasbench search studies/pareto_20ms.yaml` runs what the file says; the command line wins over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.errors import NasbenchError, nearest
from nasbench.genotype.yaml import load_yaml

_NEVER = ("file", "as_json", "plugin", "version", "help")
_PLACES = ("name", "runs")  # of `search`; `plan` reads the same recipes and needs neither


def read_options(ctx: typer.Context, path: Path | None) -> Path | None:
    """Take the options of a YAML file as this command's defaults; a callback that runs before the other options are read.

    Raises:
        NasbenchError: the file cannot be read, or holds an option that the command has not.
    """
    if path is None:
        return None
    if not path.is_file():
        raise NasbenchError(f"what stands without `--` is a recipe, a YAML file of options; {path} is none; name one, or write the options")
    found, _ = load_yaml(path, NasbenchError)
    if not isinstance(found, dict):
        raise NasbenchError(f"a recipe is a YAML mapping of options, such as `latency: 20ms`; {path} holds {type(found).__name__}")
    take_options(ctx, path, found)
    return path


def take_options(ctx: typer.Context, path: Path, found: Mapping[Any, Any]) -> None:
    """Take a file's options as the defaults of this command.

    Raises:
        NasbenchError: one that the command has not, or a value that is none.
    """
    options = {
        opt.removeprefix("--").replace("-", "_"): p
        for p in ctx.command.params
        if p.name and p.name not in _NEVER
        for opt in p.opts
        if opt.startswith("--")
    }
    given = {}
    for key, value in found.items():
        name = str(key).replace("-", "_")
        if name in _PLACES and name not in options:
            continue
        if name not in options:
            known = [n.replace("_", "-") for n in options]
            raise NasbenchError(
                f"a recipe holds options of {ctx.info_name}; {path} has {key!r}{nearest(key, known)}; there are {', '.join(known)}"
            )
        if value is not None:
            given[str(options[name].name)] = (
                value if isinstance(value, bool) and getattr(options[name], "is_flag", False) else _written(path, key, value)
            )
    ctx.default_map = {**(ctx.default_map or {}), **given}


def _written(path: Path, key: object, value: Any) -> str:
    """A value as it would stand on the command line; a list is written with commas."""
    if isinstance(value, bool):
        return str(value).lower()  # which is refused where a number is meant
    if isinstance(value, list) and all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in value):
        return ",".join(map(str, value))
    if isinstance(value, str | int | float):
        return str(value)
    raise NasbenchError(f"an option's value is a word, a number, a list of them, true or false; {path} has {key}: {value!r}")


RecipeFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE.yaml", callback=read_options, is_eager=True, help="Options from a file, a line each; those given here win over it."
    ),
]
