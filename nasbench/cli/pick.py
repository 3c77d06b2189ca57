"""The command `pick`: another network of a study, for another limit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.interrupts import on_interrupt
from nasbench.cli.shared import JSON, MISSED, show_json
from nasbench.progress import Reporter

Limit = str | None


def register(app: typer.Typer) -> None:
    app.command()(pick)


def pick(
    study: Annotated[Path, typer.Argument(help="The folder of a study, such as runs/mbconv-20ms.")],
    latency: Annotated[Limit, typer.Option(help="Limit at the network's own input size on the study's device, such as 8ms.")] = None,
    macs: Annotated[Limit, typer.Option(help="Limit on multiply-adds, such as 300M.")] = None,
    params: Annotated[Limit, typer.Option(help="Limit on parameters, such as 5M.")] = None,
    memory: Annotated[Limit, typer.Option(help="Limit on memory to run, float32 at batch 1, such as 64MiB.")] = None,
    size: Annotated[Limit, typer.Option(help="Limit on the model's size at the device's precision, such as 4MiB.")] = None,
    train_time: Annotated[
        Limit, typer.Option(help="Time to train the network for use, such as 3min, or none; by default as long as the study's winner has.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the pick; by default STUDY/picks/LIMITS.")] = None,
    as_json: bool = JSON,
) -> int:
    """Pick another network of a study for another limit, without searching again: the best that keeps it, measured, and trained for use.

    Exit code 0 if there is one, 3 if no network of the study keeps the limit; the nearest one is named then.

    Example: nasbench pick runs/mbconv-20ms --latency 8ms

    Example: nasbench pick runs/mbconv-20ms --macs 100M --train-time 5min
    """
    from nasbench.analysis.picking import run_pick
    from nasbench.analysis.study import open_study
    from nasbench.cli.text.pick import pick_json, show_pick
    from nasbench.search.options import read_limits, read_train_time

    limits, train_s = read_limits(latency, macs, params, memory, size), read_train_time(train_time)
    with on_interrupt(lambda: "interrupted; the same command goes on from what was measured and trained"), Reporter() as reporter:
        picked = run_pick(study, limits, out, train_s, reporter)
    if as_json:
        show_json(pick_json(picked))
    else:
        show_pick(picked, study, open_study(study).measure)
    return MISSED if picked.result is None else 0
