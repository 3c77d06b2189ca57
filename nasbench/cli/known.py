"""known, compare: the networks that come with nasbench, what was published about them, and any networks side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.cli.shared import JSON, at_input, genotype_of, say, show_json, table
from nasbench.errors import NasbenchError, nearest
from nasbench.genotype import Cost, Genotype, cost
from nasbench.genotype.units import show_count, show_memory
from nasbench.zoo import Facts, facts, known, members

FAMILY = typer.Option(None, help="Only this family; the beginning that several share, such as mobilenet, stands for them all.")

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
    name: Annotated[str | None, typer.Argument(help="One network, with what is published about it.")] = None,
    family: str | None = FAMILY,
    sort: Annotated[str | None, typer.Option(help=f"One of {', '.join(SORT)}; the best top-1 comes first.")] = None,
    as_json: bool = JSON,
) -> None:
    """List the known networks, or say all about one: how its exact counts and the published figures differ, and why.

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
        show_json([_row(n, full=name is not None) for n in names])
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
        say("", "top-1: published, ImageNet, %, one crop at the input's size unless it says otherwise; nasbench known NAME says where")


def _row(name: str, full: bool) -> dict[str, Any]:
    """A network for scripts; `full` with everything that is known about it."""
    f = facts()[name]
    row = {"name": name, "family": f.family, "year": f.year, "input": list(known(name).input), "params": f.params, "macs": f.macs}
    row |= {"top1": f.top1, "top1_test": f.top1_test}
    if not full:
        return row
    rest = {k: v for k, v in asdict(f).items() if k not in row and not k.startswith("printed")}
    return {**row, "paper_params": f.paper_params, "paper_macs": f.paper_macs, "differs": list(f.differs), **rest}


def _top1(f: Facts) -> str:
    return "" if f.top1 is None else f"{f.top1:.2f}".removesuffix("0")


def _tested(f: Facts, name: str) -> str:
    """How the published top-1 was measured, where that is unusual: `10 crops`, `at 320`."""
    unusual = [] if f.top1_test in (None, "1 crop") else [str(f.top1_test)]
    if f.top1_side not in (None, known(name).input[1]):
        unusual.append(f"at {f.top1_side}")
    return " ".join(unusual)


def _published(name: str) -> None:
    f = facts()[name]
    say("", f"variant: {f.variant}")
    for key, what, printed, exact in (("params", "parameters", f.printed_params, f.params), ("macs", "MACs", f.printed_macs, f.macs)):
        if printed:
            beyond = "more than its rounding" if key in f.differs else "its rounding" if exact != printed.value else "equal"
            say(f"paper: {printed.text} {what}, exact {exact:,} ({exact / printed.value - 1:+.1%}, {beyond})")
    test = f"{f.top1_test} of {f.top1_side} pixels" if f.top1_test != "dense" else f"dense, shorter edge {f.top1_side} pixels"
    for label, text in (
        ("why", f.why),
        ("source", f.source),
        ("top-1", f"{_top1(f)} % on ImageNet, {test} ({f.accuracy_source})" if f.top1 is not None else ""),
        ("error", f"{f.cifar10_error:.2f} % on CIFAR-10 ({f.accuracy_source})" if f.cifar10_error is not None else ""),
        ("note", f.note),
        ("same network", "; ".join(f.references)),
        ("same weights", "; ".join(f"{call} {what}" for call, what in f.near.items())),
    ):
        if text:
            say(f"{label}: {text}")


def compare(
    names: Annotated[list[str] | None, typer.Argument(help="Known networks or .yaml files.")] = None,
    family: str | None = FAMILY,
    draw: Annotated[Path | None, typer.Option(help="Write a picture too, such as networks.png.")] = None,
    input: str | None = typer.Option(None, "--input", help="Another input, such as 3x160x160."),
    as_json: bool = JSON,
) -> None:
    """Compare networks: size, work, memory, published accuracy.

    Example: nasbench compare resnet50 efficientnet_b0 mobilenet_v2 --draw networks.png
    """
    found = _networks(names or [], family, input)
    costs = {name: cost(g) for name, g in found.items()}
    if draw is not None:
        from nasbench.analysis.plots.networks import save_networks

        save_networks(found, draw)
    published = {name: facts().get(name) for name in found}
    if as_json:
        show_json([{"name": name, **asdict(c), **_accuracy(published[name])} for name, c in costs.items()])
        return
    first = next(iter(costs))
    table(
        ("network", ">params", ">MACs", ">activations", ">depth", ">memory to run", ">top-1", "tested", ">params x", ">MACs x"),
        (_compared(name, c, published[name], costs[first]) for name, c in costs.items()),
    )
    lines = [f"x: times {first}", "top-1: published, ImageNet, %" + (", not at the input asked for" if input else "")]
    missing = [name for name, f in published.items() if f is None or f.top1 is None]
    if draw is not None:
        lines.append(f"wrote {draw}" + (f"; in its grey strip, without a published top-1: {', '.join(missing)}" if missing else ""))
    say("", *lines)


def _networks(names: list[str], family: str | None, input: str | None) -> dict[str, Genotype]:
    """What was named, then the rest of the family by MACs.

    Raises:
        NasbenchError: fewer than two networks.
    """
    inside = sorted(members(family), key=lambda n: facts()[n].macs) if family is not None else []
    wanted = list(dict.fromkeys([*names, *inside]))
    if len(wanted) < 2:
        alone = (
            f"{wanted[0]} alone; `nasbench cost {wanted[0]}` shows one" if wanted else "none; name some, or a --family such as mobilenet"
        )
        raise NasbenchError(f"compare takes two networks or more; got {alone}")
    found = {name: genotype_of(name) for name in wanted}
    return {name: at_input(g, input) for name, g in found.items()}


def _compared(name: str, c: Cost, f: Facts | None, first: Cost) -> tuple[object, ...]:
    return (
        name, show_count(c.params), show_count(c.macs), show_count(c.activations), c.depth, show_memory(c.peak_bytes),
        _top1(f) if f else "", _tested(f, name) if f else "", f"{c.params / first.params:.2f}", f"{c.macs / first.macs:.2f}",
    )  # fmt: skip


def _accuracy(f: Facts | None) -> dict[str, Any]:
    return {key: getattr(f, key, None) for key in ("top1", "top1_test", "top1_side", "cifar10_error")}
