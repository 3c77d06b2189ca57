"""scale, scale fit: larger and smaller networks along a law or for latency limits, and the search for a law."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from nasbench.cli.interrupts import kept_by, on_interrupt
from nasbench.cli.options.common import DeviceOptions, expanded
from nasbench.cli.options.scale import FactorOptions, KnownLaw, LawOptions, read_recipe
from nasbench.cli.options.search import EngineOptions, TrainingOptions
from nasbench.cli.shared import JSON, MISSED, NAME, genotype_of, say, show_json
from nasbench.cli.text.scale import show_family, show_fit, show_fit_plan, show_laws, show_scaled
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, cost_of, digest_of, trace
from nasbench.genotype.units import parse_duration, parse_latency
from nasbench.progress import Reporter

if TYPE_CHECKING:
    from nasbench.scaling_fit.config import FitConfig

NETWORK = "network"


class _NetworkOrFit(TyperGroup):
    """Reads `scale NAME` as `scale network NAME`, and `scale fit NAME` as it is."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [NETWORK, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_NetworkOrFit,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Scale a network in depth, width and resolution. `scale NAME --help` lists the options.\n\n"
    "Examples: nasbench scale efficientnet_b0 --phi 1; nasbench scale mobilenet_v2 --targets 5ms,10ms,20ms,40ms",
)


@app.command(NETWORK)
@expanded
def network(
    factors: FactorOptions,
    law: LawOptions,
    device: DeviceOptions,
    name: str = NAME,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the scaled network to this YAML file.")] = None,
    targets: Annotated[
        str | None,
        typer.Option(help="Latency limits, such as 5ms,10ms,20ms: find a network along the law for each, measured on the device."),
    ] = None,
    study: Annotated[str | None, typer.Option("--name", help="Name of the family's folder; by default made from the network.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where families are kept.")] = Path("runs"),
    as_json: bool = JSON,
) -> int:
    """Make a network larger or smaller, by factors or along a law of compound scaling; or find a family for several latency limits.

    Exit code 3 if no network was found for one of the limits.

    Examples: nasbench scale efficientnet_b0 --phi 1; nasbench scale mobilenet_v1 --width 0.75 --resolution 160
    """
    g = genotype_of(name)
    laws = law.laws()
    if targets is not None:
        if factors != FactorOptions() or out is not None:
            raise NasbenchError(
                "--targets finds how far to scale; --phi, --size, factors, rounding and --out are for a single network; leave them out"
            )
        return _family(g, name, laws, [parse_latency(target) for target in targets.split(",")], device, study, runs, as_json)
    if factors.alone and law != LawOptions():
        raise NasbenchError("--depth, --width and --resolution follow no law; leave them out, or the law")
    scaled = factors.scaled(g, laws[0].law, "total" if law.law else "nearest" if law.spec else "up")
    trace(scaled)  # report now what is wrong with it
    if out is not None:
        from nasbench.files import write_atomic

        write_atomic(out, scaled.to_yaml())
    used = None if factors.alone else laws[0]
    phi = None if used is None else factors.steps(used.law)
    if as_json:
        data = {"name": g.name, "law": used and _law_json(used), "phi": phi, "before": _metrics(g), "after": _metrics(scaled)}
        show_json({**data, "genotype": scaled.to_yaml()})
        return 0
    show_scaled(g, scaled, used, phi)
    if len(laws) > 1:
        show_laws(laws)
    if out is not None:
        say(f"wrote {out}")
    return 0


@app.command()
@expanded
def fit(
    training: TrainingOptions,
    engine: EngineOptions,
    device: DeviceOptions,
    name: Annotated[
        str,
        typer.Argument(
            callback=read_recipe, is_eager=True, help="A known network, a genotype's .yaml file, or a recipe: a .yaml with `network: ...`."
        ),
    ],
    latency: Annotated[
        bool, typer.Option("--latency", help="Double the measured latency on the device; by default the MACs double.")
    ] = False,
    divisor: Annotated[int, typer.Option(help="Widths are multiples of it.")] = 8,
    time_limit: Annotated[str, typer.Option("--time", help="Time for the whole fit, such as 20min.")] = "20min",
    study: Annotated[str | None, typer.Option("--name", help="Name of the study; by default made from the network.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where studies are kept.")] = Path("runs"),
    plan_only: Annotated[bool, typer.Option("--plan", help="Say what would be done and how long it takes, and stop.")] = False,
    as_json: bool = JSON,
) -> None:
    """Search for the coefficients of compound scaling: train and compare networks of twice the cost that grew in different directions.

    The same command again continues where it was stopped.

    Example: nasbench scale fit mobilenet_v2 --time 20m
    """
    g = genotype_of(name)
    time_s = parse_duration(time_limit)
    device_config = device.choice()
    engine_config = engine.config(device_config)
    from nasbench.engines.ray.addresses import remember_address
    from nasbench.scaling_fit.config import FitConfig
    from nasbench.study.directory import study_path

    config = FitConfig(
        network=name,
        genotype=g,
        latency=latency,
        divisor=divisor,
        data=training.data,
        data_root=training.data_root,
        seed=training.seed,
        time_s=time_s,
        workers=engine.workers(engine_config),
        device=device_config,
        engine=engine_config,
        recipe=training.read_recipe(),
        open_fields=training.open_fields(),
    )
    remember_address(engine_config.address)
    run_fit_study(config, study_path(runs, study or config.name()), as_json, plan_only)


def run_fit_study(config: FitConfig, path: Path, as_json: bool, plan_only: bool = False) -> None:
    """Begin a fit, or continue it, and show its result."""
    import json

    from nasbench.analysis.plots.scaling import save_fit
    from nasbench.analysis.study import open_study
    from nasbench.latency import Predictor
    from nasbench.scaling_fit.plan import plan_fit
    from nasbench.scaling_fit.problem import open_fit_problem
    from nasbench.scaling_fit.run import run_fit, with_profile
    from nasbench.search.device_profile import stored_profile
    from nasbench.study.directory import FIT_FILE, STUDY_FILE

    began = time.monotonic()
    if (path / STUDY_FILE).is_file():
        config = config.continuing(open_study(path).command)
    device, profile = config.device.resolve()
    problem = open_fit_problem(config, device if config.latency else None)
    profile = profile if config.latency else profile or stored_profile(device)
    if profile is not None:
        problem = problem.predicting(profile) if config.latency else replace(problem, beside=Predictor(profile))
    with on_interrupt(lambda: kept_by(path)), Reporter() as reporter:
        if plan_only:
            problem = with_profile(problem, reporter)
            plan, lattice = plan_fit(problem, reporter, time.monotonic() - began)
            if as_json:
                show_json(asdict(plan))
            else:
                reporter.without_bar(show_fit_plan)(problem, plan, lattice)
            return
        show_plan = (lambda *_: None) if as_json else reporter.without_bar(show_fit_plan)
        outcome = run_fit(problem, path, reporter, show_plan, time.monotonic() - began)
    save_fit(open_study(path))
    if as_json:
        show_json({"path": str(path), **json.loads((path / FIT_FILE).read_text())})
    else:
        show_fit(config, outcome, time.monotonic() - began)


def _family(
    g: Genotype,
    name: str,
    laws: Sequence[KnownLaw],
    limits_ms: list[float],
    device: DeviceOptions,
    study: str | None,
    runs: Path,
    as_json: bool,
) -> int:
    """Find a family along the first law, and show it."""
    from nasbench.analysis.plots.scaling import save_family
    from nasbench.scaling_fit.family.run import FamilyConfig, run_family
    from nasbench.study.directory import study_path

    config = FamilyConfig(network=name, genotype=g, law=laws[0].law, limits_ms=tuple(limits_ms), device=device.choice())
    resolved, profile = config.device.resolve()
    path = study_path(runs, study or config.name())
    with Reporter() as reporter:
        outcome = run_family(config, path, resolved, profile, reporter)
    save_family(path)
    if as_json:
        show_json({"path": str(path), "laws": [_law_json(law) for law in laws], "members": outcome.rows})
    else:
        show_family(g, laws, outcome.members, resolved, path)
    return 0 if all(member.kept for member in outcome.members) else MISSED


def _metrics(g: Genotype) -> dict[str, Any]:
    layers = trace(g)
    return {"input": list(g.input), "digest": digest_of(layers, g.style.init), **asdict(cost_of(layers))}


def _law_json(known: KnownLaw) -> dict[str, Any]:
    """A law for scripts; `fit` is the result of the fit that found it."""
    law = known.law
    coefficients = {"alpha": law.alpha, "beta": law.beta, "gamma": law.gamma, "growth": law.growth}
    return {"origin": known.origin, **coefficients, "fit": known.fit.get("fit")}
