"""Write everything that a trained network needs to be used without nasbench, each file after its own check."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.errors import NasbenchError
from nasbench.export.model_card import MODEL_CARD, model_card
from nasbench.export.trained import CARD, Trained
from nasbench.files import write_atomic
from nasbench.latency.card import card_text
from nasbench.training.delivery import GENOTYPE, SUMMARY, WEIGHTS
from nasbench.training.preprocess import PREPROCESS_FILE

if TYPE_CHECKING:
    from nasbench.training.images import Images

MODEL, ONNX, PREDICT = "model.py", "model.onnx", "predict.py"
INT8 = "model_int8.onnx"
EXTRA_FILES = (MODEL, ONNX, INT8, PREDICT, MODEL_CARD, SUMMARY)  # that an export has, and the short training of a search has not


@dataclass
class Exported:
    """What an export holds.

    Attributes:
        files: what each file is, by name.
        checks: what was found when a file was compared with the network, by name.
        left_out: why a file was not written, by name.
    """

    files: dict[str, str] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"files": self.files, "checks": self.checks, "left_out": self.left_out}


def export_all(trained: Trained, path: Path, stage: Callable[[str], None] = lambda name: None, images: Images | None = None) -> Exported:
    """Write a trained network into a folder: genotype, weights, torch module, ONNX model, preprocessing, `predict.py` and a model card.

    A file that was compared with the network and differs ends it with an error, and the folder stays as it was.

    Args:
        path: a new or empty folder, or one that was written by this function.
        stage: called with what is done next.
        images: those that it was trained for; with them an 8-bit ONNX model is tried, too.

    Raises:
        NasbenchError: the folder holds other files; the network cannot be read; or a file differs from the network.
    """
    _check_folder(path)
    contents, exported = exported_files(trained, stage, images)
    write_files(path, contents)
    return exported


def exported_files(
    trained: Trained, stage: Callable[[str], None] = lambda name: None, images: Images | None = None
) -> tuple[dict[str, str | bytes], Exported]:
    """The content of every file of an export, by name, after the comparisons; nothing is written. For the arguments see `export_all`."""
    exported = Exported()
    stage("loading the network")
    net = trained.network()
    contents: dict[str, str | bytes] = {GENOTYPE: trained.genotype.to_yaml(), WEIGHTS: (trained.path / WEIGHTS).read_bytes()}
    exported.files |= {GENOTYPE: "the network, for nasbench", WEIGHTS: "its weights"}
    stage("writing the torch module, and comparing it with the network")
    contents |= _module(trained, net, exported)
    stage("writing the ONNX model, and comparing it with the network")
    contents |= _onnx(trained, net, exported)
    if images is not None and isinstance(data := contents.get(ONNX), bytes):
        stage("quantising the ONNX model to 8 bits, and measuring both")
        contents |= _int8(data, trained, images, exported)
    contents[PREPROCESS_FILE] = json.dumps(trained.preprocess.to_json(), indent=1, ensure_ascii=False) + "\n"
    contents[PREDICT] = resources.files("nasbench.export.standalone").joinpath(PREDICT).read_text(encoding="utf-8")
    exported.files |= {
        PREPROCESS_FILE: "how images become inputs, and the names of the classes",
        PREDICT: "a script that names the class of images; it needs no nasbench",
    }
    if trained.card is not None:
        contents[CARD] = card_text(trained.card)
        exported.files[CARD] = "the latency limit, and what was measured; `nasbench verify card.json` measures it again"
    if trained.summary:
        contents[SUMMARY] = json.dumps(dict(trained.summary), indent=1, allow_nan=False) + "\n"
        exported.files[SUMMARY] = "how it was trained and tested"
    exported.files[MODEL_CARD] = "this text"
    contents[MODEL_CARD] = model_card(trained, exported.files, exported.checks)
    return contents, exported


def write_files(path: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write files into a folder, each of them whole or not at all; the weights come last.

    Raises:
        NasbenchError: a file cannot be written.
    """
    path.mkdir(parents=True, exist_ok=True)
    for name in sorted(contents, key=lambda name: name == WEIGHTS):
        write_atomic(path / name, contents[name])


def _check_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise NasbenchError(f"an export is a folder; {path} is a file; name another folder")
    if path.is_dir() and any(path.iterdir()) and not (path / MODEL_CARD).is_file():
        raise NasbenchError(f"an export needs a new or empty folder; {path} holds other files; name another folder")


def _module(trained: Trained, net: Any, exported: Exported) -> dict[str, str | bytes]:
    from nasbench.network.source import check_source, module_source, name_of

    text = module_source(trained.genotype)
    error = check_source(text, name_of(trained.genotype), net, trained.genotype)
    exported.files[MODEL] = "the network as a torch module that needs torch alone"
    exported.checks[MODEL] = f"largest difference {error:.1e} of the largest logit"
    return {MODEL: text}


def _onnx(trained: Trained, net: Any, exported: Exported) -> dict[str, str | bytes]:
    from nasbench.network.onnx import UnclearError, check_onnx, onnx_model, onnx_package

    try:
        for package in ("onnx", "onnxruntime"):
            onnx_package(package)
    except NasbenchError as error:
        exported.left_out[ONNX] = str(error)
        return {}
    data = onnx_model(trained.genotype, net, None, trained.preprocess.to_metadata()).SerializeToString()
    try:
        check = check_onnx(data, net, trained.genotype)
    except UnclearError as error:  # with these weights nothing can be said
        exported.left_out[ONNX] = str(error)
        return {}
    exported.files[ONNX] = "the network as an ONNX model, for batches of any size"
    exported.checks[ONNX] = f"largest difference {check.error:.1e} of the largest logit"
    return {ONNX: data}


def _int8(data: bytes, trained: Trained, images: Images, exported: Exported) -> dict[str, str | bytes]:
    from nasbench.export.int8 import int8_model

    try:
        quantised, report = int8_model(data, trained, images)
    except NasbenchError as error:
        exported.left_out[INT8] = str(error)
        return {}
    if not report.is_better:
        exported.left_out[INT8] = report.words()
        return {}
    exported.files[INT8] = "the same with 8 bits, which is faster"
    exported.checks[INT8] = report.words()
    return {INT8: quantised}
