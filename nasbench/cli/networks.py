"""known, cost, compare, export: networks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.cli.shared import INPUT, JSON, NAME, console, genotype_of, rows_of, show_json, table
from nasbench.cli.shared import at_input as _at
from nasbench.errors import GenotypeError, NasbenchError, nearest
from nasbench.genotype import Genotype, adapt, cost_of, trace
from nasbench.genotype.units import show_count, show_memory
from nasbench.zoo import facts, known

SORT = ("name", "params", "macs", "family")


def register(app: typer.Typer) -> None:
    app.command("known")(known_command)
    app.command("cost")(cost)
    app.command("compare")(compare)
    app.command("export")(export)


def known_command(
    name: Annotated[str | None, typer.Argument(help="One network, with what is published about it.")] = None,
    family: Annotated[str | None, typer.Option(help="Only this family, such as mobilenetv2.")] = None,
    sort: Annotated[str | None, typer.Option(help=f"One of {', '.join(SORT)}.")] = None,
    as_json: bool = JSON,
) -> None:
    """List the known networks.

    Example: nasbench known --sort macs
    """
    found = facts()
    names = known()
    if name is not None:
        known(name)
        names = [name]
    if family is not None:
        families = sorted({found[n].family for n in names})
        if family not in families:
            raise NasbenchError(f"there is no family {family!r}{nearest(family, families)}; there are {', '.join(families)}")
        names = [n for n in names if found[n].family == family]
    if sort is not None:
        if sort not in SORT:
            raise NasbenchError(f"--sort is one of {', '.join(SORT)}; got {sort!r}{nearest(sort, SORT)}")
        names.sort(key=lambda n: n if sort == "name" else getattr(found[n], sort))
    rows: list[dict[str, Any]] = []
    for n in names:
        layers = trace(known(n))
        c = cost_of(layers)
        rows.append({"name": n, "family": found[n].family, "input": list(known(n).input), "params": c.params, "macs": c.macs})
    if as_json:
        show_json([{**row, **({k: v for k, v in asdict(found[str(row["name"])]).items() if k not in row} if name else {})} for row in rows])
        return
    table(
        ("name", "family", "input", ">params", ">MACs"),
        ((r["name"], r["family"], "x".join(map(str, r["input"])), f"{r['params']:,}", show_count(r["macs"])) for r in rows),
    )
    if name is not None:
        _published(name, rows[0]["params"], rows[0]["macs"])


def _published(name: str, params: int, macs: int) -> None:
    f = facts()[name]
    console.print(f"\nvariant: {f.variant}")
    for what, paper, exact in (("parameters", f.paper_params, params), ("MACs", f.paper_macs, macs)):
        if paper:
            console.print(f"paper: {show_count(paper)} {what}, exact {exact:,} ({exact / paper - 1:+.1%})")
    for label, text in (("source", f.source), ("note", f.note), ("same network", "; ".join(f.references))):
        if text:
            console.print(f"{label}: {text}", markup=False)


def cost(
    name: str = NAME,
    input: str | None = INPUT,
    verify: bool = typer.Option(False, help="Compare with fvcore, operator by operator, on the built network."),
    as_json: bool = JSON,
) -> None:
    """Count parameters, MACs, activations and memory of a network, without torch.

    MACs are multiply-adds of convolutions and linear layers for one image.

    Example: nasbench cost resnet50 --verify
    """
    g = _at(genotype_of(name), input)
    c = cost_of(trace(g))
    checked = None
    if verify:
        from nasbench.network.verify import verify_cost

        checked = verify_cost(g)
    if as_json:
        show_json({"name": g.name, "input": list(g.input), **asdict(c), **({"fvcore": checked.to_json()} if checked else {})})
    else:
        table(
            ("figure", ">value", "convention"),
            (
                ("parameters", f"{c.params:,}", "trained numbers, without running statistics"),
                ("MACs", f"{c.macs:,}", "multiply-adds of convolutions and linear layers, one image"),
                ("activations", f"{c.activations:,}", "numbers written by convolutions and linear layers"),
                ("depth", f"{c.depth:,}", "convolutions and linear layers on the longest way"),
                ("memory to run", show_memory(c.peak_bytes), "float32, batch 1: weights and the most values alive at once"),
                ("memory to train", show_memory(c.train_peak_bytes), "float32, batch 1, estimated"),
                *([("auxiliary heads", f"{c.auxiliary_params:,}", "parameters more, in training only")] if c.auxiliary_params else []),
            ),
        )
        if checked:
            console.print()
            table(("operator", ">nasbench", ">fvcore", "equal"), checked.rows())
            console.print(f"\nfvcore also counts {', '.join(checked.also) or 'nothing else'}; MACs leave that out.")
    if checked and not checked.equal:
        raise NasbenchError(f"{g.name}: our count and fvcore's differ; please report this network")


def compare(
    names: Annotated[list[str], typer.Argument(help="Known networks or .yaml files, two or more.")],
    draw: Annotated[Path | None, typer.Option(help="Write a picture too, such as networks.png.")] = None,
    input: str | None = INPUT,
    as_json: bool = JSON,
) -> None:
    """Compare networks: size, work, memory.

    Example: nasbench compare resnet50 efficientnet_b0 mobilenet_v2 --draw networks.png
    """
    if len(names) < 2:
        raise NasbenchError(f"compare takes two networks or more; got {names[0]} alone; `nasbench cost {names[0]}` shows one")
    found = {name: cost_of(trace(_at(genotype_of(name), input))) for name in dict.fromkeys(names)}
    if draw is not None:
        from nasbench.analysis.plots import save_networks

        save_networks(found, draw)
    if as_json:
        show_json([{"name": name, **asdict(c)} for name, c in found.items()])
        return
    first = next(iter(found.values()))
    table(
        ("network", ">params", ">MACs", ">activations", ">depth", ">memory to run", ">params x", ">MACs x"),
        (
            (
                name, show_count(c.params), show_count(c.macs), show_count(c.activations), c.depth, show_memory(c.peak_bytes),
                f"{c.params / first.params:.2f}", f"{c.macs / first.macs:.2f}",
            )
            for name, c in found.items()
        ),
    )  # fmt: skip
    console.print(f"\nx: times {names[0]}" + (f"; wrote {draw}" if draw else ""))


def export(
    name: Annotated[str, typer.Argument(help="A known network, a genotype's .yaml file, or a study's folder (its winner).")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; the screen without it.")] = None,
    input: str | None = INPUT,
    classes: Annotated[int | None, typer.Option(help="Another number of classes.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="State dict of torchvision, timm, pytorchcv or ours (.pth, .safetensors), written beside --out.")
    ] = None,
) -> None:
    """Write a network's genotype as YAML, with weights as a .safetensors file beside it.

    Example: nasbench export mobilenet_v2 --classes 10 -o my.yaml
    """
    if weights is not None and out is None:
        raise NasbenchError("--weights are written beside the genotype; it goes to the screen; give --out FILE.yaml too")
    best = Path(name) / "best" / "genotype.yaml"
    if Path(name).is_dir():
        if not best.exists():
            raise GenotypeError(
                f"a finished study holds best/genotype.yaml; {name} does not; name a finished study, or finish it with resume"
            )
        g = Genotype.from_yaml(best)
    else:
        g = genotype_of(name)
    g = adapt(_at(g, input), classes=classes)
    trace(g)  # say now what is wrong with it
    if out is None:
        typer.echo(g.to_yaml(), nl=False)
        return
    from nasbench.files import write_atomic

    beside = "" if weights is None else f", and {_write_weights(g, weights, out)}"
    write_atomic(out, g.to_yaml())
    console.print(f"wrote {out}: {g.name}, {'x'.join(map(str, g.input))}{beside}", soft_wrap=True)


def _write_weights(g: Genotype, source: Path, out: Path) -> Path:
    """The weights of `source` under our names, beside `out`."""
    from safetensors.torch import save

    from nasbench.files import write_atomic
    from nasbench.network import build, load_weights, read_weights

    net = build(g)
    load_weights(net, read_weights(source))
    path = out.with_suffix(".safetensors")
    write_atomic(path, save({name: value.contiguous() for name, value in net.state_dict().items()}))
    return path


__all__ = ["register", "rows_of"]
