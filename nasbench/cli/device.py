"""The commands `device profile`, `list`, `show` and `check`: how fast a device is, and how well its profile predicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli.options.common import DeviceOptions, Space, expanded
from nasbench.cli.shared import JSON, console, say, show_json, table
from nasbench.errors import DeviceError, nearest
from nasbench.progress import Reporter

if TYPE_CHECKING:
    from nasbench.latency import CheckReport, Device, Predictor, Profile

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Profile a device.\n\nExample: nasbench device profile --space mbconv")


@app.command()
@expanded
def profile(
    device: DeviceOptions,
    space: Space = "mbconv",
    again: Annotated[bool, typer.Option(help="Measure again even if a profile is stored.")] = False,
    base: Annotated[Path | None, typer.Option("--from", help="Adapt this profile of another device, with few measurements.")] = None,
    networks: Annotated[int | None, typer.Option(help="Networks to measure for a new profile; default: 56, or 16 to adapt one.")] = None,
    as_json: bool = JSON,
) -> None:
    """Measure how long layers and networks take on this machine; `search` does it when needed. A killed profiling is resumed.

    Example: nasbench device profile --space mbconv --runtime onnxruntime
    """
    from nasbench.spaces import load_space

    loaded_space = load_space(space)
    target, _ = device.choice().resolve()
    from nasbench.latency import Predictor, load_profile, profile_path
    from nasbench.search.device_profile import obtain_profile

    other = load_profile(base) if base is not None else None

    with Reporter() as reporter:
        result = obtain_profile(target, loaded_space, reporter, again=again or other is not None, base=other, networks=networks)
    _show_profile(result, Predictor(result), profile_path(target), as_json)


@app.command("list")
def list_command(as_json: bool = JSON) -> None:
    """List the stored profiles.

    Example: nasbench device list
    """
    from nasbench.latency import Profile, is_local, stored_profiles

    stored = stored_profiles()
    good = [(path, p) for path, p in stored if isinstance(p, Profile)]
    bad = [(path, p) for path, p in stored if not isinstance(p, Profile)]
    if as_json:
        data = [{"file": str(path), "device": p.device.to_json(), "made": p.made, "networks": len(p.networks)} for path, p in good]
        show_json([*data, *({"file": str(path), "not_usable": str(error)} for path, error in bad)])
        return
    if not stored:
        console.print("no profile is stored; `nasbench device profile` makes one")
        return
    rows = ((str(p.device), "yes" if is_local(p.device) else "no", p.made, len(p.networks), path.stem) for path, p in good)
    table(("device", "here", "made", ">networks", "key"), rows)
    for _, error in bad:
        say(f"not usable: {error}")


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="[FILE|KEY]", help="A profile's file or its key in `device list`.")] = None,
    as_json: bool = JSON,
) -> None:
    """Show a profile: its device and date, and how long its networks take. Default: the profile of this machine's CPU.

    Example: nasbench device show
    """
    path = _stored_path(name)
    from nasbench.latency import Predictor, load_profile

    stored = load_profile(path)
    _show_profile(stored, Predictor(stored), path, as_json)
    if not as_json:
        rows = ((n.name, f"{n.ms:.2f} ms", f"{n.low_ms:.2f} to {n.high_ms:.2f}", n.n) for n in sorted(stored.networks, key=lambda n: n.ms))
        console.print()
        table(("network", ">median", ">95 % interval", ">rounds"), rows)


@app.command()
@expanded
def check(
    device: DeviceOptions,
    space: Space = "mbconv",
    networks: Annotated[int, typer.Option("--networks", help="Networks of the space that were not profiled.", min=3, max=1000)] = 20,
    known: Annotated[int, typer.Option("--known", help="Known networks beside them, if the profile covers them.", min=0)] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sampled networks.")] = 1,
    as_json: bool = JSON,
) -> None:
    """Measure networks that were not profiled, and show how well they were predicted.

    Example: nasbench device check --space mbconv --networks 20
    """
    from nasbench.latency.measuring.measure import check_local
    from nasbench.spaces import load_space

    loaded_space = load_space(space)
    target, stored = device.choice().resolve()
    check_local(target)
    from nasbench.latency import check as compare
    from nasbench.latency import load_profile, profile_path
    from nasbench.search.device_profile import held_out

    if stored is None:
        path = profile_path(target)
        if not path.exists():
            raise DeviceError(f"a check needs a profile; none is stored for {target}; make it with `nasbench device profile`")
        stored = load_profile(path)
    chosen = held_out(stored, loaded_space, networks, known, seed)
    with Reporter() as reporter:
        reporter.stage(f"check of {target}: {len(chosen)} networks")
        report = compare(stored, chosen, progress=reporter.rounds, say=reporter.say)
    _show_report(target, report, as_json)


def _stored_path(name: str | None) -> Path:
    """The file of a profile, given its path, its key or the beginning of its key.

    Raises:
        DeviceError: there is no such profile, or there are several.
    """
    from nasbench.latency import local_device, profile_path

    if name is None:
        path = profile_path(local_device())
        if not path.exists():
            raise DeviceError(
                f"no profile is stored for {local_device()}; `nasbench device profile` makes it, `device list` lists the stored ones"
            )
        return path
    if "/" in name or name.endswith(".json") or Path(name).is_file():
        return Path(name).expanduser()
    stored = {path.stem: path for path in profile_path(local_device()).parent.glob("*.json")}
    keys = [key for key in stored if key.startswith(name)]
    if name in stored or len(keys) == 1:
        return stored[name if name in stored else keys[0]]
    if keys:
        raise DeviceError(f"a key names one profile; {name!r} is the beginning of {len(keys)}: {', '.join(keys)}; give more of it")
    raise DeviceError(f"no stored profile has the key {name!r}{nearest(name, stored)}; `nasbench device list` lists the stored ones")


def _show_profile(profile: Profile, predictor: Predictor, path: Path, as_json: bool) -> None:
    device = profile.device
    fastest, slowest = profile.range_ms
    if as_json:
        networks = [
            {"name": n.name, "digest": n.digest, "ms": n.ms, "low_ms": n.low_ms, "high_ms": n.high_ms, "n": n.n} for n in profile.networks
        ]
        show_json(
            {
                "file": str(path),
                "device": device.to_json(),
                "made": profile.made,
                "anchor_ms": profile.reference_ms,
                "error": predictor.error,
                "networks": networks,
            }
        )
        return
    say(str(device))
    rows = {
        "made": profile.made,
        "versions": ", ".join(f"{name} {number}" for name, number in sorted(device.versions.items())),
        "host": device.host or "unknown",
        "speed": f"the reference network took {profile.reference_ms:.3g} ms",
        "networks": f"{len(profile.networks)}, from {fastest:.3g} ms to {slowest:.3g} ms",
        "error": f"{predictor.error:.0%} either way for 90 % of networks that were not profiled",
        "file": str(path),
    }
    table(("", ""), rows.items())


def _show_report(device: Device, report: CheckReport, as_json: bool) -> None:
    metrics: dict[str, Any] = {
        "within5": report.within5,
        "within10": report.within10,
        "spearman": report.spearman,
        "coverage": report.coverage,
        "median_error": report.median_error,
        "noise": report.noise,
        "noisy": report.noisy,
        "slowdown": report.slowdown,
    }
    if as_json:
        rows = [
            {"name": r.name, "error": r.error, "predicted": r.predicted._asdict(), "measured": r.measured.to_json()} for r in report.rows
        ]
        show_json({"device": device.to_json(), **metrics, "rows": rows})
        return
    shown = []
    for r in sorted(report.rows, key=lambda r: r.measured.median_ms):
        p, m = r.predicted, r.measured
        inside = "yes" if p.low_ms <= m.median_ms <= p.high_ms else "no"
        remark = "; ".join(filter(None, ("noisy" if m.noisy else "", *p.extrapolated)))
        shown.append(
            (r.name, f"{p.ms:.2f} ms", f"{p.low_ms:.2f} to {p.high_ms:.2f}", f"{m.median_ms:.2f} ms", f"{r.error:+.1%}", inside, remark)
        )
    say(str(device))
    table(("network", ">predicted", ">interval", ">measured", ">error", "inside", "remarks"), shown)
    console.print()
    table(
        ("", ""),
        (
            ("networks", f"{len(report.rows)} that were not profiled, {report.noisy} of them measured noisily"),
            ("within 5 %", f"{report.within5:.0%}"),
            ("within 10 %", f"{report.within10:.0%}"),
            ("Spearman", f"{report.spearman:.3f}"),
            ("coverage", f"{report.coverage:.0%} of measurements inside the 90 % interval"),
            ("median error", f"{report.median_error:.1%}"),
            ("noise", f"{report.noise:.1%}: half-width of a measurement's own interval, median"),
            ("speed", f"the reference network takes {report.slowdown:.2f} times as long as in the profile; corrected"),
        ),
    )
