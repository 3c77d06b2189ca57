"""known, show, cost, export: networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.cli.shared import JSON, NAME, console, genotype_of, parse_shape, rows_of, show_json, table
from nasbench.errors import GenotypeError, NasbenchError, nearest
from nasbench.genotype import VOCABULARY, Genotype, Layer, adapt, cost_of, digest_of, trace
from nasbench.genotype.units import show_count, show_memory
from nasbench.zoo import facts, known

MAYBE = typer.Argument(None, help="A known network, a genotype's .yaml file, or a block such as mbconv.")
INPUT = typer.Option(None, "--input", help="Another input, such as 3x160x160.")
SORT = ("name", "params", "macs", "family")


def register(app: typer.Typer) -> None:
    app.command("known")(known_command)
    app.command("show")(show)
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


def show(
    name: str | None = MAYBE, input: str | None = INPUT, layers: bool = typer.Option(False, help="Every layer."), as_json: bool = JSON
) -> None:
    """Show a network: its rows with shapes, parameters and MACs. Without a name, the blocks that rows are made of; or one block.

    Example: nasbench show efficientnet_b0
    """
    if name is None or name in VOCABULARY:
        _show_blocks(name, as_json)
        return
    g = _at(genotype_of(name), input)
    traced = trace(g)
    c = cost_of(traced)
    if as_json:
        whole = {"name": g.name, "digest": digest_of(traced, g.style.init), "genotype": g.to_yaml(), "cost": asdict(c)}
        show_json({**whole, "layers": [_plain(x) for x in traced]})
        return
    style = ", ".join(f"{k} {v}" for k, v in g.style.written().items()) or "default"
    console.print(f"{g.name}  input {'x'.join(map(str, g.input))}  style: {style}  digest {digest_of(traced, g.style.init)}\n")
    if layers:
        table(
            ("layer", "kind", "output", ">params", ">MACs"),
            ((x.where, x.kind, "x".join(map(str, x.shape)), f"{x.params:,}", show_count(x.macs)) for x in traced[1:]),
        )
    else:
        table(("row", "block", "fields", ">n", "output", ">params", ">MACs"), _row_table(g))
    console.print(
        f"\n{c.params:,} parameters, {c.macs:,} MACs, {show_count(c.activations)} activations, depth {c.depth}, "
        f"{show_memory(c.peak_bytes)} to run, {show_memory(c.train_peak_bytes)} to train at batch 1"
        + (f"\n{c.auxiliary_params:,} parameters more in training, of auxiliary heads" if c.auxiliary_params else "")
    )


def _plain(layer: Layer) -> dict[str, Any]:
    """A layer for JSON; an auxiliary head with its layers."""
    found = {k: v for k, v in layer._asdict().items() if k != "flat"}
    if layer.kind == "auxiliary":
        found["attrs"] = {**layer.attrs, "rows": [_plain(x) for x in layer.attrs["rows"]]}
    return found


def _show_blocks(name: str | None, as_json: bool) -> None:
    """The vocabulary, or one word of it; all of it comes from the words' signatures."""
    words = {n: VOCABULARY[n] for n in sorted(VOCABULARY) if name in (None, n)}
    if as_json:
        fields = ("field", "type", "default")
        show_json({n: {"doc": w.doc, "fields": [dict(zip(fields, row, strict=True)) for row in w.describe()]} for n, w in words.items()})
    elif name is None:
        table(("block", "what it is", "fields"), ((n, w.doc.splitlines()[0], ", ".join(w.names)) for n, w in words.items()))
    else:
        console.print(f"{name}: {words[name].doc}\n")
        table(("field", "type", "default"), words[name].describe())


def _row_table(g: Genotype) -> list[Sequence[object]]:
    """One line per row of the genotype, with what its layers came to."""
    totals: dict[str, list[int]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for x in trace(g)[1:]:
        parts = x.where.split(".")
        place = ".".join(parts[: 3 if parts[0] == "stages" else 2])
        entry = totals.setdefault(place, [0, 0])
        entry[0] += x.params
        entry[1] += x.macs
        if x.kind != "auxiliary":  # it passes its input on
            shapes[place] = x.shape
    found: list[Sequence[object]] = []
    for label, prefix, rows in [
        ("stem", "stem", g.stem),
        *((f"stage {i + 1}", f"stages.{i}", s) for i, s in enumerate(g.stages)),
        ("head", "head", g.head),
    ]:
        i = 0
        for row in rows:
            places = [f"{prefix}.{i + j}" for j in range(row.repeat)]
            i += row.repeat
            params, macs = (sum(totals.get(p, (0, 0))[k] for p in places) for k in (0, 1))
            shape = next((shapes[p] for p in reversed(places) if p in shapes), ())
            found.append((label, row.op, _fields(row.written()), row.repeat, "x".join(map(str, shape)), f"{params:,}", show_count(macs)))
            label = ""
    return found


def _fields(row: Mapping[str, Any]) -> str:
    """The fields of a written row in words; paths as `conv 64, conv 96 kernel 3 | ...`, nodes as `sep5 0 + sep3 1; ...`."""
    said = []
    for name, value in row.items():
        if name in ("op", "repeat"):
            continue
        if name == "paths":
            said.append(" | ".join(", ".join(map(_short, path)) or "as it is" for path in value))
        elif name == "rows":
            said.append(", ".join(map(_short, value)))
        elif name == "nodes":
            said.append("; ".join(f"{a} {i} + {b} {j}" for a, i, b, j in value))
        elif isinstance(value, list):
            said.append(f"{name} {('x' if name in ('kernel', 'padding') else ' ').join(map(str, value))}")
        else:
            said.append(f"{name} {'null' if value is None else value}")
    return ", ".join(said)


def _short(row: Mapping[str, Any]) -> str:
    """A row inside a path: `conv 64 kernel 3`, `3 x (conv 64)`."""
    inside = _fields({k: v for k, v in row.items() if k != "width"}).replace(", ", " ")
    inside = f"[{inside}]" if row["op"] in ("branches", "auxiliary") else inside
    said = " ".join(filter(None, (row["op"], str(row.get("width", "")), inside)))
    return f"{row['repeat']} x ({said})" if "repeat" in row else said


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
    load_weights(net, read_weights(source), like=g.name if g.name in facts() else None)
    path = out.with_suffix(".safetensors")
    write_atomic(path, save({name: value.contiguous() for name, value in net.state_dict().items()}))
    return path


def _at(g: Genotype, text: str | None) -> Genotype:
    return g if text is None else adapt(g, input=parse_shape(text))


__all__ = ["register", "rows_of"]
