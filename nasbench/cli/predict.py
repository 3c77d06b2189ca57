"""The command `predict`: which class is on an image?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.cli.shared import JSON, show_json, table, trained_network


def register(app: typer.Typer) -> None:
    app.command()(predict)


def predict(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A study (its winner), or the folder of a training or an export.")],
    files: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    top: Annotated[int, typer.Option(help="How many classes of each image.", min=1)] = 3,
    as_json: bool = JSON,
) -> None:
    """Name the classes of images, with their probabilities.

    Example: nasbench predict runs/mbconv-20ms photo.jpg another.png

    Example: nasbench predict runs/train-mobilenet_v2-photos photo.jpg --top 5 --json
    """
    found = list(zip(map(str, files), trained_network(source).predict(files), strict=True))
    if as_json:
        rows: list[dict[str, Any]] = [
            {"file": file, "classes": [{"name": name, "probability": p} for name, p in best[:top]]} for file, best in found
        ]
        show_json(rows)
        return
    table(
        ("image", "class", ">probability", "then"),
        [(file, best[0][0], f"{best[0][1]:.1%}", ", ".join(f"{name} {p:.1%}" for name, p in best[1:top])) for file, best in found],
    )
