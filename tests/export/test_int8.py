"""The 8-bit model: what it answers, and that it is delivered only where it is faster and hardly less accurate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nasbench as nb
from nasbench.errors import NasbenchError
from nasbench.export import int8 as module
from nasbench.export.folder import export_all
from nasbench.export.int8 import Int8Report, int8_model
from nasbench.export.trained import Trained
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.training.data import load_images

NETWORK = Genotype("small", (1, 28, 28), (conv(8, 3, stride=2), conv(16, 3, stride=2)), head=(gap(), linear(10)))
REPORT = Int8Report(0.91, 0.909, 2000, False, 7.0, 5.0, 0.71, 5_000_000, 1_300_000)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("int8") / "out"
    nb.train(NETWORK, recipe={"images": 2000, "calibration": 0, "lr": 0.1}, epochs=2, threads=1, out=out, progress=False)
    return out


def test_it_answers_like_the_model_with_32_bits(trained):
    from nasbench.network.onnx import onnx_model

    about = Trained.read(trained)
    images = load_images("embedded", None)
    data = onnx_model(about.genotype, about.network(), None).SerializeToString()
    quantised, report = int8_model(data, about, images)
    assert quantised != data
    assert report.images == 2000
    assert not report.kept
    assert abs(report.accuracy - report.int8_accuracy) < 0.03
    assert report.accuracy > 0.3, "a control: it has learned something"
    assert report.ms > 0
    assert report.int8_bytes == len(quantised)
    for name in ("ratio", "ms", "int8_ms"):
        assert np.isfinite(getattr(report, name))


@pytest.mark.parametrize(
    ("changed", "better"),
    [({}, True), ({"ratio": 0.96}, False), ({"int8_accuracy": 0.904}, False), ({"int8_accuracy": 0.906}, True), ({"ratio": 0.95}, True)],
)
def test_when_it_is_delivered(changed, better):
    assert replace(REPORT, **changed).is_better == better
    assert "0.71 times the latency (5.00 ms, 7.00 ms), 90.9% of 2000 training images (91.0%)" in REPORT.words()
    assert "validation images" in replace(REPORT, kept=True).words()


@pytest.mark.parametrize("better", [True, False])
def test_an_export_has_it_or_says_why_not(trained, tmp_path, monkeypatch, better):
    report = REPORT if better else replace(REPORT, ratio=1.3)
    monkeypatch.setattr(module, "int8_model", lambda data, about, images: (b"eight bits", report))
    exported = export_all(Trained.read(trained), tmp_path / "deploy", images=load_images("embedded", None))
    assert (tmp_path / "deploy" / "model_int8.onnx").exists() == better
    assert ("model_int8.onnx" in exported.checks) == better
    assert ("model_int8.onnx" in (tmp_path / "deploy" / "MODEL_CARD.md").read_text()) == better
    assert (better and not exported.left_out) or exported.left_out == {"model_int8.onnx": report.words()}


def test_a_model_that_cannot_be_quantised_is_said(trained, tmp_path, monkeypatch):
    def fails(*args):
        raise NasbenchError("onnxruntime cannot quantise small")

    monkeypatch.setattr(module, "int8_model", fails)
    exported = export_all(Trained.read(trained), tmp_path / "deploy", images=load_images("embedded", None))
    assert exported.left_out == {"model_int8.onnx": "onnxruntime cannot quantise small"}
    assert (tmp_path / "deploy" / "model.onnx").exists()
