"""Options in groups: typer sees each, the command gets the group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from nasbench.cli.options.common import expanded


@dataclass(frozen=True)
class Paint:
    colour: Annotated[str, typer.Option(help="Of the wall.")] = "white"
    coats: Annotated[int, typer.Option("--layers-of-paint", help="At least one.", min=1)] = 2


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @expanded
    def paint(wall: Annotated[str, typer.Argument()], paint: Paint, quick: bool = typer.Option(False, "--quick")) -> None:
        """Paint a wall."""
        typer.echo(f"{wall} {paint} {quick}")

    return app


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("north",), "north Paint(colour='white', coats=2) False"),
        (("--colour", "red", "north", "--quick", "--layers-of-paint", "3"), "north Paint(colour='red', coats=3) True"),
    ],
)
def test_a_group_is_filled_from_its_options(app: typer.Typer, words: tuple[str, ...], printed: str) -> None:
    assert CliRunner().invoke(app, words).stdout.strip() == printed


def test_help_shows_each_option(app: typer.Typer) -> None:
    printed = CliRunner().invoke(app, ["--help"]).stdout
    for word in ("Paint a wall.", "--colour", "Of the wall.", "--layers-of-paint", "white", "--quick"):
        assert word in printed


def test_a_bad_value_is_refused_as_everywhere(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["north", "--layers-of-paint", "0"]).exit_code == 2
