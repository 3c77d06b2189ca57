"""The commands that look at studies, also while they run: status, front, plot, copy, dashboard."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.interrupts import end_on_ignored_signals
from nasbench.cli.shared import JSON, say, show_json

Folder = Annotated[Path, typer.Argument(help="The study's folder, such as runs/mbconv-20ms.")]
Folders = Annotated[list[Path], typer.Argument(help="Folders of studies; two or more are compared.")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Compare studies even if their devices, data or recipes differ.")]


def register(app: typer.Typer) -> None:
    for command in (status, front, plot, copy, dashboard):
        app.command()(command)


def status(
    path: Folder,
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing the state until the study ends or you press Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2)] = 2.0,
    as_json: bool = JSON,
) -> None:
    """Show how far a study is: trials, the best network so far, pace and time left. The command only reads; --json prints once.

    Example: nasbench status runs/mbconv-20ms --watch
    """
    from nasbench.analysis.study import open_study
    from nasbench.cli.text.status import show_state, watch_study
    from nasbench.cli.text.study import show_delivered, show_spent, show_summary

    study = open_study(path)
    if as_json:
        state = study.state().to_json()
        halving = {"spent": {phase: spent._asdict() for phase, spent in study.spent().items()}} if study.spent() else {}
        more = {"planned": study.plan(), "summary": study.summary(), "delivered": study.delivered()}
        show_json({"path": str(path), **state, "trials": state["counts"], **more} | halving)
        return
    if watch:
        watch_study(study, every)
    else:
        show_state(study)
    if study.summary():
        show_summary(study)
        show_delivered(study.delivered())
    else:
        show_spent(study)


def front(paths: Folders, anyway: Anyway = False, as_json: bool = JSON) -> None:
    """Show the Pareto front of accuracy and latency of a study, or the fronts of several studies side by side.

    For one study, the command also writes front.csv and front.png into the study's folder. `plot` draws several studies.

    Example: nasbench front runs/mbconv-20ms runs/mbconv-10ms
    """
    from nasbench.analysis.compare import compare_studies
    from nasbench.analysis.plots.study import save_front
    from nasbench.analysis.study import open_study
    from nasbench.cli.text.front import front_json, fronts_json, show_front, show_fronts

    if len(paths) > 1:
        comparison = compare_studies(paths, anyway=anyway)
        if as_json:
            fronts_json(comparison)
        else:
            show_fronts(comparison)
        return
    study = open_study(paths[0])
    if as_json:
        front_json(study)
    elif study.front().empty:
        say("no trial was trained in full yet; the front is empty")
    else:
        show_front(study)
        say(f"wrote {study.write_front()} and {save_front(study)}")


def plot(
    paths: Folders,
    what: Annotated[str, typer.Option("--what", help="One of the pictures above.")] = "front",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write (.png, .svg, .pdf); default: WHAT.png.")] = None,
    samples: Annotated[int, typer.Option(help="Networks to sample from the space, for --what space.", min=1)] = 1000,
    anyway: Anyway = False,
) -> None:
    """Draw a study, or the fronts of several.

    front: accuracy over latency, or the fronts of several studies. time: best network and hypervolume over training time, beside random
    search. fronts: the front after each quarter of the cost. cost: accuracy against MACs, parameters and latency. latency: predicted
    against measured latency. networks: the genotypes of the front side by side. space: MACs, parameters and latency of the whole space.

    Example: nasbench plot runs/mbconv-20ms --what time --out time.png
    """
    from nasbench.analysis.plots.gallery import draw

    say(f"wrote {draw(paths, what, out or Path(f'{what}.png'), samples, anyway)}")


def copy(path: Folder, to: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")]) -> None:
    """Make a small copy of a study, also while it runs. It has all that tables and pictures need, but no weights and training curves.

    Example: nasbench copy runs/mbconv-20ms studies/data/mbconv-20ms
    """
    from nasbench.study.directory import StudyDirectory
    from nasbench.study.snapshot import copy_study

    copy_study(StudyDirectory.open(path), to)
    size = sum(file.stat().st_size for file in to.rglob("*") if file.is_file())
    say(f"wrote {to}: {size / 1000:.0f} kB")


def dashboard(
    path: Folder,
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8080,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")] = True,
) -> None:
    """Show a study in optuna-dashboard, on this machine only, until Ctrl-C.

    The dashboard works on a copy, which follows the study while it runs. What you change or delete there does not reach the study. It
    needs `pip install 'nasbench[dashboard]'`.

    Example: nasbench dashboard runs/mbconv-20ms --port 8081
    """
    import webbrowser

    from nasbench.analysis.dashboard import Dashboard
    from nasbench.study.directory import StudyDirectory

    end_on_ignored_signals()
    ended = threading.Event()
    with Dashboard(StudyDirectory.open(path), port) as served:
        say(f"{path} at {served.url}, which shows a copy of it; press Ctrl-C to stop")
        if browser and _has_display():
            webbrowser.open(served.url)
        try:
            ended.wait()
        except KeyboardInterrupt:
            say("ended")


def _has_display() -> bool:
    """Whether a graphical browser can open; without a display, a text browser would take over the terminal."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
