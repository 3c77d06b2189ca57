"""The command `bench`: strategies compared on a tabular benchmark."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.shared import JSON, say, show_json, table

SHOWN = ("mean", "standard_error", "median")


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)


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


def _numbers(text: str) -> tuple[int, ...]:
    """
    Raises:
        BadParameter: not whole numbers separated by commas.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--evaluations are whole numbers separated by commas, such as 50,100; got {text!r}") from None
