"""A search from request to winner: plan, two arms of trials side by side, a last round. It can be killed at any moment."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.errors import BudgetError, GenotypeError, NasbenchError, StudyError
from nasbench.evaluate.train import TrainTask
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, adapt, digest
from nasbench.genotype.plugins import Plugin, loaded_plugins
from nasbench.latency import Device, Predictor, Profile, load_profile, make_card, save_card, save_profile
from nasbench.search.arms import Arm, Listener, work
from nasbench.search.draws import retrace
from nasbench.search.engines.local import LocalEngine
from nasbench.search.finals import (
    Finalist,
    Measure,
    Standing,
    choose_finalists,
    load_finalists,
    measurer,
    save_finalists,
    standings,
    summary,
    winner,
)
from nasbench.search.folder import StudyFolder
from nasbench.search.ledger import Ledger
from nasbench.search.limits import Figures, figures
from nasbench.search.phase import Asked, Phase
from nasbench.search.plan import FINALISTS, PRELOAD, RIVALS, Clock, Pace, Plan, make_plan
from nasbench.search.plugins import keep, named
from nasbench.search.profiling import obtain_profile
from nasbench.search.records import Trial
from nasbench.search.request import MAY_CHANGE, VALIDATION, Request
from nasbench.search.reward import directions, values
from nasbench.search.strategies import strategy
from nasbench.search.survey import survey
from nasbench.spaces import Choose, Space, load_space
from nasbench.training.data import load_images
from nasbench.training.images import Images
from nasbench.zoo import known

REJECTED = 3000  # draws in a row outside the limits before an arm gives up
FINALISTS_FILE = "finalists.json"
UNTIL_LATE = 1_000_000
STARTS = ("mobilenet_v3_small", "mobilenet_v2", "mnasnet_a1", "mobilenet_v3_large", "efficientnet_b0")
SAME_FAILURES = 3  # trials in a row that fail for one reason stop the study: it is not the networks' fault


@dataclass(frozen=True)
class Task:
    """Everything that a search needs, ready: the request, its space and data, the device and its predictor, the user's own words."""

    request: Request
    space: Space
    classes: int
    train_images: int
    images: str
    device: Device
    predictor: Predictor | None = None
    plugins: tuple[Plugin, ...] = ()

    def predicting(self, profile: Profile) -> Task:
        """The same, with latency predicted from a profile of the device."""
        return replace(self, predictor=Predictor(profile))

    def decode(self, choose: Choose) -> Genotype:
        return adapt(self.space.decode(choose), classes=self.classes)

    def known(self) -> dict[str, Genotype]:
        """The known networks of the request, with the classes of the data."""
        return {name: adapt(known(name), classes=self.classes) for name in self.request.known}

    def figures(self, g: Genotype) -> Figures:
        if self.predictor is None:
            raise StudyError("figures need a predictor; give the task a profile with `predicting`")
        return figures(g, self.predictor.predict)

    def training(self, g: Genotype, folder: str, seed: int = 0, *, final: bool = False) -> TrainTask:
        r = self.request
        return TrainTask(
            genotype=g.to_yaml(),
            folder=folder,
            data=r.data,
            root=r.data_root,
            recipe=r.recipe.to_dict(),
            seed=seed % 2**31,
            split_seed=r.seed,
            validation=VALIDATION,
            threads=1,
            save_weights=final,
            test=final,
            plugins=self.plugins,
        )


@dataclass(frozen=True)
class Outcome:
    """What a search came to.

    Attributes:
        path: of the study.
        standings: the last round, best first.
        winner: the search's best network inside the measured limit, or None.
        complete: whether every planned trial was done.
    """

    path: Path
    standings: list[Standing]
    winner: Standing | None
    complete: bool


def prepare(request: Request, device: Device) -> Task:
    """Load what the request names; the predictor comes later, since profiling takes longest.

    Raises:
        NasbenchError: an unknown space, network, strategy or data set.
    """
    space = load_space(request.space)
    strategy(request.strategy, request.seed, **request.options)
    images = load_images(request.data, Path(request.data_root) if request.data_root else None, size=request.recipe.decoded_size)
    for name in request.known:
        known(name)
    train_images = int(len(images.train) * (1 - VALIDATION))
    return Task(request, space, len(images.classes), train_images, _fingerprint(images), device, plugins=loaded_plugins())


def _fingerprint(images: Images) -> str:
    """Tells another data set, or another version of it, without reading all of a large one."""
    seen = hashlib.sha256(images.train.labels.numpy().tobytes())
    for chunk in itertools.islice(images.train.chunks(256), 4):
        seen.update(chunk.numpy().tobytes())
    return f"{images.name}, {len(images.train)} + {len(images.test)} images, {seen.hexdigest()[:12]}"


def plan(task: Task, listener: Listener, elapsed_s: float = 0.0) -> Plan:
    """Survey the space and time the trainer.

    Raises:
        BudgetError: the limits cannot be met.
    """
    listener.stage("looking at the space")
    found = survey(task.space, task.decode, task.request.limits, task.figures, task.request.seed)
    listener.stage("timing the trainer")
    r = task.request
    return make_plan(
        found,
        list(task.known().values()),
        task.training,
        task.train_images,
        trials=r.trials,
        final_seeds=r.final_seeds,
        workers=r.workers,
        time_left_s=r.time_s - elapsed_s,
    )


def search(task: Task, path: Path, listener: Listener, show_plan: Callable[[Task, Plan], None], elapsed_s: float = 0.0) -> Outcome:
    """Run the study at `path`, or go on with it.

    `elapsed_s` is what the caller already took of the request's time.

    Raises:
        NasbenchError: see `StudyFolder.create`; limits that cannot be met; trials that all fail for one reason.
    """
    clock = Clock(elapsed_s)
    plugins = named(path, task.plugins)
    command = task.request.command(task.space, task.device.key, task.images, {name: p.sha256 for name, p in plugins.items()})
    more = {"plugin_paths": {name: str(Path(p.path).resolve()) for name, p in plugins.items()}} if plugins else {}
    with StudyFolder.create(path, command, may_change=MAY_CHANGE, more=more) as folder:
        try:
            task, made = _planned(task, folder, listener, clock)
        except NasbenchError:
            folder.discard()  # nothing was done yet: leave nothing behind
            raise
        keep(folder.path, plugins)
        show_plan(task, made)
        with Ledger.open(folder) as ledger:
            return _run(task, folder, ledger, made, listener, clock)


def _planned(task: Task, folder: StudyFolder, listener: Listener, clock: Clock) -> tuple[Task, Plan]:
    """The task with its device profiled, and the plan; a study that goes on predicts and does as it began."""
    profile, stored = folder.path / "profile.json", folder.path / "plan.json"
    if stored.exists():
        return task.predicting(load_profile(profile)), Plan.from_json(stored)
    if task.predictor is None:  # else the device came with its profile
        task = task.predicting(obtain_profile(task.device, task.space, listener))
    made = plan(task, listener, clock())
    if task.predictor is not None:
        save_profile(task.predictor.profile, profile)
    write_atomic(stored, made.to_json())
    return task, made


def _run(task: Task, folder: StudyFolder, ledger: Ledger, made: Plan, listener: Listener, clock: Clock) -> Outcome:
    """The arms, the measuring, the last round."""
    arms = _arms(task, folder, ledger, made)
    pace = Pace(made, task.request, clock, sum(t.seconds or 0.0 for arm in arms for t in arm.phase.records()))

    with LocalEngine(task.request.workers, time_limit_s=max(300.0, 20 * made.seconds_per_trial), preload=PRELOAD) as engine:
        listener.stage("training", pace.outlook(arms)[0])
        for _ in range(sum(arm.done for arm in arms)):
            listener.step()
        finalists = load_finalists(folder.path / FINALISTS_FILE)
        if finalists is None:
            work(engine, arms, _teller(listener, lambda: pace.outlook(arms), pace.note), lambda: pace.late(arms))
            if not any(t.feasible for t in arms[0].phase.records()):
                raise StudyError(_all_failed(arms[0].phase, folder.path))
            listener.say("measuring the finalists, alone on the machine")
            finalists = _finalists(task, arms, measurer(task.device, listener.say), listener)
            save_finalists(folder.path / FINALISTS_FILE, finalists)
        ranked = _last_round(task, folder, ledger, engine, finalists, listener)
    best = winner(ranked, task.request.limits)
    _deliver(task, folder, ranked, best)
    return Outcome(folder.path, ranked, best, complete=task.request.trials is None or all(arm.left == 0 for arm in arms))


def _arms(task: Task, folder: StudyFolder, ledger: Ledger, made: Plan) -> list[Arm]:
    """The search, serial, and random search with its own draws; both see the same limits, recipe and cost."""
    r = task.request
    found = []
    for name, at_once in (("search", max(1, made.workers // 2)), ("random", made.workers)):
        chosen = strategy(r.strategy if name == "search" else "random", r.seed, **(r.options if name == "search" else {}))
        phase = ledger.phase(name, directions(r.mode), chosen, r.seed)
        # Without a given number of trials the arms go on until their time is over.
        wanted = made.trials if r.trials is not None else UNTIL_LATE
        first = _starts(task) if name == "search" and r.strategy != "random" else []
        found.append(Arm(phase, wanted, _drawer(task, phase, first), _tasker(task, folder), _recorder(task), at_once))
    return found


def _starts(task: Task) -> list[tuple[Genotype, dict[str, Any]]]:
    """Where a strategy begins: known networks that are points of the space, each at the largest resolution inside the limits.

    They are trained like any other trial and count like one. Lowering the resolution is MobileNet's own multiplier.
    """
    found = []
    for name in STARTS:
        g = known(name)
        for size in sorted(task.space.resolution, reverse=True):
            smaller = adapt(g, input=(g.input[0], size, size))
            if size > g.input[1] or smaller not in task.space:
                continue
            fitted = adapt(smaller, classes=task.classes)
            if task.request.limits.allow(task.figures(fitted)):
                found.append((fitted, task.space.encode(smaller)))
                break
    return found


def _drawer(task: Task, phase: Phase, first: Sequence[tuple[Genotype, dict[str, Any]]]) -> Callable[[], Asked | None]:
    """Draw until a network is inside all cheap limits; those outside are told to the ledger at once. The `first` come first.

    Trials that a dead driver left come first: it may have died before it looked at their limits.
    """
    left = phase.unfinished()

    def draw() -> Asked | None:
        for _ in range(REJECTED):
            begun = next(((g, answers) for g, answers in first if phase.find(digest(g)) is None), None)
            asked: Asked | None
            if left:
                asked = left.pop(0)
            elif begun is not None:
                asked = phase.enter(begun[0], retrace(task.decode, begun[1]))
            else:
                asked = phase.ask(task.decode)
            if asked is None:
                return None
            record: dict[str, Any]
            try:
                f = task.figures(asked.genotype)
            except GenotypeError as error:
                record = {"status": "infeasible", "reason": str(error), "seconds": 0.0}
            else:
                if task.request.limits.allow(f):
                    return asked
                record = {"status": "over_budget", "reason": task.request.limits.broken(f), "seconds": 0.0} | _figures(task, f)
            phase.tell(asked.number, record)
        raise BudgetError(
            f"{REJECTED} draws of {phase.name} in a row were outside {task.request.limits.describe()}; allow more, or choose another space"
        )

    return draw


def _tasker(task: Task, folder: StudyFolder, *, final: bool = False) -> Callable[[Asked], TrainTask]:
    return lambda asked: task.training(asked.genotype, str(folder.trial_folder(asked.phase, asked.number)), asked.seed, final=final)


def _recorder(task: Task, more: Callable[[Asked], dict[str, Any]] | None = None) -> Callable[[Asked, dict[str, Any]], dict[str, Any]]:
    """A worker's answer as the ledger's record: with the cheap figures, the reward and the constraints."""

    def record(asked: Asked, told: dict[str, Any]) -> dict[str, Any]:
        f = task.figures(asked.genotype)
        found = told | _figures(task, f) | (more(asked) if more else {})
        accuracy = told.get("accuracy")
        if told.get("status") == "ok" and accuracy is not None:
            found["values"] = values(accuracy, f.latency_ms, task.request.limits.latency_ms, task.request.mode)
            found["reward"] = found["values"][0]
        return found

    return record


def _figures(task: Task, f: Figures) -> dict[str, Any]:
    return {
        "latency_ms": f.latency_ms,
        "latency_low_ms": f.predicted.low_ms,
        "latency_high_ms": f.predicted.high_ms,
        "macs": f.macs,
        "params_count": f.params,
        "peak_bytes": f.peak_bytes,
        "constraints": task.request.limits.excess(f),
    }


def _teller(
    listener: Listener, outlook: Callable[[], tuple[int, float]] | None = None, note: Callable[[Trial], None] = lambda _: None
) -> Callable[[Arm, Trial], None]:
    """Tells `listener` of every trial, with what is expected of those to come, and stops a study whose trials all fail alike."""
    failures: list[str] = []

    def told(arm: Arm, trial: Trial) -> None:
        note(trial)
        if outlook is not None:
            listener.expect(*outlook())
        if trial.status == "failed":
            failures.append(trial.reason or "")
            if len(failures) >= SAME_FAILURES and len(set(failures[-SAME_FAILURES:])) == 1:
                raise StudyError(
                    f"{SAME_FAILURES} trials in a row failed for one reason: {failures[-1]}; mend it, then give the same command"
                )
        else:
            failures.clear()
        ms = trial.more.get("measured_ms", trial.latency_ms)
        what = f"{trial.accuracy:.1%} at {ms:.1f} ms" if trial.accuracy is not None else f"{trial.status}: {trial.reason}"
        listener.step(f"{trial.more.get('origin', f'{trial.phase} {trial.number}')}: {what}")

    return told


def _finalists(task: Task, arms: list[Arm], run: Measure, listener: Listener) -> list[Finalist]:
    ranked = {}
    for arm, wanted in zip(arms, (FINALISTS, RIVALS), strict=True):
        trials = [t for t in arm.phase.records() if t.feasible and t.status == "ok"]
        # By reward; in Pareto mode by accuracy: the most accurate inside the limit is what the last round compares.
        ranked[arm.phase.name] = (sorted(trials, key=lambda t: -(t.values or (0.0,))[0]), wanted)
    return choose_finalists(ranked, task.known(), task.figures, task.request.limits, run, listener.say)


def _last_round(
    task: Task, folder: StudyFolder, ledger: Ledger, engine: LocalEngine, finalists: list[Finalist], listener: Listener
) -> list[Standing]:
    """Train every finalist with fresh seeds; trial n is seed n % seeds of finalist n // seeds."""
    seeds = task.request.final_seeds
    phase = ledger.phase("final", ("maximize",), None, task.request.seed + 1)
    queue = [Genotype.from_yaml(f.genotype) for f in finalists for _ in range(seeds)]

    left = phase.unfinished()

    def draw() -> Asked | None:
        number = len(phase.records())
        if left:
            return left.pop(0)
        return phase.enter(queue[number]) if number < len(queue) else None

    def more(asked: Asked) -> dict[str, Any]:
        f = finalists[asked.number // seeds]
        return {"origin": f.origin, "measured_ms": f.measured.median_ms}

    def record(asked: Asked, told: dict[str, Any]) -> dict[str, Any]:
        found = _recorder(task, more)(asked, told)
        found.pop("constraints")  # known networks are compared even where they are slower than the limit
        return found | ({"values": [told["accuracy"]]} if "values" in found else {})

    arm = Arm(phase, len(queue), draw, _tasker(task, folder, final=True), record, task.request.workers)
    listener.stage("last round", len(queue))
    for _ in range(arm.done):
        listener.step()
    work(engine, [arm], _teller(listener), lambda: False)
    return standings(finalists, phase.records(), seeds)


def _deliver(task: Task, folder: StudyFolder, ranked: list[Standing], best: Standing | None) -> None:
    """`summary.json`, and in `best/` the genotype, weights and card of the winner."""
    write_atomic(folder.path / "summary.json", json.dumps(summary(ranked, best), indent=1) + "\n")
    if best is None:
        return
    place = folder.path / "best"
    place.mkdir(exist_ok=True)
    g = Genotype.from_yaml(best.finalist.genotype)
    write_atomic(place / "genotype.yaml", g.to_yaml())
    weights = folder.trial_folder("final", best.trial) / "weights.safetensors"
    if weights.exists():
        write_atomic(place / "weights.safetensors", weights.read_bytes())
    f, target_ms = best.finalist, task.request.limits.latency_ms
    if target_ms is not None:
        save_card(make_card(g, target_ms, task.device, f.measured, f.predicted), place / "card.json")


def _all_failed(phase: Phase, path: Path) -> str:
    reasons: dict[str, int] = {}
    for trial in phase.records():
        reasons[trial.reason or trial.status] = reasons.get(trial.reason or trial.status, 0) + 1
    most = max(reasons.items(), key=lambda item: item[1], default=("no trial was drawn", 0))
    return f"a search needs at least one network that trains; all {len(phase.records())} of {path} failed, {most[1]} with: {most[0]}"
