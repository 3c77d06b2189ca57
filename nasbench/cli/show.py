"""The command `show`: a network as a table, as YAML or as a drawing; or what genotypes are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from nasbench.cli.shared import INPUT, JSON, at_input, console, genotype_of, is_space, say, show_json, table
from nasbench.cli.spaces import show_space
from nasbench.drawing import draw
from nasbench.errors import NasbenchError
from nasbench.genotype import BLOCK_TYPES, Genotype, Layer, Style, Trace, cost_of, digest_of, trace
from nasbench.genotype.fields import TYPES
from nasbench.genotype.kinds.activation import ACTS
from nasbench.genotype.text import show_block, show_shape
from nasbench.genotype.units import show_count, show_memory
from nasbench.spaces import load_space


class Topic(NamedTuple):
    """A table of what genotypes are made of."""

    columns: tuple[str, ...]
    rows: Callable[[], Sequence[tuple[str, ...]]]


TOPICS: Mapping[str, Topic] = {
    "types": Topic(("type", "values", "examples"), lambda: [(name, *words) for name, words in TYPES.items()]),
    "style": Topic(("field", "values", "default", "meaning"), Style.describe),
    "activations": Topic(
        ("activation", "formula", "torch"), lambda: [("none", "x", ""), *((name, a.formula, a.torch) for name, a in ACTS.items())]
    ),
}
_TOPICS_TEXT = f"{', '.join([*TOPICS][:-1])} or {[*TOPICS][-1]}"


def register(app: typer.Typer) -> None:
    app.command("show")(show)


def show(
    name: Annotated[
        str | None,
        typer.Argument(
            help=f"A known network, a genotype's .yaml file, a study's folder (its winner), a block type such as mbconv, or {_TOPICS_TEXT}."
        ),
    ] = None,
    input: str | None = INPUT,
    layers: Annotated[bool, typer.Option("--layers", help="Show all layers, in the table or in the drawing.")] = False,
    drawing: Annotated[Path | None, typer.Option("--draw", help="Draw the graph of blocks into a file such as net.svg.")] = None,
    expand: Annotated[
        list[str] | None, typer.Option(help="With --draw: draw the layers of this block, such as stages.2.1; may be repeated.")
    ] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the genotype as YAML.")] = False,
    as_json: bool = JSON,
) -> None:
    """Show a network: its blocks with shapes, parameters and MACs. By default, list the block types; or show the fields of one.

    types, style and activations show what the fields of blocks and of the style may be.

    Example: nasbench show efficientnet_b0 --draw b0.svg --expand stages.1.0
    """
    if as_yaml and as_json:
        raise NasbenchError("a network is printed as YAML or as JSON; got --yaml and --json; leave one out")
    if expand and drawing is None:
        raise NasbenchError(
            f"--expand names blocks that a drawing shows with their layers; got {expand[0]} without --draw; add --draw net.svg"
        )
    if name is None or name in BLOCK_TYPES or name in TOPICS:
        if drawing is not None or as_yaml:
            raise NasbenchError(
                f"only a network can be drawn or written; got {name or 'no name'}; name one of `nasbench known` or a .yaml file"
            )
        if name is not None and name in TOPICS:
            _show_topic(TOPICS[name], as_json)
        else:
            _show_blocks(name, as_json)
        return
    if is_space(name) and not (drawing or as_yaml or input):
        show_space(load_space(name), as_json)
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
        {"group": name, "shape": list(lines[-1].shape), "params": sum(x.params for x in lines), "macs": sum(x.macs for x in lines)}
        for name, lines in _groups(g, traced)
    ]
    c = cost_of(traced)
    return {
        "name": g.name, "digest": digest_of(traced, g.style.init), "genotype": g.to_yaml(), "cost": asdict(c), "stages": stages,
        "layers": [_plain(x) for x in traced],
    }  # fmt: skip


def _plain(layer: Layer) -> dict[str, Any]:
    """A layer for JSON; an auxiliary head includes its layers."""
    data = {k: v for k, v in layer._asdict().items() if k != "flat"}
    if layer.kind == "auxiliary":
        data["attrs"] = {**layer.attrs, "rows": [_plain(x) for x in layer.attrs["rows"]]}
    return data


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
        table(("place", "block", "fields", ">n", "output", ">params", ">MACs", ">% MACs"), _lines(g, traced))
    console.print(
        f"\n{c.params:,} parameters, {c.macs:,} MACs, {show_count(c.activations)} activations, depth {c.depth}, "
        f"{show_memory(c.peak_bytes)} to run, {show_memory(c.train_peak_bytes)} to train at batch 1"
        + (f"\n{c.auxiliary_params:,} additional parameters of auxiliary heads, in training only" if c.auxiliary_params else "")
    )
    if not traced[-1].flat:
        say(f"no classifier: it ends in a map of {show_shape(traced[-1].shape)}, so it can be neither trained nor exported as a model")


def _show_topic(topic: Topic, as_json: bool) -> None:
    """Print the table of a topic."""
    if as_json:
        show_json([dict(zip(topic.columns, row, strict=True)) for row in topic.rows()])
    else:
        table(topic.columns, topic.rows())


def _show_blocks(name: str | None, as_json: bool) -> None:
    """All block types, or one of them; the tables are made from their signatures."""
    block_types = {n: BLOCK_TYPES[n] for n in sorted(BLOCK_TYPES) if name in (None, n)}
    if as_json:
        fields = ("field", "type", "default")
        show_json(
            {n: {"doc": b.doc, "fields": [dict(zip(fields, field, strict=True)) for field in b.describe()]} for n, b in block_types.items()}
        )
    elif name is None:
        table(("block", "what it is", "fields"), ((n, b.doc.splitlines()[0], ", ".join(b.names)) for n, b in block_types.items()))
    else:
        console.print(f"{name}: {block_types[name].doc}\n")
        table(("field", "type", "default"), block_types[name].describe())


class _Line(NamedTuple):
    """A block of the genotype with the output shape, parameters and MACs of its layers."""

    op: str
    fields: str
    repeat: int
    shape: tuple[int, ...]
    params: int
    macs: int


def _groups(g: Genotype, traced: Trace) -> list[tuple[str, list[_Line]]]:
    """The stem, the stages and the head with their blocks; those without blocks are left out."""
    totals: dict[str, list[int]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for x in traced[1:]:
        parts = x.where.split(".")
        place = ".".join(parts[: 3 if parts[0] == "stages" else 2])
        entry = totals.setdefault(place, [0, 0])
        entry[0] += x.params
        entry[1] += x.macs
        if x.kind != "auxiliary":  # its output is not an input of the next block
            shapes[place] = x.shape
    groups: list[tuple[str, list[_Line]]] = []
    shape: tuple[int, ...] = g.input
    stages = [(f"stage {i + 1}", f"stages.{i}", s) for i, s in enumerate(g.stages)]
    for group, prefix, blocks in [("stem", "stem", g.stem), *stages, ("head", "head", g.head)]:
        i, lines = 0, []
        for block in blocks:
            places = [f"{prefix}.{i + j}" for j in range(block.repeat)]
            i += block.repeat
            params, macs = (sum(totals.get(p, (0, 0))[k] for p in places) for k in (0, 1))
            shape = next((shapes[p] for p in reversed(places) if p in shapes), shape)
            lines.append(_Line(block.op, show_block(block.written()), block.repeat, shape, params, macs))
        if lines:
            groups.append((group, lines))
    return groups


def _lines(g: Genotype, traced: Trace) -> list[Sequence[object]]:
    """A line for each block, and a sum below each stage of several blocks."""
    total = sum(x.macs for x in traced)
    table_lines: list[Sequence[object]] = []
    for group, lines in _groups(g, traced):
        for i, x in enumerate(lines):
            place, shape = "" if i else group, show_shape(x.shape)
            table_lines.append((place, x.op, x.fields, x.repeat, shape, f"{x.params:,}", show_count(x.macs), _share(x.macs, total)))
        if len(lines) > 1:
            n, params, macs = (sum(column) for column in zip(*((x.repeat, x.params, x.macs) for x in lines), strict=True))
            shape = show_shape(lines[-1].shape)
            table_lines.append((f"= {group}", "", "", n, shape, f"{params:,}", show_count(macs), _share(macs, total)))
    return table_lines


def _share(part: int, total: int) -> str:
    """The share in percent."""
    return f"{100 * part / total:.1f}" if total else ""
