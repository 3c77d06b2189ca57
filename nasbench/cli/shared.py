"""Helpers that the commands share: networks by name or file, inputs, tables and JSON."""

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
from nasbench.genotype import Genotype, adapt, as_genotype

MISSED = 3  # the exit code for a missed latency limit

JSON = typer.Option(False, "--json", help="Print JSON.")
NAME = typer.Argument(help="A known network (see `nasbench known`) or the .yaml file of a genotype.")
INPUT = typer.Option(None, "--input", help="Another input size, such as 3x160x160.")

console = Console(highlight=False, markup=False)


def genotype_of(name: str) -> Genotype:
    """A known network by its name, or a genotype from a YAML file.

    Raises:
        GenotypeError: the name is not known, or the file cannot be read.
    """
    return as_genotype(name)


def winner_of(study: Path) -> Genotype:
    """The winner of a finished study. The study's own block types are loaded only if the genotype cannot be read without them.

    Raises:
        GenotypeError: the study has no winner.
        StudyError: its block types may not be loaded; see `load_stored_plugins`.
    """
    best = study / "best" / "genotype.yaml"
    if not best.exists():
        raise GenotypeError(
            f"a finished study holds best/genotype.yaml; {study} does not; name a finished study, or finish it with `nasbench resume`"
        )
    try:
        return Genotype.from_yaml(best)
    except GenotypeError:
        from nasbench.study.plugins import load_stored_plugins

        if not (study / "study.yaml").is_file():
            raise
        load_stored_plugins(study)
        return Genotype.from_yaml(best)


def say(*lines: str) -> None:
    """Print lines as they are, without wrapping them to the terminal."""
    for line in lines:
        console.print(line, soft_wrap=True)


def show_json(data: Any) -> None:
    """Print data as JSON."""
    typer.echo(json.dumps(data, indent=1))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a table. A column whose name begins with `>` is aligned to the right."""
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="bold", pad_edge=False)
    for name in columns:
        grid.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    wide = console if console.is_terminal else Console(width=160, highlight=False, markup=False)
    wide.print(grid)


def rows_of(g: Genotype) -> str:
    """The genotype as YAML, without its name."""
    return "\n".join(line for line in g.to_yaml().splitlines() if not line.startswith("name:"))


def as_interrupt(*_: object) -> None:
    """A signal handler, so that SIGTERM ends a command as Ctrl-C does."""
    raise KeyboardInterrupt


def parse_shape(text: str) -> tuple[int, int, int]:
    """The input size (channels, height, width) from a text such as `3x224x224`.

    Raises:
        NasbenchError: the text has another form.
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})x(\d{1,5})", text)
    if not match:
        raise NasbenchError(f"an input size is CHANNELSxHEIGHTxWIDTH, such as 3x224x224; got {text!r}")
    return int(match[1]), int(match[2]), int(match[3])


def at_input(g: Genotype, text: str | None) -> Genotype:
    """The network for the input size of `--input`; default: unchanged.

    Raises:
        NasbenchError: the text is not an input size.
    """
    return g if text is None else adapt(g, input=parse_shape(text))
