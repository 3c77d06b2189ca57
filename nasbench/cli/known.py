"""The commands `known` and `compare`: the known networks with their published facts, and several networks in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.cli.shared import JSON, at_input, genotype_of, say, show_json, table
from nasbench.errors import NasbenchError, nearest
from nasbench.genotype import Cost, Genotype, cost
from nasbench.genotype.conventions import conventions
from nasbench.genotype.units import show_count, show_memory
from nasbench.zoo import Facts, facts, known, members

FAMILY = typer.Option(None, help="Only this family. The beginning of several names, such as mobilenet, selects all of them.")

SORT: Mapping[str, Callable[[str, Facts], Any]] = {
    "name": lambda name, _: name,
    "family": lambda name, f: (f.family, f.macs),
    "params": lambda name, f: f.params,
    "macs": lambda name, f: f.macs,
    "top1": lambda name, f: (f.top1 is None, -(f.top1 or 0)),
    "year": lambda name, f: f.year,
}


def register(app: typer.Typer) -> None:
    app.command("known")(known_command)
    app.command("compare")(compare)


def known_command(
    name: Annotated[str | None, typer.Argument(help="Show this network with the facts that are published about it.")] = None,
    family: str | None = FAMILY,
    sort: Annotated[str | None, typer.Option(help=f"Sort by one of {', '.join(SORT)}; the best top-1 comes first.")] = None,
    as_json: bool = JSON,
) -> None:
    """List the known networks, or show one: its exact counts, the published ones, why they differ, and conventions that change outputs.

    Example: nasbench known --family mobilenet --sort macs
    """
    names = known() if family is None else members(family)
    if name is not None:
        known(name)
        names = [name]
    if sort is not None:
        if sort not in SORT:
            raise NasbenchError(f"--sort is one of {', '.join(SORT)}; got {sort!r}{nearest(sort, SORT)}")
        names = sorted(names, key=lambda n: SORT[sort](n, facts()[n]))
    if as_json:
        show_json([_json(n, full=name is not None) for n in names])
        return
    table(
        ("name", "family", ">year", "input", ">params", ">MACs", ">top-1", "tested"),
        (
            (n, f.family, f.year, "x".join(map(str, known(n).input)), f"{f.params:,}", show_count(f.macs), _top1(f), _tested(f, n))
            for n in names
            for f in [facts()[n]]
        ),
    )
    if name is not None:
        _published(name)
    else:
        say(
            "",
            "top-1: published, ImageNet, in %, on one crop of the input's size unless noted; nasbench known NAME shows the source",
        )


def _json(name: str, full: bool) -> dict[str, Any]:
    """A network for JSON, with all facts if `full`."""
    f = facts()[name]
    data = {"name": name, "family": f.family, "year": f.year, "input": list(known(name).input), "params": f.params, "macs": f.macs}
    data |= {"top1": f.top1, "top1_test": f.top1_test}
    if not full:
        return data
    rest = {k: v for k, v in asdict(f).items() if k not in data and not k.startswith("printed")}
    return {
        **data,
        "paper_params": f.paper_params,
        "paper_macs": f.paper_macs,
        "differs": list(f.differs),
        **rest,
        "conventions": conventions(name),
    }


def _top1(f: Facts) -> str:
    return "" if f.top1 is None else f"{f.top1:.2f}".removesuffix("0")


def _tested(f: Facts, name: str) -> str:
    """How the published top-1 was measured if that is unusual, such as `10 crops` or `at 320`."""
    unusual = [] if f.top1_test in (None, "1 crop") else [str(f.top1_test)]
    if f.top1_side not in (None, known(name).input[1]):
        unusual.append(f"at {f.top1_side}")
    return " ".join(unusual)


def _published(name: str) -> None:
    f = facts()[name]
    say("", f"variant: {f.variant}")
    for key, unit, printed, exact in (("params", "parameters", f.printed_params, f.params), ("macs", "MACs", f.printed_macs, f.macs)):
        if printed:
            difference = "more than its rounding" if key in f.differs else "its rounding" if exact != printed.value else "equal"
            say(f"paper: {printed.text} {unit}, exact {exact:,} ({exact / printed.value - 1:+.1%}, {difference})")
    test = f"{f.top1_test} of {f.top1_side} pixels" if f.top1_test != "dense" else f"dense, shorter edge {f.top1_side} pixels"
    for title, text in (
        ("why", f.why),
        ("source", f.source),
        ("top-1", f"{_top1(f)} % on ImageNet, {test} ({f.accuracy_source})" if f.top1 is not None else ""),
        ("error", f"{f.cifar10_error:.2f} % on CIFAR-10 ({f.accuracy_source})" if f.cifar10_error is not None else ""),
        ("note", f.note),
        ("same network", "; ".join(f.references)),
        ("same weights", "; ".join(f"{call} {what}" for call, what in f.near.items())),
    ):
        if text:
            say(f"{title}: {text}")
    for sentence in conventions(name):
        say(f"convention: {sentence}")


def compare(
    names: Annotated[list[str] | None, typer.Argument(help="Known networks or .yaml files.")] = None,
    family: str | None = FAMILY,
    draw: Annotated[Path | None, typer.Option(help="Also draw accuracy over size and work into a file such as networks.png.")] = None,
    input: str | None = typer.Option(None, "--input", help="Use another input, such as 3x160x160."),
    as_json: bool = JSON,
) -> None:
    """Compare networks: parameters, MACs, memory and published accuracy.

    Example: nasbench compare resnet50 efficientnet_b0 mobilenet_v2 --draw networks.png
    """
    networks = _networks(names or [], family, input)
    costs = {name: cost(g) for name, g in networks.items()}
    if draw is not None:
        from nasbench.analysis.plots.networks import save_networks

        save_networks(networks, draw)
    published = {name: facts().get(name) for name in networks}
    if as_json:
        show_json([{"name": name, **asdict(c), **_accuracy(published[name])} for name, c in costs.items()])
        return
    first = next(iter(costs))
    table(
        ("network", ">params", ">MACs", ">activations", ">depth", ">memory to run", ">top-1", "tested", ">params x", ">MACs x"),
        (_compared(name, c, published[name], costs[first]) for name, c in costs.items()),
    )
    lines = [f"x: relative to {first}", "top-1: published accuracy on ImageNet in %" + (", not at the given input" if input else "")]
    missing = [name for name, f in published.items() if f is None or f.top1 is None]
    if draw is not None:
        lines.append(f"wrote {draw}" + (f"; in its grey strip, without a published top-1: {', '.join(missing)}" if missing else ""))
    say("", *lines)


def _networks(names: list[str], family: str | None, input: str | None) -> dict[str, Genotype]:
    """The named networks, then the rest of the family by MACs.

    Raises:
        NasbenchError: there are fewer than two networks.
    """
    inside = sorted(members(family), key=lambda n: facts()[n].macs) if family is not None else []
    wanted = list(dict.fromkeys([*names, *inside]))
    if len(wanted) < 2:
        alone = (
            f"{wanted[0]} alone; `nasbench cost {wanted[0]}` shows one" if wanted else "none; name some, or a --family such as mobilenet"
        )
        raise NasbenchError(f"compare takes two networks or more; got {alone}")
    return {name: at_input(genotype_of(name), input) for name in wanted}


def _compared(name: str, c: Cost, f: Facts | None, first: Cost) -> tuple[object, ...]:
    return (
        name, show_count(c.params), show_count(c.macs), show_count(c.activations), c.depth, show_memory(c.peak_bytes),
        _top1(f) if f else "", _tested(f, name) if f else "", f"{c.params / first.params:.2f}", f"{c.macs / first.macs:.2f}",
    )  # fmt: skip


def _accuracy(f: Facts | None) -> dict[str, Any]:
    return {key: getattr(f, key, None) for key in ("top1", "top1_test", "top1_side", "cifar10_error")}
