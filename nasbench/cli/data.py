"""The command `data`: look at images before a search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.shared import JSON, show_json, table
from nasbench.progress import Reporter


def register(app: typer.Typer) -> None:
    app.command()(data)


def data(
    name: Annotated[str, typer.Argument(metavar="DIR", help="A folder of images, or a data set by name, as for --data.")],
    data_root: Annotated[Path | None, typer.Option(help="Where downloaded data sets are kept.")] = None,
    as_json: bool = JSON,
) -> None:
    """Say what a search would understand of images: classes, splits, sizes, what is ignored and why, and duplicates.

    All images are decoded, so that a broken one is found now. A search uses what was decoded here.

    Example: nasbench data ./photos
    """
    from nasbench.training import load_images
    from nasbench.training.folders.names import shown
    from nasbench.training.summary import DataSummary

    with Reporter() as reporter:
        reporter.stage(f"decoding the images of {shown(name)}")
        images = load_images(name, data_root, progress=reporter.rounds)
    summary = DataSummary.of(images)
    if as_json:
        show_json(summary.to_json())
    else:
        table(("", ""), summary.rows())
