"""device profile, list, show, check: how fast a device is, and how well that is known."""

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
    networks: Annotated[int | None, typer.Option(help="Networks to measure for a new profile; 56, or 16 to adapt one.")] = None,
    as_json: bool = JSON,
) -> None:
    """Measure how long layers and networks take on this machine; `search` does it when needed. After a kill it goes on.

    Example: nasbench device profile --space mbconv --runtime onnxruntime
    """
    from nasbench.spaces import load_space

    where = load_space(space)
    wanted, _ = device.choice().resolve()
    from nasbench.latency import Predictor, load_profile, profile_path
    from nasbench.search.device_profile import obtain_profile

    other = load_profile(base) if base is not None else None

    with Reporter() as reporter:
        found = obtain_profile(wanted, where, reporter, again=again or other is not None, base=other, networks=networks)
    _show_profile(found, Predictor(found), profile_path(wanted), as_json)


@app.command("list")
def list_command(as_json: bool = JSON) -> None:
    """List the stored profiles.

    Example: nasbench device list
    """
    from nasbench.latency import Profile, is_local, stored_profiles

    found = stored_profiles()
    good = [(path, p) for path, p in found if isinstance(p, Profile)]
    bad = [(path, p) for path, p in found if not isinstance(p, Profile)]
    if as_json:
        data = [{"file": str(path), "device": p.device.to_json(), "made": p.made, "networks": len(p.networks)} for path, p in good]
        show_json([*data, *({"file": str(path), "not_usable": str(error)} for path, error in bad)])
        return
    if not found:
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
    """Show what was profiled: on which device, when, which networks and how long they take. This machine's CPU without a name.

    Example: nasbench device show
    """
    path = _stored_path(name)
    from nasbench.latency import Predictor, load_profile

    found = load_profile(path)
    _show_profile(found, Predictor(found), path, as_json)
    if not as_json:
        rows = ((n.name, f"{n.ms:.2f} ms", f"{n.low_ms:.2f} to {n.high_ms:.2f}", n.n) for n in sorted(found.networks, key=lambda n: n.ms))
        console.print()
        table(("network", ">median", ">95 % interval", ">visits"), rows)


@app.command()
@expanded
def check(
    device: DeviceOptions,
    space: Space = "mbconv",
    networks: Annotated[int, typer.Option("--networks", help="Held-out networks of the space.", min=3, max=1000)] = 20,
    known: Annotated[int, typer.Option("--known", help="Known networks beside them, as far as the profile reaches.", min=0)] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Of the networks.")] = 1,
    as_json: bool = JSON,
) -> None:
    """Measure networks that were not profiled, and say how well they were predicted.

    Example: nasbench device check --space mbconv --networks 20
    """
    from nasbench.latency.measuring.measure import check_local
    from nasbench.spaces import load_space

    where = load_space(space)
    wanted, stored = device.choice().resolve()
    check_local(wanted)
    from nasbench.latency import check as compare
    from nasbench.latency import load_profile, profile_path
    from nasbench.search.device_profile import held_out

    if stored is None:
        path = profile_path(wanted)
        if not path.exists():
            raise DeviceError(f"a check needs a profile; none is stored for {wanted}; make it with `nasbench device profile`")
        stored = load_profile(path)
    chosen = held_out(stored, where, networks, known, seed)
    with Reporter() as reporter:
        reporter.stage(f"check of {wanted}: {len(chosen)} networks")
        report = compare(stored, chosen, progress=reporter.rounds, say=reporter.say)
    _show_report(wanted, report, as_json)


def _stored_path(name: str | None) -> Path:
    """The file of a profile by its path, its key or the key's beginning.

    Raises:
        DeviceError: no such profile, or several.
    """
    from nasbench.latency import local_device, profile_path

    if name is None:
        path = profile_path(local_device())
        if not path.exists():
            raise DeviceError(
                f"no profile is stored for {local_device()}; `nasbench device profile` makes it, `device list` says what there is"
            )
        return path
    if "/" in name or name.endswith(".json") or Path(name).is_file():
        return Path(name).expanduser()
    stored = {path.stem: path for path in profile_path(local_device()).parent.glob("*.json")}
    found = [key for key in stored if key.startswith(name)]
    if name in stored or len(found) == 1:
        return stored[name if name in stored else found[0]]
    if found:
        raise DeviceError(f"a key names one profile; {name!r} begins {len(found)}: {', '.join(found)}; give more of it")
    raise DeviceError(f"no stored profile has the key {name!r}{nearest(name, stored)}; `nasbench device list` says which there are")


def _show_profile(found: Profile, predictor: Predictor, path: Path, as_json: bool) -> None:
    device = found.device
    fastest, slowest = found.range_ms
    if as_json:
        networks = [
            {"name": n.name, "digest": n.digest, "ms": n.ms, "low_ms": n.low_ms, "high_ms": n.high_ms, "n": n.n} for n in found.networks
        ]
        show_json(
            {
                "file": str(path),
                "device": device.to_json(),
                "made": found.made,
                "anchor_ms": found.anchor_ms,
                "error": predictor.error,
                "networks": networks,
            }
        )
        return
    say(str(device))
    rows = {
        "made": found.made,
        "versions": ", ".join(f"{name} {number}" for name, number in sorted(device.versions.items())),
        "host": device.host or "not said",
        "speed": f"the anchor network took {found.anchor_ms:.3g} ms",
        "networks": f"{len(found.networks)}, from {fastest:.3g} ms to {slowest:.3g} ms",
        "error": f"{predictor.error:.0%} either way for 90 % of networks it has not seen",
        "file": str(path),
    }
    table(("figure", "value"), rows.items())


def _show_report(device: Device, report: CheckReport, as_json: bool) -> None:
    figures: dict[str, Any] = {
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
        show_json({"device": device.to_json(), **figures, "rows": rows})
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
        ("figure", "value"),
        (
            ("networks", f"{len(report.rows)} that were not profiled, {report.noisy} of them measured noisily"),
            ("within 5 %", f"{report.within5:.0%}"),
            ("within 10 %", f"{report.within10:.0%}"),
            ("Spearman", f"{report.spearman:.3f}"),
            ("coverage", f"{report.coverage:.0%} of measurements inside the 90 % interval"),
            ("median error", f"{report.median_error:.1%}"),
            ("noise", f"{report.noise:.1%}: half-width of a measurement's own interval, median"),
            ("speed", f"the anchor takes {report.slowdown:.2f} times as long as when it was profiled; corrected"),
        ),
    )
