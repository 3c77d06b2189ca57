"""spaces: where to look."""

from __future__ import annotations

from typing import Annotated

import typer

from nasbench.cli.shared import JSON, console, rows_of, show_json, table
from nasbench.errors import SpaceError
from nasbench.spaces import load_space, space_names
from nasbench.zoo import known


def register(app: typer.Typer) -> None:
    app.command("spaces")(spaces)


def spaces(
    name: Annotated[str | None, typer.Argument(help="A space, or a .yaml file of one.")] = None,
    sample: Annotated[int | None, typer.Option(help="Show the network that this seed draws.")] = None,
    encode: Annotated[str | None, typer.Option(help="Show the answers that lead to this known network or .yaml file.")] = None,
    as_json: bool = JSON,
) -> None:
    """List the search spaces, or describe one.

    Example: nasbench spaces mbconv
    """
    if name is None:
        loaded = [load_space(n) for n in space_names()]
        if as_json:
            show_json([{"name": s.name, "count": s.count(), "about": s.about} for s in loaded])
        else:
            table(("name", ">networks", "about"), ((s.name, count_words(s.count()), " ".join(s.about.split())) for s in loaded))
        return
    space = load_space(name)
    if encode is not None:
        from nasbench.cli.shared import genotype_of

        answers = space.encode(genotype_of(encode))
        if as_json:
            show_json(answers)
        else:
            table(("open field", "answer"), ((k, "null" if v is None else v) for k, v in answers.items()))
        return
    if sample is not None:
        g = space.sample(sample)
        if as_json:
            show_json({"seed": sample, "genotype": g.to_yaml()})
        else:
            typer.echo(rows_of(g))
        return
    if as_json:
        rows = [{"place": p, "open": o, "ways": w} for p, o, w in space.describe()]
        show_json({"name": space.name, "count": space.count(), "about": space.about, "rows": rows, "known": _members(name)})
        return
    console.print(f"{space.name}: {count_words(space.count())} networks\n{' '.join(space.about.split())}\n")
    table(("place", "open [choices in brackets]", ">ways"), ((p, o, f"{w:,}") for p, o, w in space.describe()))
    console.print(f"\nknown networks that are points of it: {', '.join(_members(name)) or 'none'}")


def _members(name: str) -> list[str]:
    space = load_space(name)
    found = []
    for n in known():
        try:
            space.encode(known(n))
        except SpaceError:
            continue
        found.append(n)
    return found


def count_words(count: int) -> str:
    """Small counts exactly, large ones as a power of ten."""
    return f"{count:,}" if count < 10**9 else f"{count:.2e}"
