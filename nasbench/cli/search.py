"""plan, search, resume: the commands that run a search."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.cli.interrupts import kept_by, on_interrupt
from nasbench.cli.options.common import DeviceOptions, expanded
from nasbench.cli.options.recipe_file import RecipeFile
from nasbench.cli.options.search import EngineOptions, SearchOptions, TrainingOptions
from nasbench.cli.shared import JSON, MISSED, show_json
from nasbench.cli.text.study import show_outcome, show_plan
from nasbench.errors import StudyError
from nasbench.genotype.units import parse_duration
from nasbench.progress import Reporter

if TYPE_CHECKING:
    from nasbench.engines.config import EngineConfig
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
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="First train some networks briefly and longer, to choose the short training that ranks them best; it is kept."
        ),
    ] = False,
    as_json: bool = JSON,
) -> None:
    """Say what a search would do and how long it would take.

    Example: nasbench plan --space mbconv --latency 20ms

    Example: nasbench plan --space mbconv --latency 20ms --data photos --probe
    """
    config = options.config(training, engine, device)
    from nasbench.search.measuring import search_patience
    from nasbench.search.plan import plan_search, with_predictor
    from nasbench.search.probe.problem import probe_now
    from nasbench.search.problem import open_problem

    resolved, profile = config.device.resolve()
    problem = open_problem(config, resolved)
    with Reporter() as reporter:
        patience = search_patience(config.time_s, reporter.say)
        problem = with_predictor(problem, reporter, patience) if profile is None else problem.predicting(profile)
        if probe:
            probe_now(problem, reporter)
            predictor, problem = problem.predictor, open_problem(config, resolved)
            problem = problem if predictor is None else problem.predicting(predictor.profile)
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
    from nasbench.engines.ray.addresses import remember_address
    from nasbench.study.directory import study_path

    remember_address(config.engine.address)
    return _search(config, study_path(runs, name or config.name()), as_json)


def resume(
    path: Directory,
    trials: Annotated[int | None, typer.Option(help="Extend the study to so many trials of each phase.", min=1)] = None,
    time_limit: Annotated[str | None, typer.Option("--time", help="Extend it to so much time in all, such as 1h.")] = None,
    address: Annotated[
        str | None, typer.Option(help="Address of the Ray cluster, where the study's own is on another machine and was never used here.")
    ] = None,
    as_json: bool = JSON,
) -> int:
    """Continue a study, as the command that began it would. A finished study can be extended by more trials or more time.

    Example: nasbench resume runs/mbconv-20ms

    Example: nasbench resume runs/mbconv-20ms --time 30min
    """
    from nasbench.analysis.study import open_study
    from nasbench.scaling_fit.config import KIND, FitConfig
    from nasbench.search.config import SearchConfig
    from nasbench.study.plugins import load_stored_plugins

    load_stored_plugins(path)
    command = open_study(path).command
    if command.get("kind") == KIND:
        from nasbench.cli.scale import run_fit_study

        if trials is not None:
            raise StudyError(f"the plan of a scaling fit decides how many trials it has; {path} is one; leave --trials out")
        fit = FitConfig.from_command(command)
        fit = fit if time_limit is None else replace(fit, time_s=parse_duration(time_limit))
        run_fit_study(replace(fit, engine=_confirmed(fit.engine, address, path)), path, as_json)
        return 0
    config = _extended(SearchConfig.from_command(command), trials, time_limit)
    return _search(replace(config, engine=_confirmed(config.engine, address, path)), path, as_json)


def _extended(config: SearchConfig, trials: int | None, time_limit: str | None) -> SearchConfig:
    """The configuration with more trials or more time. A longer time without a number of trials lets the time decide."""
    if time_limit is not None:
        time_s = parse_duration(time_limit)
        train_s = config.training_s * time_s / config.time_s  # the same share
        config = replace(config, time_s=time_s, train_s=train_s, trials=None)
    return config if trials is None else replace(config, trials=trials)


def _confirmed(engine: EngineConfig, address: str | None, path: Path) -> EngineConfig:
    """The engine of a stored study, with the address that its user gives.

    Raises:
        StudyError: the study would connect to another machine, and its user has never named it.
    """
    from nasbench.engines.ray.addresses import check_stored_address, remember_address

    if address is None:
        check_stored_address(engine.address, path)
        return engine
    remember_address(address)
    return replace(engine, address=address)


def _search(config: SearchConfig, path: Path, as_json: bool) -> int:
    from nasbench.api import run_study

    began = time.monotonic()
    with on_interrupt(lambda: kept_by(path)), Reporter() as reporter:
        outcome, study = run_study(config, path, reporter, (lambda *_: None) if as_json else reporter.without_bar(show_plan))
    if as_json:
        show_json({"path": str(path), "winner": outcome.winner is not None, "summary": study.summary(), "delivered": study.delivered()})
    else:
        show_outcome(config, study, outcome, time.monotonic() - began)
    return 0 if outcome.winner else MISSED
