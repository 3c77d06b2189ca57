"""cost, export: one network counted, and taken away."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.cli.shared import INPUT, JSON, NAME, at_input, console, genotype_of, rows_of, say, show_json, table, winner_of
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, adapt, cost_of, trace
from nasbench.genotype.units import show_memory
from nasbench.zoo import facts

if TYPE_CHECKING:
    from torch import nn


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
    onnx: Annotated[Path | None, typer.Option("--onnx", help="Write an ONNX model to this file, compared with torch first.")] = None,
    dynamic_batch: Annotated[bool, typer.Option("--dynamic-batch", help="The ONNX model takes any number of images at once.")] = False,
    input: str | None = INPUT,
    classes: Annotated[int | None, typer.Option(help="Another number of classes.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="State dict of torchvision, timm, pytorchcv or ours (.pth, .safetensors), for --onnx and beside --out."),
    ] = None,
    as_json: bool = JSON,
) -> None:
    """Write a network's genotype as YAML, with weights as a .safetensors file beside it; or the network as an ONNX model.

    A study's winner goes into the model with the weights of its last round; a network without weights gets random ones.

    Examples: nasbench export mobilenet_v2 --classes 10 -o my.yaml; nasbench export runs/mbconv-20ms --onnx my.onnx
    """
    if onnx is None and (dynamic_batch or as_json):
        raise NasbenchError("--dynamic-batch and --json are about an ONNX model; there is none; give --onnx FILE too")
    if weights is not None and out is None and onnx is None:
        raise NasbenchError("--weights are written beside the genotype; it goes to the screen; give --out FILE.yaml too")
    study = Path(name) if Path(name).is_dir() else None
    g = winner_of(study) if study else genotype_of(name)
    g = adapt(at_input(g, input), classes=classes)
    trace(g)  # say now what is wrong with it
    if onnx is not None:
        from nasbench.cli.onnx import export_onnx

        export_onnx(g, onnx, dynamic_batch, weights, study, as_json)
    if out is None:
        if onnx is None:
            typer.echo(g.to_yaml(), nl=False)
        return
    from nasbench.files import write_atomic

    beside = "" if weights is None else f", and {_write_weights(g, weights, out)}"
    write_atomic(out, g.to_yaml())
    if not as_json:
        say(f"wrote {out}: {g.name}, {'x'.join(map(str, g.input))}{beside}")


def loaded(g: Genotype, source: Path) -> nn.Module:
    """The network with the weights of a file, ours or another library's, in inference mode."""
    from nasbench.network import build, load_weights, read_weights

    net = build(g)
    load_weights(net, read_weights(source), like=g.name if g.name in facts() else None)
    return net.eval()


def _write_weights(g: Genotype, source: Path, out: Path) -> Path:
    """The weights of `source` under our names, beside `out`."""
    from safetensors.torch import save

    from nasbench.files import write_atomic

    path = out.with_suffix(".safetensors")
    write_atomic(path, save({name: value.contiguous() for name, value in loaded(g, source).state_dict().items()}))
    return path


__all__ = ["register", "rows_of"]
