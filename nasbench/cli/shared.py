"""What the commands share: names and files, tables, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from nasbench.errors import GenotypeError, NasbenchError
from nasbench.genotype import Genotype, adapt
from nasbench.zoo import known

MISSED = 3  # the exit code of a latency limit that was not kept

JSON = typer.Option(False, "--json", help="Print JSON.")
NAME = typer.Argument(help="A known network (see `nasbench known`) or a genotype's .yaml file.")
INPUT = typer.Option(None, "--input", help="Another input, such as 3x160x160.")

console = Console(highlight=False, markup=False)


def genotype_of(name: str) -> Genotype:
    """A known network by name, or one from a YAML file.

    Raises:
        GenotypeError: neither.
    """
    if name.endswith((".yaml", ".yml")):
        return Genotype.from_yaml(name)
    try:
        return known(name)
    except GenotypeError as error:
        raise GenotypeError(f"{error}, and a .yaml file may stand there too") from None


def winner_of(study: Path) -> Genotype:
    """The network that a finished study found. Its own words are loaded only if the network cannot be read without them.

    Raises:
        GenotypeError: it has none.
        StudyError: its words may not be loaded; see `load_kept`.
    """
    best = study / "best" / "genotype.yaml"
    if not best.exists():
        raise GenotypeError(f"a finished study holds best/genotype.yaml; {study} does not; name a finished study, or finish it with resume")
    try:
        return Genotype.from_yaml(best)
    except GenotypeError:
        from nasbench.study.plugins import load_kept

        if not (study / "study.yaml").is_file():
            raise
        load_kept(study)
        return Genotype.from_yaml(best)


def say(*lines: str) -> None:
    """Print lines as they are, however wide the screen."""
    for line in lines:
        console.print(line, soft_wrap=True)


def show_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=1))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a table; columns whose name begins with `>` are numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="bold", pad_edge=False)
    for name in columns:
        made.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    wide = console if console.is_terminal else Console(width=160, highlight=False, markup=False)
    wide.print(made)


def rows_of(g: Genotype) -> str:
    """The genotype's rows as YAML, without its name."""
    return "\n".join(line for line in g.to_yaml().splitlines() if not line.startswith("name:"))


def as_interrupt(*_: object) -> None:
    """A signal's handler: SIGTERM ends a command as Ctrl-C does."""
    raise KeyboardInterrupt


def parse_shape(text: str) -> tuple[int, int, int]:
    """`3x224x224`.

    Raises:
        NasbenchError: something else.
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})x(\d{1,5})", text)
    if not match:
        raise NasbenchError(f"an input is CHANNELSxHEIGHTxWIDTH, such as 3x224x224; got {text!r}")
    return int(match[1]), int(match[2]), int(match[3])


def at_input(g: Genotype, text: str | None) -> Genotype:
    """The network for the input that `--input` names, or as it is.

    Raises:
        NasbenchError: no shape.
    """
    return g if text is None else adapt(g, input=parse_shape(text))
