"""plan, search, resume, status, front: the loop."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.cli.options import DeviceOptions, expanded
from nasbench.cli.progress import Reporter
from nasbench.cli.search_options import SearchOptions, TrainingOptions
from nasbench.cli.shared import JSON, MISSED, say, show_json, table
from nasbench.cli.study_text import show_outcome, show_plan, show_summary
from nasbench.genotype.units import show_count

if TYPE_CHECKING:
    from nasbench.latency import Profile
    from nasbench.search.request import Request

Folder = Annotated[Path, typer.Argument(help="The study's folder, such as runs/mbconv-20ms.")]


def register(app: typer.Typer) -> None:
    for command in (plan, search, resume, status, front):
        app.command()(command)


@expanded
def plan(asked: SearchOptions, training: TrainingOptions, device: DeviceOptions, as_json: bool = JSON) -> None:
    """Say what a search would do and how long it would take.

    Example: nasbench plan --space mbconv --latency 20ms
    """
    request = asked.request(training, device)
    from nasbench.search.profiling import obtain_profile
    from nasbench.search.run import plan as make
    from nasbench.search.task import prepare

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
    device: DeviceOptions,
    name: Annotated[str | None, typer.Option("--name", help="Of the study; made from the command without it.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where studies are kept.")] = Path("runs"),
    as_json: bool = JSON,
) -> int:
    """Find the best network within a latency limit. The same command again goes on where it was stopped.

    Exit code 3 if no network that was found keeps the limit when measured.

    Example: nasbench search --space mbconv --latency 20ms
    """
    request = asked.request(training, device)
    from nasbench.search.folder import study_path

    return _search(request, study_path(runs, name or request.name()), as_json)


def resume(path: Folder, as_json: bool = JSON) -> int:
    """Go on with a study, as the command that began it would.

    Example: nasbench resume runs/mbconv-20ms
    """
    from nasbench.analysis.study import open_study
    from nasbench.search.fit.request import KIND, FitRequest
    from nasbench.search.plugins import load_kept
    from nasbench.search.request import Request

    load_kept(path)
    command = open_study(path).command
    if command.get("kind") == KIND:
        from nasbench.cli.scale import run_fit_study

        run_fit_study(FitRequest.from_command(command), path, as_json)
        return 0
    return _search(Request.from_command(command), path, as_json)


def status(path: Folder, as_json: bool = JSON) -> None:
    """Say how far a study is.

    Example: nasbench status runs/mbconv-20ms
    """
    from nasbench.analysis.study import open_study

    study = open_study(path)
    trials = study.trials()
    counts = {str(phase): {str(k): int(v) for k, v in rows["status"].value_counts().items()} for phase, rows in trials.groupby("phase")}
    planned = study.plan()
    if as_json:
        driver = {k: str(v) for k, v in study.driver.items()} if study.driver else None
        show_json({"path": str(path), "driver": driver, "planned": planned, "trials": counts, "summary": study.summary()})
        return
    working = f"a driver works on it (pid {study.driver['pid']})" if study.driver else "no driver works on it"
    finished = "finished" if study.summary() or (path / "fit.json").exists() else "not finished: `nasbench resume` goes on"
    say(f"{path}: {working}; {finished}")
    wanted = {"search": planned.get("trials"), "random": planned.get("trials"), "final": planned.get("final_runs")}
    table(
        ("phase", ">planned", "trials"),
        ((phase, wanted.get(phase) or "", ", ".join(f"{n} {s}" for s, n in sorted(c.items()))) for phase, c in counts.items()),
    )
    if study.summary():
        show_summary(study)


def front(path: Folder, as_json: bool = JSON) -> None:
    """Show a study's Pareto front of accuracy and latency, and write front.csv and front.png.

    Example: nasbench front runs/mbconv-20ms
    """
    from nasbench.analysis.plots import save_front
    from nasbench.analysis.study import open_study

    study = open_study(path)
    df = study.front()
    if as_json:
        show_json(json.loads(df[["number", "accuracy", "latency_ms", "macs", "params_count", "digest"]].to_json(orient="records")))
        return
    if df.empty:
        say("no trial has finished yet; the front is empty")
        return
    rows = zip(df["number"], df["accuracy"], df["latency_ms"], df["macs"], df["params_count"], strict=True)
    table(
        (">trial", ">accuracy", ">latency", ">MACs", ">params"),
        ((n, f"{a:.1%}", f"{ms:.1f} ms", show_count(m), show_count(p)) for n, a, ms, m, p in rows),
    )
    say(f"wrote {study.write_front()} and {save_front(study)}")


def _search(request: Request, path: Path, as_json: bool) -> int:
    from nasbench.analysis.plots import save_front
    from nasbench.analysis.study import open_study
    from nasbench.search.run import search as run
    from nasbench.search.task import prepare

    began = time.monotonic()
    signal.signal(signal.SIGTERM, _as_interrupt)
    profile = _kept_profile(request, path)
    device, profile = (profile.device, profile) if profile else request.device.resolve()
    task = prepare(request, device)
    if profile is not None:
        task = task.predicting(profile)
    show = (lambda task, made: None) if as_json else show_plan
    with Reporter() as reporter:
        outcome = run(task, path, reporter, show, time.monotonic() - began)
    study = open_study(path)
    if not study.front().empty:
        study.write_front()
        save_front(study)
    if as_json:
        show_json({"path": str(path), "winner": outcome.winner is not None, "summary": study.summary()})
    else:
        show_outcome(request, study, outcome, time.monotonic() - began)
    return 0 if outcome.winner else MISSED


def _kept_profile(request: Request, path: Path) -> Profile | None:
    """What a study that goes on keeps of the file that its device came from: the file may be gone, or hold another device by now."""
    from nasbench.latency import load_profile

    kept = path / "profile.json"
    return load_profile(kept) if request.device.is_file and kept.exists() else None


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt
