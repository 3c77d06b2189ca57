"""The commands `cost` and `export`: count a network, or write it to a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.shared import INPUT, JSON, NAME, at_input, console, genotype_of, say, show_json, table, trained_network, winner_of
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, adapt, class_count, cost_of, trace
from nasbench.genotype.units import show_memory


def register(app: typer.Typer) -> None:
    app.command("cost")(cost)
    app.command("export")(export)


def cost(
    name: str = NAME,
    input: str | None = INPUT,
    verify: bool = typer.Option(False, help="Compare the counts with fvcore, operator by operator, on the built network."),
    as_json: bool = JSON,
) -> None:
    """Count parameters, MACs, activations and memory of a network, without torch.

    MACs are the multiply-adds of convolutions and linear layers for one image. FLOPs are twice as many; docs/counting.md says what other
    counters add.

    Example: nasbench cost resnet50 --verify
    """
    g = at_input(genotype_of(name), input)
    layers = trace(g)
    c = cost_of(layers)
    checked = None
    if verify:
        from nasbench.network.verify import verify_cost

        checked = verify_cost(g)
    if as_json:
        show_json({"name": g.name, "input": list(g.input), **asdict(c), **({"fvcore": checked.to_json()} if checked else {})})
    else:
        table(
            ("metric", ">value", "convention"),
            (
                ("parameters", f"{c.params:,}", "trained numbers, without running statistics"),
                ("MACs", f"{c.macs:,}", "multiply-adds of convolutions and linear layers, one image"),
                ("activations", f"{c.activations:,}", "numbers written by convolutions and linear layers"),
                ("depth", f"{c.depth:,}", "convolutions and linear layers on the longest path"),
                ("memory to run", show_memory(c.peak_bytes), "float32, batch 1: weights and the most activations alive at once"),
                ("memory to train", show_memory(c.train_peak_bytes), "float32, batch 1, estimated"),
                *([("auxiliary heads", f"{c.auxiliary_params:,}", "more parameters, in training only")] if c.auxiliary_params else []),
            ),
        )
        if not layers[-1].flat:
            say("", f"no classifier: it ends in a map of {'x'.join(map(str, layers[-1].shape))}, so it can be neither trained nor exported")
        if checked:
            console.print()
            table(("operator", ">nasbench", ">fvcore", "equal"), checked.rows())
            console.print(f"\nfvcore also counts {', '.join(checked.also) or 'nothing else'}; MACs leave that out.")
    if checked and not checked.equal:
        raise NasbenchError(f"the counts of nasbench and fvcore are equal; those of {g.name} differ; please report this network")


def export(
    name: Annotated[str, typer.Argument(help="A known network, a genotype's .yaml file, or a study's folder (its winner).")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file; by default the YAML is printed.")] = None,
    onnx: Annotated[Path | None, typer.Option("--onnx", help="Write an ONNX model to this file, after a comparison with torch.")] = None,
    python: Annotated[
        Path | None, typer.Option("--python", help="Write a torch module to this file, as Python that needs torch alone.")
    ] = None,
    everything: Annotated[
        Path | None,
        typer.Option("--all", help="Write all that a trained network needs without nasbench into this folder: model.py, ONNX, predict.py."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="With --all: the images that the network was trained for; then an 8-bit ONNX model is tried, too."),
    ] = None,
    data_root: Annotated[Path | None, typer.Option(help="Where downloaded data sets are kept.")] = None,
    dynamic_batch: Annotated[bool, typer.Option("--dynamic-batch", help="Let the ONNX model accept any batch size.")] = False,
    input: str | None = INPUT,
    classes: Annotated[int | None, typer.Option(help="Change the number of classes.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="State dict of torchvision, timm, pytorchcv or nasbench (.pth, .safetensors), for --onnx or beside --out."),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            help="The network that --weights are of, where names do not tell: a constructor such as \"timm.create_model('resnet18')\", "
            "a known network, or order (they are in the order in which their layers run)."
        ),
    ] = None,
    as_json: bool = JSON,
) -> None:
    """Write the genotype of a network as YAML, with its weights as a .safetensors file beside it, or the network as an ONNX model or as
    Python.

    The ONNX model of a study's winner has the weights of its final round. A network without weights gets random weights. A Python file
    holds no weights; those of nasbench fit it.

    With --all the network is a study's folder or that of a `nasbench train`, and each file is compared with the network.

    Examples: nasbench export mobilenet_v2 --classes 10 -o my.yaml; nasbench export runs/mbconv-20ms --onnx my.onnx --python model.py

    Example: nasbench export runs/mbconv-20ms --all deploy
    """
    if everything is not None:
        others = {"--out": out, "--onnx": onnx, "--python": python, "--input": input, "--classes": classes, "--weights": weights}
        if given := [name for name, value in others.items() if value is not None]:
            raise NasbenchError(f"--all writes the trained network as it is; got {', '.join(given)}, too; leave --all or the others out")
        _export_all(Path(name), everything, data, data_root, as_json)
        return
    if data is not None or data_root is not None:
        raise NasbenchError("--data is for an 8-bit model of a trained network; got no --all; add --all FOLDER, or leave --data out")
    if onnx is None and (dynamic_batch or as_json):
        raise NasbenchError("--dynamic-batch and --json need an ONNX model; got no --onnx; add --onnx FILE")
    if weights is not None and out is None and onnx is None:
        raise NasbenchError("--weights need a file beside which they are written; got neither --out nor --onnx; add --out FILE.yaml")
    if like is not None and weights is None:
        raise NasbenchError("--like says which network --weights are of; got no --weights; add --weights FILE, or leave --like out")
    study = Path(name) if Path(name).is_dir() else None
    g = winner_of(study) if study else genotype_of(name)
    g = adapt(at_input(g, input), classes=classes)
    layers = trace(g)  # finds errors before anything is written
    if onnx is not None:
        class_count(layers, g.name)
    if python is not None:
        _write_source(g, python, as_json)
    if onnx is not None:
        from nasbench.cli.onnx import export_onnx

        export_onnx(g, onnx, dynamic_batch, weights, study, as_json, like)
    if out is None:
        if onnx is None and python is None:
            typer.echo(g.to_yaml(), nl=False)
        return
    from nasbench.files import write_atomic

    beside = "" if weights is None else f", and {_write_weights(g, weights, out, like)}"
    write_atomic(out, g.to_yaml())
    if not as_json:
        say(f"wrote {out}: {g.name}, {'x'.join(map(str, g.input))}{beside}")


def _export_all(source: Path, path: Path, data: str | None, data_root: Path | None, as_json: bool) -> None:
    """Write the folder, and say what is in it."""
    from nasbench.export.folder import export_all
    from nasbench.progress import Reporter

    trained = trained_network(source)
    with Reporter() as reporter:
        images = None
        if data is not None:
            from nasbench.training.data import load_images

            reporter.stage(f"loading the images of {data}")
            images = load_images(data, data_root, size=trained.preprocess.side, progress=reporter.rounds)
        exported = export_all(trained, path, reporter.stage, images)
    if as_json:
        show_json({"path": str(path), **exported.to_json()})
        return
    say(f"wrote {path}")
    table(
        ("file", "", "compared with the network"), [(name, about, exported.checks.get(name, "")) for name, about in exported.files.items()]
    )
    for name, reason in exported.left_out.items():
        say(f"without {name}: {reason}")


def _write_source(g: Genotype, path: Path, as_json: bool) -> None:
    """Write the network as Python, after a comparison with the network."""
    from nasbench.files import write_atomic
    from nasbench.network.source import checked_source, name_of

    write_atomic(path, checked_source(g))
    if not as_json:
        say(f"wrote {path}: the class {name_of(g)}, which computes what {g.name} does")


def _write_weights(g: Genotype, source: Path, out: Path, like: str | None) -> Path:
    """Write the weights of the file `source` under the names of nasbench, with their metadata, beside `out`; returns the path."""
    from safetensors.torch import save

    from nasbench.cli.onnx import load_network, preprocess_of
    from nasbench.files import write_atomic

    path = out.with_suffix(".safetensors")
    preprocess = preprocess_of(source)
    weights = {name: value.contiguous() for name, value in load_network(g, source, like).state_dict().items()}
    write_atomic(path, save(weights, None if preprocess is None else preprocess.to_metadata()))
    return path
