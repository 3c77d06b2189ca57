"""The output of `scale` and `scale fit`."""

from __future__ import annotations

import math
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
    from nasbench.scaling_fit.candidates import Candidate
    from nasbench.scaling_fit.config import FitConfig
    from nasbench.scaling_fit.curves import CurvePoint
    from nasbench.scaling_fit.family.member import Member
    from nasbench.scaling_fit.outcome import FitOutcome
    from nasbench.scaling_fit.plan import FitPlan
    from nasbench.scaling_fit.problem import FitProblem

DOUBTFUL = 0.05  # p values of the test for lack of fit below which the surface is called rough


def show_scaled(before: Genotype, after: Genotype, known: KnownLaw | None, phi: float | None) -> None:
    """Print a network and its scaled form side by side; `known` and `phi` are the law and the steps, if there is a law."""
    if known is not None and phi is not None:
        law, factors = known.law, known.law.factors(phi)
        say(f"{before.name}, {known.origin} law: {law}; a step multiplies MACs by {law.growth:.3g} before rounding")
        say(
            f"phi {phi:.4g}: depth times {factors.depth:.4g}, width times {factors.width:.4g}, resolution times {factors.resolution:.4g}",
            "",
        )
    else:
        say(before.name, "")
    a, b = cost(before), cost(after)
    blocks = [sum(block.repeat for stage in g.stages for block in stage) for g in (before, after)]
    counts = (("layers", a.depth, b.depth), ("parameters", a.params, b.params), ("MACs", a.macs, b.macs))
    rows = [
        ("input", show_shape(before.input), show_shape(after.input), f"{after.input[1] / before.input[1]:.3f}"),
        ("blocks in stages", f"{blocks[0]}", f"{blocks[1]}", f"{blocks[1] / blocks[0]:.3f}" if blocks[0] else ""),
        *((name, f"{x:,}", f"{y:,}", f"{y / x:.3f}") for name, x, y in (*counts, ("activations", a.activations, b.activations))),
        ("memory to run", show_memory(a.peak_bytes), show_memory(b.peak_bytes), f"{b.peak_bytes / a.peak_bytes:.3f}"),
    ]
    table(("metric", ">before", ">after", ">times"), rows)


def show_laws(laws: Sequence[KnownLaw]) -> None:
    """Print the coefficients of laws side by side; those of fits have intervals."""
    rows = []
    for known in laws:
        law, fit = known.law, known.fit.get("fit")
        if fit:
            coefficients = [_interval(fit[name]) for name in ("alpha", "beta", "gamma")]
        else:
            coefficients = [f"{value:.3f}" for value in (law.alpha, law.beta, law.gamma)]
        rows.append((known.origin, *coefficients, f"{law.growth:.3f}", f"{fit['trials']}" if fit else ""))
    table(("law", ">alpha (depth)", ">beta (width)", ">gamma (resolution)", ">MACs of a step", ">trials"), rows)


def _interval(data: Any) -> str:
    return f"{data['value']:.3f} [{data['low']:.3f}, {data['high']:.3f}]"


def show_fit_plan(problem: FitProblem, plan: FitPlan, lattice: Sequence[Candidate]) -> None:
    """Print the plan of a fit; `lattice` are the networks of twice the cost."""
    from nasbench.scaling_fit.plan import ways_to_less

    config = problem.config
    largest = max(candidate.deviation for candidate in lattice)
    outside = sum(not candidate.within_tolerance for candidate in lattice)
    base_cost = f"{plan.base_cost:.2f} ms" if config.latency else f"{show_count(plan.base_cost)} MACs"
    sizes = ", ".join(f"{size:g}" for size in plan.sizes)
    deviation = f"the networks are within {largest:.1%}" + (f", {outside} of them beyond 10 %" if outside else "")
    table(
        ("plan", ""),
        (
            ("network", f"{problem.base.name}, input {show_shape(problem.base.input)}: {base_cost}"),
            *([("device", str(problem.device))] if config.latency else []),
            ("what doubles", f"{config.cost}; {deviation}"),
            ("data", problem.evaluator.data.describe()),
            ("directions", f"{plan.points} shares of depth, width and resolution, {plan.seeds} seeds each: {plan.grid_trials} trials"),
            ("curves", f"at {sizes} times the cost, {plan.curve_seeds} fresh seeds each: {plan.curve_trials} trials"),
            ("a trial takes", f"about {plan.trial_s:.0f} s at twice the cost; {plan.workers} at a time"),
            ("expected", f"about {plan.expected_s / 60:.1f} minutes; at most {show_duration(config.time_s)} in all"),
        ),
    )
    if plan.needed_s > config.time_s:
        say("", f"this is the smallest plan, and it needs about {math.ceil(plan.needed_s / 60)} min: {ways_to_less(problem)}")
    console.print()


def show_fit(config: FitConfig, outcome: FitOutcome, seconds: float) -> None:
    """Print the result of a fit, which took `seconds`."""
    fit = outcome.fit
    say("", f"the law, from {fit.trials} trials of {fit.points} directions; 95 % intervals by bootstrap", "")
    axes = (
        ("depth", fit.depth, "alpha", fit.alpha),
        ("width", fit.width, "beta", fit.beta),
        ("resolution", fit.resolution, "gamma", fit.gamma),
    )
    rows = [(axis, f"{share}", f"{name} {coefficient}") for axis, share, name, coefficient in axes]
    table(("axis", "share of the growth", "coefficient of a step"), rows)
    product = f"alpha * beta^2 * gamma^2 = {fit.growth:.3f}"
    say("", f"a step doubles {config.cost}; {product}{' times the MACs' if config.latency else ''}")
    say(f"the cost of each network differs by at most {outcome.largest_deviation:.1%} from the wanted one; accuracies are corrected for it")
    say(
        f"when the cost doubles, accuracy changes by {100 * outcome.gain:+.2f} points on average over all directions; the surface spans "
        f"{100 * fit.spread:.2f} points, and the trials deviate from it by {100 * fit.sigma:.2f} (standard deviation)"
    )
    if fit.lack is not None and fit.lack < DOUBTFUL:
        say(
            f"the means of the directions differ from the surface by more than the seeds explain (p = {fit.lack:.3f}): its best point is "
            "uncertain"
        )
    console.print()
    _show_curves(outcome.points, config.cost)
    say("", "the fitted direction compared with each axis alone, with 95 % intervals")
    for d in outcome.differences:
        say(f"  {d.size:g} times, against {d.against}: {100 * d.value:+.2f} points [{100 * d.low:+.2f}, {100 * d.high:+.2f}]: {d.verdict}")
    if not outcome.complete:
        say("", "the time limit ended the fit before all planned trials; the same command with a longer --time continues it")
    say("", f"{show_duration(seconds)}; study in {outcome.path}: fit.json, scaling.png, curves.csv")


def _show_curves(points: Sequence[CurvePoint], cost_name: str) -> None:
    """Print a table of accuracies: one line for each direction, one column for each size."""
    by_place = {(point.direction, point.size): point for point in points}
    directions, sizes = dict.fromkeys(direction for direction, _ in by_place), sorted({size for _, size in by_place})

    def cell(direction: str, size: float) -> str:
        point = by_place.get((direction, size))
        if point is None:
            return ""
        return f"{point.accuracy:.1%}" + (f" ± {point.half:.1%}" if len(point.accuracies) > 1 else "")

    table(
        ("accuracy, fresh seeds", *(f">{size:g} times the {cost_name}" for size in sizes)),
        ((direction, *(cell(direction, size) for size in sizes)) for direction in directions),
    )


def show_family(base: Genotype, laws: Sequence[KnownLaw], members: Sequence[Member], device: Device, path: Path) -> None:
    """Print the members of a family, and the laws."""
    say(f"{base.name} along {laws[0].origin} law, on {device}", "")
    columns = ("limit", ">measured again", ">used", ">phi", "depth, width, side", ">MACs", ">params", "")
    table(columns, [_member(member) for member in members])
    console.print()
    show_laws(laws)
    say("", f"{path}: family.json, family.png, and genotype.yaml and card.json of each member; `nasbench verify` measures a card again")


def _member(member: Member) -> tuple[str, ...]:
    """A line of the table of members."""
    from nasbench.scaling_fit.family.member import LEAST_USED

    limit, candidate, again = f"{member.limit_ms:g} ms", member.candidate, member.again
    if candidate is None:
        return (limit, "", "", "", "", "", "", member.why)
    counts, factors = cost(candidate.genotype), candidate.factors
    return (
        limit,
        f"{candidate.predicted.ms:.2f} ms predicted"
        if again is None
        else f"{again.median_ms:.2f} [{again.low_ms:.2f}, {again.high_ms:.2f}]",
        f"{member.used:.0%}",
        f"{candidate.phi:.2f}",
        f"{factors.depth:.2f}, {factors.width:.2f}, {candidate.genotype.input[1]} px",
        show_count(counts.macs),
        show_count(counts.params),
        "kept" if member.kept else f"less than {LEAST_USED:.0%} used",
    )
