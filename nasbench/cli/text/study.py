"""What plan, search and status print about a study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.cli.shared import console, rows_of, say, table
from nasbench.evaluate.measure import ACCURACY, explained, show_number
from nasbench.genotype import Genotype
from nasbench.genotype.units import show_count, show_duration, show_memory
from nasbench.spaces.text import show_combinations

if TYPE_CHECKING:
    from nasbench.analysis.study import Study
    from nasbench.search.config import SearchConfig
    from nasbench.search.final.finalists import FinalResult
    from nasbench.search.plan import Plan
    from nasbench.search.problem import Problem
    from nasbench.search.run import Outcome

INSIDE = {"inside": "yes", "unsure": "perhaps", "outside": "no"}
EXACT = {"macs": "MACs", "params": "params", "memory": "memory", "size": "size"}  # the limits that need no latency, in words


def show_plan(problem: Problem, plan: Plan) -> None:
    """Print a plan before the first trial."""
    config, space, data = problem.config, plan.space, problem.evaluator.data
    about = "" if config.trials is not None else "about "
    unsure = f", {space.unsure:.0%} unsure" if space.unsure else ""
    which = "all" if space.sampled >= space.count else f"{space.sampled} samples"
    unsure_are = "measured before they are trained" if problem.measurable else "counted as outside, since the device is elsewhere"
    latencies = "not predicted or measured, since nothing asks for it; --latency or --measure do"
    if space.fastest_ms is not None:
        latencies = f"{space.fastest_ms:.1f} ms fastest, {space.median_ms:.1f} ms median, {space.slowest_ms:.1f} ms slowest (predicted)"
        latencies += "" if config.wants_latency else "; nothing is measured, since no latency limit asks for it"
    table(
        ("plan", ""),
        (
            ("space", f"{problem.space.name}: {show_combinations(space.count)} networks"),
            ("device", str(problem.device)),
            ("latency", latencies),
            ("limits", f"{config.limits.describe()}: {space.verdict}" if config.limits.any else "none"),
            ("within them", f"{space.inside:.0%} surely{unsure}, {space.outside:.0%} outside; of {which}"),
            *([("", f"the unsure are {unsure_are}")] if space.unsure else []),
            ("data", data.describe()),
            *(("", line) for line in data.lines),
            (
                "trials",
                f"{about}{plan.trials} by {config.strategy}, {plan.random_trials} at random, {plan.final_runs} in the final round; "
                f"{plan.workers} at a time{config.engine.words()}",
            ),
            *_scores(plan),
            *_proxy(plan),
            ("a trial takes", f"about {show_duration(plan.seconds_per_trial)}{' to its end' if config.rungs else ''}"),
            *_rungs(config, plan),
            *([("then", f"the winner is trained for use for {show_duration(config.training_s)}")] if config.training_s else []),
            ("expected", f"about {plan.expected_s / 60:.1f} minutes"),
        ),
    )
    console.print()


def _scores(plan: Plan) -> list[tuple[str, str]]:
    """What happens before the trials, and what a trial is, where networks are only trained in the final round."""
    if plan.seconds_per_final is None:
        return []
    before = f"for {show_duration(plan.preparing_s)}" if plan.preparing_s else "for a given number of steps"
    return [("first", f"shared weights are trained {before}"), ("each trial", "a score of the network with its slices of them")]


def _proxy(plan: Plan) -> list[tuple[str, str]]:
    """How each network is trained, and how exactly that ranks networks."""
    if plan.proxy is None:
        return []
    measured = "how well it ranks these networks was not measured: the same command with `plan --probe` does, and chooses the training"
    if plan.ranking is not None:
        measured = plan.ranking.words()
    if plan.seconds_per_final is not None:
        return [("final round", f"{plan.proxy.training_words()}; about {show_duration(plan.seconds_per_final)} each")]
    lines = [("each trial", plan.proxy.training_words()), ("ranking", plan.proxy.ranking_words()), ("", measured)]
    return lines + ([("", blind)] if (blind := plan.proxy.blind_words()) else [])


def _rungs(config: SearchConfig, plan: Plan) -> list[tuple[str, str]]:
    """What successive halving makes of it, and how much of the disk it may take."""
    rungs = config.rungs
    if not rungs:
        return []
    after = f"{', '.join(map(str, rungs.epochs[:-1]))} and {rungs.epochs[-1]} epochs"
    checkpoints = rungs.checkpoints(plan.trials) + rungs.checkpoints(plan.random_trials) + plan.workers
    size = checkpoints * plan.largest_params * 4 * (2 if config.recipe.optimizer == "sgd" else 3)
    return [
        ("rungs", f"after {after}; one in {rungs.eta} continues: {rungs.share:.0%} of a whole training on average"),
        ("checkpoints", f"at most {checkpoints} at a time, {show_memory(size)} if all were of the largest network that was sampled"),
    ]


def show_spent(study: Study) -> None:
    """How far each phase trained its networks, where there are rungs."""
    say(*(f"{phase} trained {spent}" for phase, spent in study.spent().items() if spent.of))


def show_outcome(config: SearchConfig, study: Study, outcome: Outcome, seconds: float) -> None:
    """Print the winner, the final round, and what the search was worth."""
    console.print()
    if outcome.winner is None:
        say(*outcome.choice.missed)
        if outcome.choice.unverified is not None:
            _show_unverified(outcome.choice.unverified, outcome.choice.why, config, study)
        elif outcome.choice.noisy:
            say("nothing is delivered: this machine was too noisy to measure; stop other work, then give the same command again")
        else:
            say(f"no network that was found keeps {config.limits.describe()} when measured on this device; allow more, or search longer")
    else:
        _show_winner(outcome.winner, config, study.final_measure)
    show_summary(study)
    show_delivered(study.delivered())
    if not outcome.complete:
        say("not all trials of --trials were evaluated; `nasbench resume` with more --trials or a longer --time searches on")
    say(f"\n{show_duration(seconds)}; study in {study.path}: {', '.join(results(study.path))}")


def show_delivered(summary: Mapping[str, Any]) -> None:
    """Print how good the winner is after its training for use."""
    if not summary:
        return
    kept, test = summary["validation"], summary["test"]
    epochs = "1 epoch" if summary["epochs"] == 1 else f"{summary['epochs']} epochs"
    say("", f"trained for use: {epochs} of {summary['train']['images']} images, recipe {summary['recipe']}")
    if test is not None:
        say(f"test accuracy: {test['accuracy']:.1%} on {test['images']} images, 95 % interval {test['low']:.1%} to {test['high']:.1%}")
    elif kept is not None:
        say(f"validation accuracy: {kept['accuracy']:.1%} on {kept['images']} images; the data have no test images")


def _show_winner(best: FinalResult, config: SearchConfig, measure: str) -> None:
    say("winner", rows_of(Genotype.from_yaml(best.finalist.genotype)), "")
    _show_result(best, latency_rows(best, config.limits.latency_ms), measure)


def _show_unverified(best: FinalResult, why: str, config: SearchConfig, study: Study) -> None:
    """Print the network that is delivered although it could not be measured."""
    from nasbench.search.final.finalists import prediction_text

    f, limit_ms = best.finalist, config.limits.latency_ms or 0.0
    say(why, "")
    say("best network by prediction, not verified", rows_of(Genotype.from_yaml(f.genotype)), "")
    expected = "latency unknown" if f.predicted is None else prediction_text(f.predicted)
    advice = f"stop other work; then `nasbench verify {study.path}` measures it and completes best/card.json"
    _show_result(best, [("latency", f"{expected}; limit {limit_ms:g} ms: NOT VERIFIED"), ("", advice)], study.final_measure)


def latency_rows(best: FinalResult, limit_ms: float | None) -> list[tuple[str, str]]:
    """What is known of a network's latency, beside its limit."""
    from nasbench.search.final.finalists import prediction_text

    f, m = best.finalist, best.again or best.finalist.measured
    limit = f"limit {limit_ms:g} ms: " if limit_ms else "no latency limit"
    if m is None and f.predicted is None:
        return [("latency", "not measured, since no latency limit asks for it; --measure does")]
    if m is None and f.predicted is not None:
        kept = "kept as predicted; `nasbench verify` on that device completes best/card.json" if limit_ms else ", so nothing was measured"
        return [("latency", f"{prediction_text(f.predicted)}; {limit}{kept}")]
    if m is None:
        return []
    kept = f"kept, {m.median_ms / limit_ms:.0%} of it used" if limit_ms else ""
    expected = "" if f.predicted is None else f", {f.predicted.ms:.1f} ms predicted"
    how = f"measured again{' with the delivered weights' if best.weights else ''} before it was delivered; " if best.again else ""
    noisy = f"; noisy: {m.why}" if m.noisy else ""
    return [
        ("latency", f"{m.median_ms:.1f} ms measured [{m.low_ms:.1f}, {m.high_ms:.1f}]{expected}; {limit}{kept}"),
        ("", f"{how}median of {m.n} rounds and its 95 % interval{noisy}"),
    ]


def _show_result(best: FinalResult, latency: list[tuple[str, str]], measure: str) -> None:
    f, seeds = best.finalist, f"mean of {len(best.seeds)} fresh seeds"
    value = show_number(best.accuracy, measure)
    how = f"{explained(measure)}, {seeds}{', same short recipe for all' if measure == ACCURACY else ''}"
    table(
        ("", ""),
        (
            *latency,
            ("size", f"{show_count(f.params)} parameters, {show_count(f.macs)} MACs"),
            (measure, f"{value} {how}"),
        ),
    )
    console.print()


def _within(row: Mapping[str, Any], low_ms: float, high_ms: float, command: Mapping[str, Any]) -> str:
    """Whether a network of the final round is within the limits of a study; empty where nothing is limited, or where it is not known."""
    from nasbench.latency.contract import side

    limit_ms = command.get("latency_ms")
    if exceeded := row.get("exceeded"):
        return f"no: {', '.join(EXACT.get(name, name) for name in exceeded)}"
    if limit_ms is None:
        others = any(command.get(name) for name in ("macs", "params", "memory_bytes", "size_bytes"))
        return "yes" if others and "exceeded" in row else ""  # earlier studies do not say it
    return "" if math.isnan(low_ms) or math.isnan(high_ms) else INSIDE[side(low_ms, high_ms, limit_ms)]


def results(path: Path) -> list[str]:
    """The files in a study's folder that its user may want to open."""
    names = ["front.png", "front.csv", "best/card.json", "best/genotype.yaml", "best/weights.safetensors", "best/preprocess.json"]
    names += [f"best/{name}" for name in ("model.py", "model.onnx", "model_int8.onnx", "predict.py", "MODEL_CARD.md")]
    return [name for name in names if (path / name).exists()]


def show_summary(study: Study) -> None:
    """Print the final round, and in words whether the search was worth it."""
    from nasbench.analysis.final_round import final_network, verdict_lines, verdicts

    rows = study.summary()
    unknown = all(r.get("latency_ms") is None for r in rows)
    limit_ms, measure = study.command.get("latency_ms"), study.final_measure
    shown = []
    for r in rows:
        n = final_network(r)
        test = "" if r.get("test_accuracy") is None else f"{r['test_accuracy']:.1%}"
        spread = f"{show_number(n.accuracy, measure)} ± {show_number((n.best - n.worst) / 2, measure)}"
        name = f"{r['network']}{'  <- winner' if n.winner else '  <- not verified' if r.get('unverified') else ''}"
        latency = "unknown" if math.isnan(n.latency_ms) else f"{n.latency_ms:.1f} ms"
        inside = _within(r, n.low_ms, n.high_ms, study.command)
        shown.append((name, spread, test, latency, inside, show_count(r.get("macs", 0)), show_count(r.get("params", 0))))
    table(
        (
            "final round",
            f">{measure}",
            ">test",
            ">latency" if unknown else ">measured" if all(r.get("measured", True) for r in rows) else ">predicted",
            "in limit",
            ">MACs",
            ">params",
        ),
        shown,
    )
    console.print()
    verdict = study.verdict()
    say(*(verdict_lines(verdict, measure) if verdict else verdicts(rows, limit_ms, measure)))
    show_spent(study)
