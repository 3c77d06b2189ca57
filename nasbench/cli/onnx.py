"""`export --onnx`: write a network as an ONNX model whose outputs equal those of torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nasbench.cli.shared import say, show_json, table
from nasbench.errors import NasbenchError, WeightsWarning
from nasbench.files import write_atomic
from nasbench.genotype import Genotype
from nasbench.genotype.units import show_memory

if TYPE_CHECKING:
    from torch import nn

    from nasbench.network.onnx import OnnxCheck


def export_onnx(
    g: Genotype, path: Path, dynamic_batch: bool, weights: Path | None, study: Path | None, as_json: bool, like: str | None = None
) -> None:
    """Write the model and describe it. It has the weights of a file, those of the study's winner, or random ones.

    Raises:
        NasbenchError: the extra is not installed, weights are missing or do not fit, the outputs differ from those of torch, or
            the file cannot be written. The file at `path` then stays as it was.
    """
    from nasbench.network.onnx import onnx_package

    for package in ("onnx", "onnxruntime"):  # before any work
        onnx_package(package)
    source = weights or (None if study is None else _winner_weights(study))
    batch = None if dynamic_batch else 1
    data, check = _random_model(g, batch) if source is None else _checked_model(g, load_network(g, source, like), batch)
    write_atomic(path, data)
    if as_json:
        about = {"file": str(path), "name": g.name, "bytes": len(data), "weights": None if source is None else str(source)}
        show_json(about | check.to_json())
        return
    say(f"wrote {path}: {g.name}, {'random weights' if source is None else f'weights of {source}'}")
    table(
        ("model", ""),
        (
            ("opset", check.opset),
            ("size", show_memory(len(data))),
            ("input", f"{check.input_name} {_shape(check.input_shape)}, float32"),
            ("output", f"{check.output_name} {_shape(check.output_shape)}, float32"),
            ("against torch", f"largest difference {check.error:.1e} of the largest logit, on {check.images} random images"),
            ("", f"same top-1 class on {check.agree} of {check.images}; batches of {' and '.join(map(str, check.batches))}"),
        ),
    )
    if check.blind:
        say("note: with these weights all images have nearly the same logits, so this comparison would miss many errors")


def _checked_model(g: Genotype, net: nn.Module, batch: int | None) -> tuple[bytes, OnnxCheck]:
    from nasbench.network.onnx import check_onnx, onnx_model

    data = onnx_model(g, net, batch).SerializeToString()
    return data, check_onnx(data, net, g)


def _random_model(g: Genotype, batch: int | None) -> tuple[bytes, OnnxCheck]:
    """A model with random weights, the same at each call. If all its logits are nearly equal, its norms are first set from images."""
    import torch

    from nasbench.network import build
    from nasbench.network.initialise import settle
    from nasbench.network.onnx import UnclearError

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build(g).eval()
        image = torch.randn(4, *g.input)
    try:
        return _checked_model(g, net, batch)
    except UnclearError:
        settle(net, image)
        return _checked_model(g, net, batch)


def _winner_weights(study: Path) -> Path:
    """The file with the weights of a study's winner."""
    path = study / "best" / "weights.safetensors"
    if not path.is_file():
        raise NasbenchError(
            f"a finished study holds best/weights.safetensors; {study} does not; finish it with resume, or give --weights FILE"
        )
    return path


def load_network(g: Genotype, source: Path, like: str | None = None) -> nn.Module:
    """The network in inference mode with the weights of a file, of nasbench or of another library.

    What is unusual about the weights is printed as notes on standard error.

    Args:
        like: the network that the weights are of, as `nasbench.load_weights` takes it.

    Raises:
        WeightsError: the file cannot be read, or its weights do not fit.
    """
    from nasbench.network import build, load_weights, read_weights

    net = build(g)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", WeightsWarning)
        load_weights(net, read_weights(source), like=like)
    for warning in caught:
        typer.echo(f"note: {warning.message}", err=True)
    return net.eval()


def _shape(sizes: tuple[int | str, ...]) -> str:
    return "x".join(map(str, sizes))
