"""plan, search, resume: the loop."""

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
from nasbench.cli.text.progress import Reporter
from nasbench.cli.text.study import show_outcome, show_plan

if TYPE_CHECKING:
    from nasbench.latency import Profile
    from nasbench.search.config import SearchConfig

Folder = Annotated[Path, typer.Argument(help="The study's folder, such as runs/mbconv-20ms.")]


def register(app: typer.Typer) -> None:
    for command in (plan, search, resume):
        app.command()(command)


@expanded
def plan(
    asked: SearchOptions,
    training: TrainingOptions,
    engine: EngineOptions,
    device: DeviceOptions,
    file: RecipeFile = None,
    as_json: bool = JSON,
) -> None:
    """Say what a search would do and how long it would take.

    Example: nasbench plan --space mbconv --latency 20ms
    """
    request = asked.request(training, engine, device)
    from nasbench.search.device_profile import obtain_profile
    from nasbench.search.problem import prepare
    from nasbench.search.run import plan as make

    wanted, profile = request.device.resolve()
    task = prepare(request, wanted)
    with Reporter() as reporter:
        task = task.predicting(profile or obtain_profile(task.device, task.space, reporter))
        made = make(task, reporter)
    if as_json:
        show_json(json.loads(made.to_json()))
    else:
        show_plan(task, made)


@expanded
def search(
    asked: SearchOptions,
    training: TrainingOptions,
    engine: EngineOptions,
    device: DeviceOptions,
    file: RecipeFile = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the study; made from the command without it.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where studies are kept.")] = Path("runs"),
    as_json: bool = JSON,
) -> int:
    """Find the best network within a latency limit. The same command again goes on where it was stopped.

    Exit code 3 if no network that was found keeps the limit when measured.

    Example: nasbench search --space mbconv --latency 20ms

    Example: nasbench search studies/pareto_20ms.yaml --time 1h
    """
    request = asked.request(training, engine, device)
    from nasbench.study.directory import study_path

    return _search(request, study_path(runs, name or request.name()), as_json)


def resume(path: Folder, as_json: bool = JSON) -> int:
    """Go on with a study, as the command that began it would.

    Example: nasbench resume runs/mbconv-20ms
    """
    from nasbench.analysis.study import open_study
    from nasbench.scaling_fit.config import KIND, FitConfig
    from nasbench.search.config import SearchConfig
    from nasbench.study.plugins import load_kept

    load_kept(path)
    command = open_study(path).command
    if command.get("kind") == KIND:
        from nasbench.cli.scale import run_fit_study

        run_fit_study(FitConfig.from_command(command), path, as_json)
        return 0
    return _search(SearchConfig.from_command(command), path, as_json)


def _search(request: SearchConfig, path: Path, as_json: bool) -> int:
    from nasbench.analysis.plots.study import save_front
    from nasbench.analysis.study import open_study
    from nasbench.search.problem import prepare
    from nasbench.search.run import search as run

    began = time.monotonic()
    signal.signal(signal.SIGTERM, as_interrupt)
    profile = _kept_profile(request, path)
    device, profile = (profile.device, profile) if profile else request.device.resolve()
    task = prepare(request, device)
    if profile is not None:
        task = task.predicting(profile)
    show = (lambda task, made: None) if as_json else show_plan
    with Reporter() as reporter:
        outcome = run(task, path, reporter, show, time.monotonic() - began)
    study = open_study(path)
    if study.summary() or not study.front().empty:  # with successive halving, perhaps only the last round trained to the end
        study.write_front()
        save_front(study)
    if as_json:
        show_json({"path": str(path), "winner": outcome.winner is not None, "summary": study.summary()})
    else:
        show_outcome(request, study, outcome, time.monotonic() - began)
    return 0 if outcome.winner else MISSED


def _kept_profile(request: SearchConfig, path: Path) -> Profile | None:
    """What a study that goes on keeps of the file that its device came from: the file may be gone, or hold another device by now."""
    from nasbench.search.device_profile import studied_profile
    from nasbench.study.directory import PROFILE_FILE

    return studied_profile(path) if request.device.is_file and (path / PROFILE_FILE).exists() else None
