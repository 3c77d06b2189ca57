"""Helpers that the commands share: networks by name or file, inputs, tables and JSON."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from nasbench.errors import GenotypeError, NasbenchError
from nasbench.evaluate.measure import show
from nasbench.genotype import Genotype, adapt, as_genotype
from nasbench.progress import Output
from nasbench.spaces import load_space, space_names
from nasbench.zoo import known

if TYPE_CHECKING:
    from nasbench.export.trained import Trained

MISSED = 3  # the exit code for a missed latency limit

JSON = typer.Option(False, "--json", help="Print JSON.")
NAME = typer.Argument(help="A known network (see `nasbench known`), the .yaml file of a genotype, or the folder of a study.")
INPUT = typer.Option(None, "--input", help="Another input size, such as 3x160x160.")

console = Output()


def genotype_of(name: str) -> Genotype:
    """A known network by its name, a genotype from a YAML file, or the winner of a study from its folder.

    Raises:
        GenotypeError: the name is not known, the file cannot be read or holds a space, or the study has no winner.
    """
    if is_space(name):
        raise GenotypeError(
            f"a network is needed; {name} is a search space; `nasbench spaces {name} --sample 0` prints one of its networks as YAML"
        )
    if not name.endswith((".yaml", ".yml")) and name not in known() and os.path.isdir(name):
        return winner_of(Path(name))
    try:
        return as_genotype(name)
    except GenotypeError as error:
        if name.endswith((".yaml", ".yml")):
            raise
        raise GenotypeError(f"{error} or a study's folder") from None


def is_space(name: str) -> bool:
    """Whether a name or a file is that of a search space, and not of a network: a space that could be both is a network."""
    if name.endswith((".yaml", ".yml")):
        try:
            Genotype.from_yaml(name)
        except GenotypeError:
            with suppress(NasbenchError):
                load_space(name)
                return True
        return False
    return name in space_names() and name not in known()


def winner_of(study: Path) -> Genotype:
    """The network that a study delivers; before that, and where it delivers none, the best of its trials so far, which is said.

    The study's own block types are loaded only if the genotype cannot be read without them.

    Raises:
        GenotypeError: the study has no trial with a result yet.
        StudyError: its block types may not be loaded; see `load_stored_plugins`.
    """
    from nasbench.search.final.stored_winner import genotype_of_study, winner_file

    file = winner_file(study)
    return genotype_of_study(study, file if file.exists() else _best_so_far(study))


def trained_network(folder: Path) -> Trained:
    """The trained network in a folder; a study's own block types are loaded only if it needs them.

    Raises:
        NasbenchError: see `Trained.read` and `load_stored_plugins`.
    """
    from nasbench.export.trained import Trained
    from nasbench.study.directory import STUDY_FILE
    from nasbench.study.plugins import load_stored_plugins

    try:
        return Trained.read(folder)
    except GenotypeError:
        if not (folder / STUDY_FILE).is_file():
            raise
        load_stored_plugins(folder)
        return Trained.read(folder)


def _best_so_far(study: Path) -> str:
    """The YAML of the best trial of a study so far."""
    from nasbench.analysis.study import open_study

    opened = open_study(study)
    best = opened.best()
    if best is None:
        raise GenotypeError(
            f"a study gives its winner, or the best of its trials so far; {study} has none with a result yet; wait for the first, or "
            "continue it with `nasbench resume`"
        )
    state = "ended without a winner" if opened.summary() else "has no winner yet"
    ms = "" if math.isnan(best["latency_ms"]) else f" at {best['latency_ms']:.1f} ms"
    value = show(best["accuracy"], opened.measure)
    warn(f"{study} {state}: this is the best trial so far, {best['phase']} {best['number']} with {value}{ms}")
    return str(best["genotype"])


def warn(line: str) -> None:
    """Print a line to standard error, so that it does not mix with the result."""
    typer.echo(line, err=True)


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
    wide = console if console.is_terminal else Output(width=160)
    wide.print(grid)


def rows_of(g: Genotype) -> str:
    """The genotype as YAML, without its name."""
    return "\n".join(line for line in g.to_yaml().splitlines() if not line.startswith("name:"))


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
