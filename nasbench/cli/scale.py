"""scale, scale fit: bigger and smaller networks, along a law or to a latency, and where laws come from."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from nasbench.cli.options.common import DeviceOptions, expanded
from nasbench.cli.options.scale import FactorOptions, KnownLaw, LawOptions, read_recipe
from nasbench.cli.options.search import EngineOptions, TrainingOptions
from nasbench.cli.shared import JSON, MISSED, NAME, as_interrupt, genotype_of, say, show_json
from nasbench.cli.text.scale import show_family, show_fit, show_fit_plan, show_laws, show_scaled
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, cost_of, digest_of, trace
from nasbench.genotype.units import parse_duration, parse_latency
from nasbench.progress import Reporter

if TYPE_CHECKING:
    from nasbench.scaling_fit.config import FitConfig

NETWORK = "network"


class _NetworkOrFit(TyperGroup):
    """`scale NAME` is `scale network NAME`; `scale fit NAME` is itself."""

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
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the scaled network's rows to this file.")] = None,
    targets: Annotated[
        str | None, typer.Option(help="Latencies, such as 5ms,10ms,20ms: a network for each along the law, measured on the device.")
    ] = None,
    study: Annotated[str | None, typer.Option("--name", help="Of the family's folder; made from the network without it.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where families are kept.")] = Path("runs"),
    as_json: bool = JSON,
) -> int:
    """Make a network bigger or smaller, along a law of compound scaling or by factors; or a family for several latencies.

    Exit code 3 if a target was missed when measured.

    Examples: nasbench scale efficientnet_b0 --phi 1; nasbench scale mobilenet_v1 --width 0.75 --resolution 160
    """
    g = genotype_of(name)
    laws = law.laws()
    if targets is not None:
        if factors != FactorOptions() or out is not None:
            raise NasbenchError(
                "--targets finds how far to go; --phi, --size, factors, rounding and --out are for one network; leave them out"
            )
        return _family(g, name, laws, [parse_latency(t) for t in targets.split(",")], device, study, runs, as_json)
    if factors.alone and law != LawOptions():
        raise NasbenchError("--depth, --width and --resolution follow no law; leave them out, or the law")
    scaled = factors.scaled(g, laws[0].law, "total" if law.law else "nearest" if law.spec else "up")
    trace(scaled)  # say now what is wrong with it
    if out is not None:
        from nasbench.files import write_atomic

        write_atomic(out, scaled.to_yaml())
    chosen = None if factors.alone else laws[0]
    if as_json:
        steps = None if chosen is None else factors.steps(chosen.law)
        data = {"name": g.name, "law": chosen and _law(chosen), "phi": steps, "before": _figures(g), "after": _figures(scaled)}
        show_json({**data, "genotype": scaled.to_yaml()})
        return 0
    show_scaled(g, scaled, chosen, None if chosen is None else factors.steps(chosen.law))
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
    latency: Annotated[bool, typer.Option("--latency", help="Double the latency on the device, measured, instead of MACs.")] = False,
    divisor: Annotated[int, typer.Option(help="Of widths.")] = 8,
    time_limit: Annotated[str, typer.Option("--time", help="For the whole fit.")] = "20min",
    study: Annotated[str | None, typer.Option("--name", help="Of the study; made from the network without it.")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Where studies are kept.")] = Path("runs"),
    plan_only: Annotated[bool, typer.Option("--plan", help="Say what would be done and how long it takes, and stop.")] = False,
    as_json: bool = JSON,
) -> None:
    """Search the coefficients of compound scaling: networks of twice the cost, grown in different ways, are trained and compared.

    The same command again goes on where it was stopped.

    Example: nasbench scale fit mobilenet_v2 --time 20m
    """
    g = genotype_of(name)
    seconds = parse_duration(time_limit)
    choice = device.choice()
    runs_on = engine.config(choice)
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
        time_s=seconds,
        workers=engine.workers(runs_on),
        device=choice,
        engine=runs_on,
        recipe=training.read_recipe(),
    )
    run_fit_study(config, study_path(runs, study or config.name()), as_json, plan_only)


def run_fit_study(config: FitConfig, path: Path, as_json: bool, plan_only: bool = False) -> None:
    """Begin a fit, or continue it, and show its result."""
    import json

    from nasbench.analysis.plots.scaling import save_fit
    from nasbench.analysis.study import open_study
    from nasbench.latency import Predictor
    from nasbench.scaling_fit.problem import open_fit_problem
    from nasbench.scaling_fit.run import plan_fit, run_fit
    from nasbench.search.device_profile import obtain_profile, stored_profile
    from nasbench.spaces import load_space
    from nasbench.study.directory import FIT_FILE

    began = time.monotonic()
    signal.signal(signal.SIGTERM, as_interrupt)
    wanted, profile = config.device.resolve()
    problem = open_fit_problem(config, wanted if config.latency else None)
    if config.latency:
        problem = problem if profile is None else problem.predicting(profile)
    elif (known := profile or stored_profile(wanted)) is not None:
        problem = replace(problem, beside=Predictor(known))
    with Reporter() as reporter:
        if plan_only:
            if problem.device is not None and problem.predictor is None:
                problem = problem.predicting(obtain_profile(problem.device, load_space("mbconv"), reporter))
            made, items = plan_fit(problem, reporter, None, time.monotonic() - began)
            if as_json:
                show_json(asdict(made))
            else:
                show_fit_plan(problem, made, items)
            return
        show = (lambda *_: None) if as_json else show_fit_plan
        outcome = run_fit(problem, path, reporter, show, time.monotonic() - began)
    save_fit(open_study(path))
    if as_json:
        show_json({"path": str(path), **json.loads((path / FIT_FILE).read_text())})
    else:
        show_fit(config, outcome, time.monotonic() - began)


def _family(
    g: Genotype,
    name: str,
    laws: Sequence[KnownLaw],
    targets: list[float],
    device: DeviceOptions,
    study: str | None,
    runs: Path,
    as_json: bool,
) -> int:
    from nasbench.analysis.plots.scaling import save_family
    from nasbench.latency import Predictor, is_local, save_profile
    from nasbench.scaling_fit.family import Finder, candidates, deliver_family
    from nasbench.search.device_profile import obtain_profile
    from nasbench.search.measuring import measurer
    from nasbench.spaces import load_space
    from nasbench.study.directory import PROFILE_FILE, StudyDirectory, study_path
    from nasbench.study.measurements import MEASUREMENTS_FILE, Measurements

    if len(set(targets)) != len(targets) or len(targets) > 32:
        raise NasbenchError(f"--targets are at most 32 different latencies; got {len(targets)}; leave some out")
    signal.signal(signal.SIGTERM, as_interrupt)
    law = laws[0].law
    wanted, profile = device.choice().resolve()
    path = study_path(runs, study or f"family-{Path(name).stem}")
    command = {
        "kind": "scale targets",
        "network": name,
        "genotype": g.to_yaml(),
        "targets_ms": sorted(targets),
        "law": [law.alpha, law.beta, law.gamma],
        "device": wanted.key,
        "device_choice": device.choice().to_json(),
    }
    with Reporter() as reporter, StudyDirectory.create(path, command) as folder:
        try:
            profile = profile or obtain_profile(wanted, load_space("mbconv"), reporter)
        except NasbenchError:
            folder.discard()
            raise
        save_profile(profile, path / PROFILE_FILE)
        predictor = Predictor(profile)
        reporter.stage("networks along the law")
        several = candidates(g, law, predictor, min(targets), max(targets))
        kept = Measurements(path / MEASUREMENTS_FILE, profile.reference_ms)
        run = measurer(wanted, reporter.say) if is_local(wanted) else None
        members = Finder(several, targets, run, kept, reporter.say).find()
        rows = deliver_family(path, g, law, members, wanted)
    save_family(path)
    if as_json:
        show_json({"path": str(path), "laws": [_law(one) for one in laws], "members": rows})
    else:
        show_family(g, laws, members, wanted, path)
    return 0 if all(m.kept for m in members) else MISSED


def _figures(g: Genotype) -> dict[str, Any]:
    layers = trace(g)
    return {"input": list(g.input), "digest": digest_of(layers, g.style.init), **asdict(cost_of(layers))}


def _law(one: KnownLaw) -> dict[str, Any]:
    law = one.law
    return {"origin": one.origin, "alpha": law.alpha, "beta": law.beta, "gamma": law.gamma, "growth": law.growth, "fit": one.fit.get("fit")}
