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
    from nasbench.training.preprocess import Preprocess


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
    preprocess = None if source is None else preprocess_of(source, None if weights else study)
    data, check = _random_model(g, batch) if source is None else _checked_model(g, load_network(g, source, like), batch, preprocess)
    write_atomic(path, data)
    if as_json:
        about = {"file": str(path), "name": g.name, "bytes": len(data), "weights": None if source is None else str(source)}
        show_json(about | check.to_json() | {"preprocess": None if preprocess is None else preprocess.to_json()})
        return
    say(f"wrote {path}: {g.name}, {'random weights' if source is None else f'weights of {source}'}")
    table(
        ("model", ""),
        (
            ("opset", check.opset),
            ("size", show_memory(len(data))),
            ("input", f"{check.input_name} {_shape(check.input_shape)}, float32"),
            ("output", f"{check.output_name} {_shape(check.output_shape)}, float32"),
            *([] if preprocess is None else [("classes", _class_words(preprocess))]),
            *([] if preprocess is None else [("trained at", f"{_shape(preprocess.input)}, see the metadata for mean and std")]),
            ("against torch", f"largest difference {check.error:.1e} of the largest logit, on {check.images} random images"),
            ("", f"same top-1 class on {check.agree} of {check.images}; batches of {' and '.join(map(str, check.batches))}"),
        ),
    )
    if check.blind:
        say("note: with these weights all images have nearly the same logits, so this comparison would miss many errors")


def _checked_model(g: Genotype, net: nn.Module, batch: int | None, preprocess: Preprocess | None = None) -> tuple[bytes, OnnxCheck]:
    from nasbench.network.onnx import check_onnx, onnx_model

    data = onnx_model(g, net, batch, None if preprocess is None else preprocess.to_metadata()).SerializeToString()
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


def _winner_weights(study: Path) -> Path | None:
    """The file with the weights of a study's winner; None for a study that has none yet."""
    path = study / "best" / "weights.safetensors"
    if not (study / "best" / "genotype.yaml").is_file():
        return None  # the best trial so far: only the final round stores weights
    if not path.is_file():
        raise NasbenchError(
            f"a finished study holds best/weights.safetensors; {study} does not; finish it with resume, or give --weights FILE"
        )
    return path


def preprocess_of(weights: Path, study: Path | None = None) -> Preprocess | None:
    """What turns images into the input that the weights were trained for; None where neither the study nor the file says it.

    Raises:
        DataError: what they say is damaged.
    """
    from safetensors import SafetensorError, safe_open

    from nasbench.training.preprocess import PREPROCESS_FILE, Preprocess, load_preprocess

    beside = None if study is None else study / "best" / PREPROCESS_FILE
    if beside is not None and beside.is_file():
        return load_preprocess(beside)
    try:
        with safe_open(weights, "pt") as file:
            return Preprocess.from_metadata(file.metadata(), str(weights))
    except (SafetensorError, OSError):  # weights of another format, which have no metadata
        return None


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


def _class_words(preprocess: Preprocess) -> str:
    from nasbench.training.folders.names import shown

    names = [shown(name) for name in preprocess.classes]
    return f"{len(names)}: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"


def _shape(sizes: tuple[int | str, ...]) -> str:
    return "x".join(map(str, sizes))
