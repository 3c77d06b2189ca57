"""plan, search, resume: the commands that run a search."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.cli.options.common import DeviceOptions, expanded
from nasbench.cli.options.recipe_file import RecipeFile
from nasbench.cli.options.search import EngineOptions, SearchOptions, TrainingOptions
from nasbench.cli.shared import JSON, MISSED, as_interrupt, show_json
from nasbench.cli.text.study import show_outcome, show_plan
from nasbench.progress import Reporter

if TYPE_CHECKING:
    from nasbench.search.config import SearchConfig

Directory = Annotated[Path, typer.Argument(help="The study's folder, such as runs/mbconv-20ms.")]


def register(app: typer.Typer) -> None:
    for command in (plan, search, resume):
        app.command()(command)


@expanded
def plan(
    options: SearchOptions,
    training: TrainingOptions,
    engine: EngineOptions,
    device: DeviceOptions,
    file: RecipeFile = None,
    as_json: bool = JSON,
) -> None:
    """Say what a search would do and how long it would take.

    Example: nasbench plan --space mbconv --latency 20ms
    """
    config = options.config(training, engine, device)
    from nasbench.search.measuring import search_patience
    from nasbench.search.plan import plan_search, with_predictor
    from nasbench.search.problem import open_problem

    resolved, profile = config.device.resolve()
    problem = open_problem(config, resolved)
    with Reporter() as reporter:
        patience = search_patience(config.time_s, reporter.say)
        problem = with_predictor(problem, reporter, patience) if profile is None else problem.predicting(profile)
        planned = plan_search(problem, reporter, patience)
    if as_json:
        show_json(json.loads(planned.to_json()))
    else:
        show_plan(problem, planned)


@expanded
def search(
    options: SearchOptions,
    training: TrainingOptions,
    engine: EngineOptions,
    device: DeviceOptions,
    file: RecipeFile = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the study; by default made from the command.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where studies are kept.")] = Path("runs"),
    as_json: bool = JSON,
) -> int:
    """Find the best network within a latency limit. The same command again continues where it was stopped.

    Exit code 3 if no network that was found keeps the limit when measured.

    Example: nasbench search --space mbconv --latency 20ms

    Example: nasbench search studies/pareto_20ms.yaml --time 1h
    """
    config = options.config(training, engine, device)
    from nasbench.study.directory import study_path

    return _search(config, study_path(runs, name or config.name()), as_json)


def resume(path: Directory, as_json: bool = JSON) -> int:
    """Continue a study, as the command that began it would.

    Example: nasbench resume runs/mbconv-20ms
    """
    from nasbench.analysis.study import open_study
    from nasbench.scaling_fit.config import KIND, FitConfig
    from nasbench.search.config import SearchConfig
    from nasbench.study.plugins import load_stored_plugins

    load_stored_plugins(path)
    command = open_study(path).command
    if command.get("kind") == KIND:
        from nasbench.cli.scale import run_fit_study

        run_fit_study(FitConfig.from_command(command), path, as_json)
        return 0
    return _search(SearchConfig.from_command(command), path, as_json)


def _search(config: SearchConfig, path: Path, as_json: bool) -> int:
    from nasbench.api import run_study

    began = time.monotonic()
    signal.signal(signal.SIGTERM, as_interrupt)
    with Reporter() as reporter:
        outcome, study = run_study(config, path, reporter, (lambda *_: None) if as_json else show_plan)
    if as_json:
        show_json({"path": str(path), "winner": outcome.winner is not None, "summary": study.summary()})
    else:
        show_outcome(config, study, outcome, time.monotonic() - began)
    return 0 if outcome.winner else MISSED
