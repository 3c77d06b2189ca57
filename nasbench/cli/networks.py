"""cost, export: one network counted, and taken away."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.shared import INPUT, JSON, NAME, at_input, console, genotype_of, rows_of, show_json, table, winner_of
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, adapt, cost_of, trace
from nasbench.genotype.units import show_memory
from nasbench.zoo import facts


def register(app: typer.Typer) -> None:
    app.command("cost")(cost)
    app.command("export")(export)


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
    g = at_input(genotype_of(name), input)
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
    g = winner_of(Path(name)) if Path(name).is_dir() else genotype_of(name)
    g = adapt(at_input(g, input), classes=classes)
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


__all__ = ["register", "rows_of"]
