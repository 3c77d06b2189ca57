"""The command `spaces`: the search spaces, and one of them in detail."""

from __future__ import annotations

from typing import Annotated

import typer

from nasbench.cli.shared import JSON, console, genotype_of, rows_of, show_json, table
from nasbench.spaces import Space, load_space, space_names
from nasbench.spaces.text import show_combinations
from nasbench.zoo import known


def register(app: typer.Typer) -> None:
    app.command("spaces")(spaces)


def spaces(
    name: Annotated[str | None, typer.Argument(help="A search space, or the .yaml file of one.")] = None,
    sample: Annotated[int | None, typer.Option(help="Show the random network of this seed.")] = None,
    encode: Annotated[str | None, typer.Option(help="Show the parameter values of this known network or .yaml file.")] = None,
    as_json: bool = JSON,
) -> None:
    """List the search spaces, or show the parameters of one.

    Example: nasbench spaces mbconv
    """
    if name is None:
        loaded = [load_space(n) for n in space_names()]
        if as_json:
            show_json([{"name": s.name, "count": s.count(), "about": s.about} for s in loaded])
        else:
            table(("name", ">networks", "about"), ((s.name, show_combinations(s.count()), " ".join(s.about.split())) for s in loaded))
        return
    space = load_space(name)
    if encode is not None:
        values = space.encode(genotype_of(encode))
        if as_json:
            show_json(values)
        else:
            table(("parameter", "value"), ((k, "null" if v is None else v) for k, v in values.items()))
        return
    if sample is not None:
        g = space.sample(sample)
        if as_json:
            show_json({"seed": sample, "genotype": g.to_yaml()})
        else:
            typer.echo(rows_of(g))
        return
    show_space(space, as_json)


def show_space(space: Space, as_json: bool) -> None:
    """Print a space: the options at each place, and the known networks in it."""
    if as_json:
        lines = [{"place": place, "open": options, "ways": ways} for place, options, ways in space.describe()]
        show_json({"name": space.name, "count": space.count(), "about": space.about, "rows": lines, "known": _members(space)})
        return
    console.print(f"{space.name}: {show_combinations(space.count())} networks\n{' '.join(space.about.split())}\n")
    table(("place", "options in brackets", ">combinations"), ((p, o, f"{w:,}") for p, o, w in space.describe()))
    console.print(f"\nknown networks in it: {', '.join(_members(space)) or 'none'}")


def _members(space: Space) -> list[str]:
    """The known networks that belong to the space."""
    return [name for name in known() if known(name) in space]
