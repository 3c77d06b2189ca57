"""What plan, search and status print about a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nasbench.cli.shared import console, rows_of, say, table
from nasbench.cli.spaces import count_words
from nasbench.genotype import Genotype
from nasbench.genotype.units import show_count, show_duration, show_memory

if TYPE_CHECKING:
    from nasbench.analysis.study import Study
    from nasbench.search.config import SearchConfig
    from nasbench.search.plan import Plan
    from nasbench.search.problem import Problem
    from nasbench.search.run import Outcome


def show_plan(task: Problem, made: Plan) -> None:
    request = task.request
    about = "" if request.trials is not None else "about "
    unsure = f", {made.unsure:.0%} unsure" if made.unsure else ""
    which = "all" if made.sampled >= made.count else f"{made.sampled} samples"
    table(
        ("plan", ""),
        (
            ("space", f"{task.space.name}: {count_words(made.count)} networks"),
            ("device", str(task.device)),
            ("latency", f"{made.fastest_ms:.1f} ms fastest, {made.median_ms:.1f} ms median, {made.slowest_ms:.1f} ms slowest (predicted)"),
            ("limits", f"{request.limits.describe()}: {made.verdict}" if request.limits.any else "none"),
            ("within them", f"{made.inside:.0%} surely{unsure}, {made.outside:.0%} outside; of {which}"),
            *([("", "the unsure are measured before they are trained")] if made.unsure and task.measurable else []),
            *([("", "the device is elsewhere: the unsure count as outside")] if made.unsure and not task.measurable else []),
            ("data", f"{task.images}; {task.train_images} to train, the rest to validate"),
            (
                "trials",
                f"{about}{made.trials} by {request.strategy}, as many at random, {made.final_runs} at last; {made.workers} at a time"
                f"{request.engine.words()}",
            ),
            ("a trial takes", f"about {show_duration(made.seconds_per_trial)}{' to its end' if request.rungs else ''}"),
            *_rungs(request, made),
            ("expected", f"about {made.expected_s / 60:.1f} minutes"),
        ),
    )
    console.print()


def _rungs(request: SearchConfig, made: Plan) -> list[tuple[str, str]]:
    """What successive halving makes of it, and how much of the disk it may take."""
    rungs = request.rungs
    if not rungs:
        return []
    after = f"{', '.join(map(str, rungs.epochs[:-1]))} and {rungs.epochs[-1]} epochs"
    checkpoints = 2 * rungs.kept(made.trials) + made.workers
    size = checkpoints * made.largest_params * 4 * (2 if request.recipe.optimizer == "sgd" else 3)
    return [
        ("rungs", f"after {after}; one in {rungs.eta} goes on: {rungs.share:.0%} of a whole training on average"),
        ("checkpoints", f"at most {checkpoints} at a time, {show_memory(size)} if all were of the largest network that was sampled"),
    ]


def show_spent(study: Study) -> None:
    """How far each arm trained its networks, where there are rungs."""
    say(*(f"{phase} trained {spent}" for phase, spent in study.spent().items() if spent.of))


def show_outcome(request: SearchConfig, study: Study, outcome: Outcome, seconds: float) -> None:
    console.print()
    best = outcome.winner
    if best is None:
        for line in outcome.promise.missed:
            say(line)
        if outcome.promise.noisy:
            say("nothing is promised: this machine was too noisy to measure; stop other work, then give the same command again")
        else:
            say(f"no network that was found keeps {request.limits.describe()} when measured on this device; allow more, or search longer")
    else:
        f, m = best.finalist, best.again or best.finalist.measured
        say("winner", rows_of(Genotype.from_yaml(f.genotype)), "")
        budget = f"budget {request.limits.latency_ms:g} ms: " if request.limits.latency_ms else "no latency budget"
        if m is None:
            p = f.predicted
            kept = "kept as predicted; `nasbench verify` on that device completes best/card.json" if request.limits.latency_ms else ""
            latency = [("latency", f"{p.ms:.1f} ms predicted [{p.low_ms:.1f}, {p.high_ms:.1f}]; {budget}{kept}")]
        else:
            kept = f"kept, {m.median_ms / request.limits.latency_ms:.0%} of it used" if request.limits.latency_ms else ""
            said = f"{m.median_ms:.1f} ms measured [{m.low_ms:.1f}, {m.high_ms:.1f}], {f.predicted.ms:.1f} ms predicted; {budget}{kept}"
            how = "measured again before it was handed over; " if best.again else ""
            latency = [
                ("latency", said),
                ("", f"{how}median of {m.n} rounds and its 95 % interval{'; noisy: ' + m.why if m.noisy else ''}"),
            ]
        table(
            ("", ""),
            (
                *latency,
                ("size", f"{show_count(f.params)} parameters, {show_count(f.macs)} MACs"),
                ("accuracy", f"{best.accuracy:.1%} on validation images, mean of {len(best.seeds)} fresh seeds, same short recipe for all"),
            ),
        )
        console.print()
    show_summary(study)
    if not outcome.complete:
        say("the time limit ended the search before all planned trials; a longer --time with another --name does more")
    say(f"\n{show_duration(seconds)}; study in {study.path}: {', '.join(results(study.path))}")


def results(path: Path) -> list[str]:
    """The files in a study's folder that its user may want to open."""
    names = ("front.png", "front.csv", "best/card.json", "best/genotype.yaml", "best/weights.safetensors")
    return [name for name in names if (path / name).exists()]


def show_summary(study: Study) -> None:
    """The last round, and in words whether the search was worth it."""
    from nasbench.analysis.final_round import verdicts

    rows = study.summary()
    target = study.command.get("latency_ms")
    shown = []
    for r in rows:
        inside = "" if target is None else "yes" if r["latency_high_ms"] <= target else "perhaps" if r["latency_low_ms"] <= target else "no"
        test = f"{r['test_accuracy']:.1%}" if r["test_accuracy"] is not None else ""
        spread = f"{r['accuracy']:.1%} ± {(max(r['accuracy_seeds']) - min(r['accuracy_seeds'])) / 2:.1%}"
        name = f"{r['network']}{'  <- winner' if r['winner'] else ''}"
        shown.append((name, spread, test, f"{r['latency_ms']:.1f} ms", inside, show_count(r["macs"]), show_count(r["params"])))
    table(
        (
            "last round",
            ">accuracy",
            ">test",
            ">measured" if all(r.get("measured", True) for r in rows) else ">predicted",
            "in budget",
            ">MACs",
            ">params",
        ),
        shown,
    )
    console.print()
    say(*verdicts(rows, target))
    show_spent(study)
