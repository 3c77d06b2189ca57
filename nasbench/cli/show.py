"""show: one network as a table, as YAML or as a drawing; or the blocks that rows are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from nasbench.cli.shared import INPUT, JSON, at_input, console, genotype_of, say, show_json, table
from nasbench.drawing import draw
from nasbench.errors import NasbenchError
from nasbench.genotype import BLOCK_TYPES, Genotype, Layer, Trace, cost_of, digest_of, trace
from nasbench.genotype.text import show_block, show_shape
from nasbench.genotype.units import show_count, show_memory


def register(app: typer.Typer) -> None:
    app.command("show")(show)


def show(
    name: Annotated[str | None, typer.Argument(help="A known network, a genotype's .yaml file, or a block such as mbconv.")] = None,
    input: str | None = INPUT,
    layers: Annotated[bool, typer.Option("--layers", help="Every layer, in the table or the drawing.")] = False,
    drawing: Annotated[Path | None, typer.Option("--draw", help="Draw the network's graph by blocks, into a file such as net.svg.")] = None,
    expand: Annotated[
        list[str] | None, typer.Option(help="With --draw: a block to draw with its layers, such as stages.2.1; may be given again.")
    ] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the genotype as YAML.")] = False,
    as_json: bool = JSON,
) -> None:
    """Show a network: its rows with shapes, parameters and MACs. Without a name, the blocks that rows are made of; or one block.

    Example: nasbench show efficientnet_b0 --draw b0.svg --expand stages.1.0
    """
    if as_yaml and as_json:
        raise NasbenchError("a network is printed as YAML or as JSON; got --yaml and --json; leave one out")
    if expand and drawing is None:
        raise NasbenchError(
            f"--expand says which blocks a drawing shows with their layers; got {expand[0]} without --draw; add --draw net.svg"
        )
    if name is None or name in BLOCK_TYPES:
        if drawing is not None or as_yaml:
            raise NasbenchError(
                f"what is drawn or written is a network; got {name or 'no name'}; name one of `nasbench known` or a .yaml file"
            )
        _show_blocks(name, as_json)
        return
    g = at_input(genotype_of(name), input)
    if drawing is not None:
        draw(g, drawing, expand or (), layers)
    traced = trace(g)
    if as_yaml:
        typer.echo(g.to_yaml(), nl=False)
    elif as_json:
        show_json(_facts(g, traced))
    elif drawing is None:
        _print(g, traced, layers)
    else:
        say(f"wrote {drawing}: {g.name}, {show_shape(g.input)}")


def _facts(g: Genotype, traced: Trace) -> dict[str, Any]:
    stages = [
        {"group": name, "shape": list(rows[-1].shape), "params": sum(r.params for r in rows), "macs": sum(r.macs for r in rows)}
        for name, rows in _groups(g, traced)
    ]
    c = cost_of(traced)
    return {
        "name": g.name, "digest": digest_of(traced, g.style.init), "genotype": g.to_yaml(), "cost": asdict(c), "stages": stages,
        "layers": [_plain(x) for x in traced],
    }  # fmt: skip


def _plain(layer: Layer) -> dict[str, Any]:
    """A layer for JSON; an auxiliary head with its layers."""
    found = {k: v for k, v in layer._asdict().items() if k != "flat"}
    if layer.kind == "auxiliary":
        found["attrs"] = {**layer.attrs, "rows": [_plain(x) for x in layer.attrs["rows"]]}
    return found


def _print(g: Genotype, traced: Trace, layers: bool) -> None:
    c = cost_of(traced)
    style = ", ".join(f"{k} {v}" for k, v in g.style.written().items()) or "default"
    say(f"{g.name}  input {show_shape(g.input)}  style: {style}  digest {digest_of(traced, g.style.init)}", "")
    if layers:
        table(
            ("layer", "kind", "output", ">params", ">MACs"),
            ((x.where, x.kind, show_shape(x.shape), f"{x.params:,}", show_count(x.macs)) for x in traced[1:]),
        )
    else:
        table(("row", "block", "fields", ">n", "output", ">params", ">MACs", ">% MACs"), _lines(g, traced))
    console.print(
        f"\n{c.params:,} parameters, {c.macs:,} MACs, {show_count(c.activations)} activations, depth {c.depth}, "
        f"{show_memory(c.peak_bytes)} to run, {show_memory(c.train_peak_bytes)} to train at batch 1"
        + (f"\n{c.auxiliary_params:,} parameters more in training, of auxiliary heads" if c.auxiliary_params else "")
    )


def _show_blocks(name: str | None, as_json: bool) -> None:
    """The vocabulary, or one word of it; all of it comes from the words' signatures."""
    words = {n: BLOCK_TYPES[n] for n in sorted(BLOCK_TYPES) if name in (None, n)}
    if as_json:
        fields = ("field", "type", "default")
        show_json({n: {"doc": w.doc, "fields": [dict(zip(fields, row, strict=True)) for row in w.describe()]} for n, w in words.items()})
    elif name is None:
        table(("block", "what it is", "fields"), ((n, w.doc.splitlines()[0], ", ".join(w.names)) for n, w in words.items()))
    else:
        console.print(f"{name}: {words[name].doc}\n")
        table(("field", "type", "default"), words[name].describe())


class _Row(NamedTuple):
    """A row of the genotype and what its layers came to."""

    op: str
    fields: str
    repeat: int
    shape: tuple[int, ...]
    params: int
    macs: int


def _groups(g: Genotype, traced: Trace) -> list[tuple[str, list[_Row]]]:
    """Stem, stages and head, those that have rows; each with its rows."""
    totals: dict[str, list[int]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for x in traced[1:]:
        parts = x.where.split(".")
        place = ".".join(parts[: 3 if parts[0] == "stages" else 2])
        entry = totals.setdefault(place, [0, 0])
        entry[0] += x.params
        entry[1] += x.macs
        if x.kind != "auxiliary":  # it passes its input on
            shapes[place] = x.shape
    found: list[tuple[str, list[_Row]]] = []
    shape: tuple[int, ...] = g.input
    stages = [(f"stage {i + 1}", f"stages.{i}", s) for i, s in enumerate(g.stages)]
    for group, prefix, rows in [("stem", "stem", g.stem), *stages, ("head", "head", g.head)]:
        i, lines = 0, []
        for row in rows:
            places = [f"{prefix}.{i + j}" for j in range(row.repeat)]
            i += row.repeat
            params, macs = (sum(totals.get(p, (0, 0))[k] for p in places) for k in (0, 1))
            shape = next((shapes[p] for p in reversed(places) if p in shapes), shape)
            lines.append(_Row(row.op, show_block(row.written()), row.repeat, shape, params, macs))
        if lines:
            found.append((group, lines))
    return found


def _lines(g: Genotype, traced: Trace) -> list[Sequence[object]]:
    """A line per row, and below the rows of a stage of several what they come to."""
    total = sum(x.macs for x in traced)
    found: list[Sequence[object]] = []
    for group, rows in _groups(g, traced):
        label = group
        for r in rows:
            found.append((label, r.op, r.fields, r.repeat, show_shape(r.shape), f"{r.params:,}", show_count(r.macs), _share(r.macs, total)))
            label = ""
        if len(rows) > 1:
            n, params, macs = (sum(each) for each in zip(*((r.repeat, r.params, r.macs) for r in rows), strict=True))
            found.append((f"= {group}", "", "", n, show_shape(rows[-1].shape), f"{params:,}", show_count(macs), _share(macs, total)))
    return found


def _share(part: int, total: int) -> str:
    """In percent of all."""
    return f"{100 * part / total:.1f}" if total else ""
