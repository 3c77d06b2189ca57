"""device profile, device list: how fast this machine is."""

from __future__ import annotations

from typing import Annotated

import typer

from nasbench.cli.progress import Reporter
from nasbench.cli.shared import JSON, console, show_json, table

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Profile this machine.\n\nExample: nasbench device profile --space mbconv"
)


@app.command()
def profile(
    space: Annotated[str, typer.Option(help="Profile for the networks of this space.")] = "mbconv",
    threads: Annotated[int | None, typer.Option(help="Threads of the measured runtime; all cores without it.")] = None,
    again: Annotated[bool, typer.Option(help="Measure again even if a profile is stored.")] = False,
    as_json: bool = JSON,
) -> None:
    """Measure how long layers and networks take on this machine; `search` does it when needed.

    Example: nasbench device profile --space mbconv
    """
    from nasbench.latency.device import local_device
    from nasbench.search.profiling import obtain_profile
    from nasbench.spaces import load_space

    device = local_device(threads)
    with Reporter() as reporter:
        found = obtain_profile(device, load_space(space), reporter, again=again)
    from nasbench.latency import Predictor, profile_path

    error = Predictor(found).error
    rows = {
        "made": found.made,
        "networks": len(found.networks),
        "fastest": f"{min(n.ms for n in found.networks):.1f} ms",
        "slowest": f"{max(n.ms for n in found.networks):.1f} ms",
        "error": f"{error:.0%} either way for 90 % of networks it has not seen",
        "file": str(profile_path(device)),
    }
    if as_json:
        show_json({"device": device.to_json(), **rows, "error": error})
    else:
        console.print(str(device))
        table(("figure", "value"), rows.items())


@app.command("list")
def list_command(as_json: bool = JSON) -> None:
    """List the stored profiles.

    Example: nasbench device list
    """
    from nasbench.latency import Profile, stored_profiles

    found = stored_profiles()
    good = [(path, p) for path, p in found if isinstance(p, Profile)]
    if as_json:
        show_json([{"file": str(path), "device": p.device.to_json(), "made": p.made, "networks": len(p.networks)} for path, p in good])
        return
    if not found:
        console.print("no profile is stored; `nasbench device profile` makes one")
        return
    table(("device", "made", ">networks", "file"), ((str(p.device), p.made, len(p.networks), path.name) for path, p in good))
    for _, error in found:
        if not isinstance(error, Profile):
            console.print(f"not usable: {error}")
