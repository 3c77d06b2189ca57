"""export --onnx: a network as an ONNX model, written once it answers as torch does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nasbench.cli.shared import say, show_json, table
from nasbench.errors import NasbenchError
from nasbench.files import write_atomic
from nasbench.genotype import Genotype
from nasbench.genotype.units import show_memory

if TYPE_CHECKING:
    from torch import nn

    from nasbench.network.onnx import OnnxCheck


def export_onnx(g: Genotype, path: Path, dynamic_batch: bool, weights: Path | None, study: Path | None, as_json: bool) -> None:
    """Write the model and say what it is; with the weights of a file, those of the study's winner, or random ones.

    Raises:
        NasbenchError: the extra is not installed, weights are missing or do not fit, the model does not answer as torch does,
            or it cannot be written. The file at `path` is then as it was.
    """
    from nasbench.cli.networks import loaded
    from nasbench.network.onnx import onnx_package

    for package in ("onnx", "onnxruntime"):  # before the work
        onnx_package(package)
    source = weights or (None if study is None else _winners(study))
    batch = None if dynamic_batch else 1
    data, check = _random(g, batch) if source is None else _checked(g, loaded(g, source), batch)
    write_atomic(path, data)
    if as_json:
        found = {"file": str(path), "name": g.name, "bytes": len(data), "weights": None if source is None else str(source)}
        show_json(found | check.to_json())
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
            ("", f"same first class on {check.agree} of {check.images}; {' and '.join(map(str, check.batches))} at a time"),
        ),
    )
    if check.blind:
        say("note: with these weights all images get nearly the same logits, so that the comparison sees little")


def _checked(g: Genotype, net: nn.Module, batch: int | None) -> tuple[bytes, OnnxCheck]:
    from nasbench.network.onnx import check_onnx, onnx_model

    data = onnx_model(g, net, batch).SerializeToString()
    return data, check_onnx(data, net, g)


def _random(g: Genotype, batch: int | None) -> tuple[bytes, OnnxCheck]:
    """With weights that are the same each time; where they say nothing, with norms that have seen images."""
    import torch

    from nasbench.network import build
    from nasbench.network.initialise import settle
    from nasbench.network.onnx import UnclearError

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build(g).eval()
        image = torch.randn(4, *g.input)
    try:
        return _checked(g, net, batch)
    except UnclearError:
        settle(net, image)
        return _checked(g, net, batch)


def _winners(study: Path) -> Path:
    """The weights of a study's winner."""
    path = study / "best" / "weights.safetensors"
    if not path.is_file():
        raise NasbenchError(
            f"a finished study holds best/weights.safetensors; {study} does not; finish it with resume, or give --weights FILE"
        )
    return path


def _shape(sizes: tuple[int | str, ...]) -> str:
    return "x".join(map(str, sizes))
