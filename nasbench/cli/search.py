"""plan, search, resume, status, front: the loop."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli.progress import Reporter
from nasbench.cli.shared import (
    JSON,
    MISSED,
    Batch,
    DeviceName,
    MemoryFormatName,
    PrecisionName,
    RuntimeName,
    Threads,
    device_choice,
    say,
    show_json,
    table,
)  # fmt: skip
from nasbench.cli.study_text import show_outcome, show_plan, show_summary
from nasbench.errors import NasbenchError, StudyError
from nasbench.genotype.units import parse_count, parse_duration, parse_latency, parse_memory, show_count

if TYPE_CHECKING:
    from nasbench.latency import DeviceChoice, Profile
    from nasbench.search.request import Request

Space = Annotated[str, typer.Option("--space", help="A space (see `nasbench spaces`) or its .yaml file.")]
Latency = Annotated[str | None, typer.Option("--latency", help="Limit at the network's own input size on the device, such as 20ms.")]
Macs = Annotated[str | None, typer.Option("--macs", help="Limit on multiply-adds, such as 300M.")]
Params = Annotated[str | None, typer.Option("--params", help="Limit on parameters, such as 5M.")]
Memory = Annotated[str | None, typer.Option("--memory", help="Limit on memory to run, float32 at batch 1, such as 64MiB.")]
Size = Annotated[str | None, typer.Option("--size", help="Limit on the model's size at the device's precision, such as 4MiB.")]
Data = Annotated[str, typer.Option("--data", help="embedded, fashion-mnist, mnist, cifar10, cifar100, or a folder of class folders.")]
DataRoot = Annotated[str | None, typer.Option("--data-root", help="Where downloaded data sets are kept.")]
StrategyName = Annotated[str, typer.Option("--strategy", help="random, evolution or tpe.")]
Reward = Annotated[str, typer.Option("--reward", help="hard or soft (MnasNet), or pareto (accuracy and latency).")]
Seed = Annotated[int, typer.Option("--seed", help="Of every random choice.")]
Trials = Annotated[int | None, typer.Option("--trials", help="Networks to train, and as many at random; --time decides without it.")]
Time = Annotated[str, typer.Option("--time", help="Time for the whole search, such as 8min.")]
Workers = Annotated[int | None, typer.Option("--workers", help="Trainings at a time, one thread each; all cores without it.")]
Known = Annotated[str | None, typer.Option("--known", help="Known networks to compare with, separated by commas.")]
RecipeFile = Annotated[Path | None, typer.Option("--recipe", help="JSON file with fields of the training recipe.")]
Folder = Annotated[Path, typer.Argument(help="The study's folder, such as runs/mbconv-20ms.")]


def register(app: typer.Typer) -> None:
    for command in (plan, search, resume, status, front):
        app.command()(command)


def plan(
    space: Space = "mbconv",
    latency: Latency = None,
    macs: Macs = None,
    params: Params = None,
    memory: Memory = None,
    size: Size = None,
    data: Data = "embedded",
    data_root: DataRoot = None,
    strategy: StrategyName = "evolution",
    reward: Reward = "hard",
    seed: Seed = 0,
    trials: Trials = None,
    time_limit: Time = "8min",
    workers: Workers = None,
    device: DeviceName = "cpu",
    runtime: RuntimeName = None,
    threads: Threads = None,
    batch: Batch = None,
    precision: PrecisionName = None,
    memory_format: MemoryFormatName = None,
    known: Known = None,
    recipe: RecipeFile = None,
    as_json: bool = JSON,
) -> None:
    """Say what a search would do and how long it would take.

    Example: nasbench plan --space mbconv --latency 20ms
    """
    choice = device_choice(device, runtime, threads, batch, precision, memory_format)
    request = _request(
        space,
        latency,
        macs,
        params,
        memory,
        size,
        data,
        data_root,
        strategy,
        reward,
        seed,
        trials,
        time_limit,
        workers,
        choice,
        known,
        recipe,
    )
    from nasbench.search.profiling import obtain_profile
    from nasbench.search.run import plan as make
    from nasbench.search.task import prepare

    device_, profile = choice.resolve()
    task = prepare(request, device_)
    with Reporter() as reporter:
        task = task.predicting(profile or obtain_profile(task.device, task.space, reporter))
        made = make(task, reporter)
    if as_json:
        show_json(json.loads(made.to_json()))
    else:
        show_plan(task, made)


def search(
    space: Space = "mbconv",
    latency: Latency = None,
    macs: Macs = None,
    params: Params = None,
    memory: Memory = None,
    size: Size = None,
    data: Data = "embedded",
    data_root: DataRoot = None,
    strategy: StrategyName = "evolution",
    reward: Reward = "hard",
    seed: Seed = 0,
    trials: Trials = None,
    time_limit: Time = "8min",
    workers: Workers = None,
    device: DeviceName = "cpu",
    runtime: RuntimeName = None,
    threads: Threads = None,
    batch: Batch = None,
    precision: PrecisionName = None,
    memory_format: MemoryFormatName = None,
    known: Known = None,
    recipe: RecipeFile = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the study; made from the command without it.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where studies are kept.")] = Path("runs"),
    as_json: bool = JSON,
) -> int:
    """Find the best network within a latency limit. The same command again goes on where it was stopped.

    Exit code 3 if no network that was found keeps the limit when measured.

    Example: nasbench search --space mbconv --latency 20ms
    """
    choice = device_choice(device, runtime, threads, batch, precision, memory_format)
    request = _request(
        space,
        latency,
        macs,
        params,
        memory,
        size,
        data,
        data_root,
        strategy,
        reward,
        seed,
        trials,
        time_limit,
        workers,
        choice,
        known,
        recipe,
    )
    from nasbench.search.folder import study_path

    return _search(request, study_path(runs, name or request.name()), as_json)


def resume(path: Folder, as_json: bool = JSON) -> int:
    """Go on with a study, as the command that began it would.

    Example: nasbench resume runs/mbconv-20ms
    """
    from nasbench.analysis.study import open_study
    from nasbench.search.plugins import load_kept
    from nasbench.search.request import Request

    load_kept(path)
    return _search(Request.from_command(open_study(path).command), path, as_json)


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
    finished = "finished" if study.summary() else "not finished: `nasbench resume` goes on"
    say(f"{path}: {working}; {finished}")
    wanted = {"search": planned.get("trials"), "random": planned.get("trials"), "final": planned.get("final_runs")}
    table(
        ("phase", ">planned", "trials"),
        ((phase, wanted.get(phase) or "", ", ".join(f"{n} {s}" for s, n in sorted(c.items()))) for phase, c in counts.items()),
    )
    if study.summary():
        show_summary(study)


def front(path: Folder, as_json: bool = JSON) -> None:
    """Show a study's Pareto front of accuracy and predicted latency, and write front.csv and front.png.

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
        (">trial", ">accuracy", ">latency (predicted)", ">MACs", ">params"),
        ((n, f"{a:.1%}", f"{ms:.1f} ms", show_count(m), show_count(p)) for n, a, ms, m, p in rows),
    )
    say(f"wrote {study.write_front()} and {save_front(study)}")


def _request(
    space: str, latency: str | None, macs: str | None, params: str | None, memory: str | None, size: str | None, data: str,
    data_root: str | None, strategy: str, reward: str, seed: int, trials: int | None, time_limit: str, workers: int | None,
    choice: DeviceChoice, known: str | None, recipe: Path | None,
) -> Request:  # fmt: skip
    """The options as a request; quantities and names are checked before torch is loaded."""
    from nasbench.spaces import load_space

    limits = {
        "latency_ms": parse_latency(latency) if latency is not None else None,
        "macs": parse_count(macs) if macs is not None else None,
        "params": parse_count(params) if params is not None else None,
        "memory_bytes": parse_memory(memory) if memory is not None else None,
        "size_bytes": parse_memory(size) if size is not None else None,
    }
    load_space(space)
    seconds = parse_duration(time_limit)
    from nasbench.search.limits import Limits
    from nasbench.search.request import KNOWN, Request
    from nasbench.training.recipe import PROXY, Recipe

    return Request(
        space=space,
        limits=Limits(**limits),  # type: ignore[arg-type] # a mapping of mixed numbers
        data=data,
        data_root=data_root,
        strategy=strategy,
        mode=reward,  # type: ignore[arg-type] # checked by Request
        seed=seed,
        trials=trials,
        time_s=seconds,
        workers=len(os.sched_getaffinity(0)) if workers is None else workers,
        device=choice,
        known=tuple(known.split(",")) if known else KNOWN,
        recipe=PROXY if recipe is None else Recipe.from_dict(_read_json(recipe)),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NasbenchError(f"a recipe is a JSON file with fields such as epochs and lr; {path}: {error}") from None
    if not isinstance(found, dict):
        raise NasbenchError(f"a recipe is a JSON mapping of fields such as epochs and lr; {path} holds {type(found).__name__}")
    return found


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


__all__ = ["MISSED", "StudyError", "register"]
