"""What `scale` and `scale fit` print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.cli.options.scale import KnownLaw
from nasbench.cli.shared import console, say, table
from nasbench.genotype import Genotype, cost
from nasbench.genotype.text import show_shape
from nasbench.genotype.units import show_count, show_duration, show_memory

if TYPE_CHECKING:
    from nasbench.latency import Device
    from nasbench.scaling_fit.candidates import Item
    from nasbench.scaling_fit.config import FitConfig
    from nasbench.scaling_fit.family import Member
    from nasbench.scaling_fit.plan import FitPlan
    from nasbench.scaling_fit.problem import FitProblem
    from nasbench.scaling_fit.run import FitOutcome


def show_scaled(before: Genotype, after: Genotype, chosen: KnownLaw | None, phi: float | None) -> None:
    """A network and what scaling made of it, side by side."""
    if chosen is not None and phi is not None:
        f = chosen.law.factors(phi)
        say(f"{before.name}, {chosen.origin} law: {chosen.law}; a step multiplies MACs by {chosen.law.growth:.3g} before rounding")
        say(f"phi {phi:.4g}: depth times {f.depth:.4g}, width times {f.width:.4g}, resolution times {f.resolution:.4g}", "")
    else:
        say(before.name, "")
    a, b = cost(before), cost(after)
    rows = [(label, f"{x:,}", f"{y:,}", f"{y / x:.3f}") for label, x, y in _counts(a, b)]
    memory = ("memory to run", show_memory(a.peak_bytes), show_memory(b.peak_bytes), f"{b.peak_bytes / a.peak_bytes:.3f}")
    side = ("input", show_shape(before.input), show_shape(after.input), f"{after.input[1] / before.input[1]:.3f}")
    blocks = [sum(row.repeat for stage in g.stages for row in stage) for g in (before, after)]
    repeats = ("blocks in stages", f"{blocks[0]}", f"{blocks[1]}", f"{blocks[1] / blocks[0]:.3f}" if blocks[0] else "")
    table(("figure", ">before", ">after", ">times"), (side, repeats, *rows, memory))


def _counts(a: Any, b: Any) -> tuple[tuple[str, int, int], ...]:
    return (
        ("layers", a.depth, b.depth),
        ("parameters", a.params, b.params),
        ("MACs", a.macs, b.macs),
        ("activations", a.activations, b.activations),
    )


def show_laws(laws: Sequence[KnownLaw]) -> None:
    """Coefficients side by side, those of fits with their intervals."""
    rows = []
    for one in laws:
        fit = one.fit.get("fit")
        words = [_interval(fit[name]) for name in ("alpha", "beta", "gamma")] if fit else None
        words = words or [f"{value:.3f}" for value in (one.law.alpha, one.law.beta, one.law.gamma)]
        rows.append((one.origin, *words, f"{one.law.growth:.3f}", f"{fit['trials']}" if fit else ""))
    table(("law", ">alpha (depth)", ">beta (width)", ">gamma (resolution)", ">MACs of a step", ">trials"), rows)


def _interval(data: Any) -> str:
    return f"{data['value']:.3f} [{data['low']:.3f}, {data['high']:.3f}]"


def show_fit_plan(problem: FitProblem, made: FitPlan, items: Sequence[Item]) -> None:
    r = problem.config
    worst = max(abs(i.candidate.ratio / i.candidate.size - 1) for i in items)
    out = sum(not i.candidate.honoured for i in items)
    base = f"{made.base_cost:.2f} ms" if r.latency else f"{show_count(made.base_cost)} MACs"
    sizes = ", ".join(f"{size:g}" for size in made.sizes)
    table(
        ("plan", ""),
        (
            ("network", f"{problem.base.name}, input {show_shape(problem.base.input)}: {base}"),
            *([("device", str(problem.device))] if r.latency else []),
            (
                "what doubles",
                f"{'latency' if r.latency else 'MACs'}; the networks are within {worst:.1%}{f', {out} beyond 10 %' if out else ''}",
            ),
            ("data", problem.evaluator.data.describe()),
            ("directions", f"{made.points} shares of depth, width and resolution, {made.seeds} seeds each: {made.grid_trials} trials"),
            ("curves", f"at {sizes} times the cost, {made.curve_seeds} fresh seeds each: {made.curve_trials} trials"),
            ("a trial takes", f"about {made.seconds['2']:.0f} s at twice the cost; {made.workers} at a time"),
            ("expected", f"about {made.expected_s / 60:.1f} minutes; at most {show_duration(r.time_s)} in all"),
        ),
    )
    console.print()


def show_fit(config: FitConfig, outcome: FitOutcome, seconds: float) -> None:
    fit = outcome.fit
    kind = "latency" if config.latency else "MACs"
    say("", f"the law, from {fit.trials} trials of {fit.points} directions; 95 % intervals by bootstrap", "")
    rows = [
        (axis, f"{share}", f"{name} {coefficient}")
        for axis, share, name, coefficient in (
            ("depth", fit.depth, "alpha", fit.alpha),
            ("width", fit.width, "beta", fit.beta),
            ("resolution", fit.resolution, "gamma", fit.gamma),
        )
    ]
    table(("axis", "share of the growth", "coefficient of a step"), rows)
    product = f"alpha * beta^2 * gamma^2 = {fit.growth:.3f}"
    say("", f"a step doubles {kind}; {product}{'' if not config.latency else ' times the MACs'}")
    say(f"each network's {kind} was within {outcome.off:.1%} of what was asked, and its accuracy is corrected for that")
    say(
        f"one doubling brought {100 * outcome.gain:+.2f} points, mean over all directions; the surface spans {100 * fit.spread:.2f}, "
        f"a trial's spread around it is {100 * fit.sigma:.2f}"
    )
    if fit.lack is not None and fit.lack < 0.05:
        say(f"the directions' means depart from the surface by more than the seeds explain (p {fit.lack:.3f}): its best point is rough")
    console.print()
    points = {(p.direction, p.size): p for p in outcome.points}
    names, sizes = dict.fromkeys(name for name, _ in points), sorted({size for _, size in points})

    def cell(name: str, size: float) -> str:
        p = points.get((name, size))
        return "" if p is None else f"{p.accuracy:.1%}" + (f" ± {p.half:.1%}" if len(p.accuracies) > 1 else "")

    table(
        ("accuracy, fresh seeds", *(f">{size:g} times the {kind}" for size in sizes)),
        ((name, *(cell(name, size) for size in sizes)) for name in names),
    )
    say("", "the fitted direction against each axis alone, with 95 % intervals")
    for d in outcome.differences:
        say(f"  {d.size:g} times, against {d.against}: {100 * d.value:+.2f} points [{100 * d.low:+.2f}, {100 * d.high:+.2f}]: {d.verdict}")
    if not outcome.complete:
        say("", "the time limit ended the fit before all planned trials; the same command with a longer --time goes on")
    say("", f"{show_duration(seconds)}; study in {outcome.path}: fit.json, scaling.png, curves.csv")


def show_family(base: Genotype, laws: Sequence[KnownLaw], members: Sequence[Member], device: Device, path: Path) -> None:
    from nasbench.scaling_fit.family import LEAST_USED

    say(f"{base.name} along {laws[0].origin} law, on {device}", "")
    rows = []
    for m in members:
        if m.grown is None:
            rows.append((f"{m.target_ms:g} ms", "", "", "", "", "", "", m.why))
            continue
        c, counted = m.grown, cost(m.grown.genotype)
        f = c.factors
        ms = (
            f"{c.predicted.ms:.2f} ms predicted"
            if m.again is None
            else f"{m.again.median_ms:.2f} [{m.again.low_ms:.2f}, {m.again.high_ms:.2f}]"
        )
        rows.append(
            (
                f"{m.target_ms:g} ms", ms, f"{m.used:.0%}", f"{c.phi:.2f}", f"{f.depth:.2f}, {f.width:.2f}, {c.genotype.input[1]} px",
                show_count(counted.macs), show_count(counted.params), "kept" if m.kept else f"less than {LEAST_USED:.0%} used",
            )
        )  # fmt: skip
    table(("target", ">measured again", ">used", ">phi", "depth, width, side", ">MACs", ">params", ""), rows)
    console.print()
    show_laws(laws)
    say("", f"{path}: family.json, family.png; each member's genotype.yaml and card.json, which `nasbench verify` measures again")
