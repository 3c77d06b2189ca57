"""A trained network as a folder that needs no nasbench."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image
from safetensors.torch import load_file, save_file

import nasbench as nb
from nasbench.errors import DataError, NasbenchError
from nasbench.export import folder as module
from nasbench.export.folder import EXTRA_FILES, export_all
from nasbench.export.model_card import model_card
from nasbench.export.trained import Trained
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear, mbconv
from nasbench.latency import Prediction, local_device, make_card, save_card

NETWORK = Genotype("small net", (3, 40, 40), (conv(8, 3, stride=2),), ((mbconv(8, 3, expand="in*2"),),), (gap(), linear(3)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a training for use, on pictures of three brightnesses."""
    root = tmp_path_factory.mktemp("trained")
    draw = np.random.default_rng(0)
    for shade, name in enumerate(("dark", "gr\u00e4u", "light")):
        for i in range(24):
            path = root / "pictures" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(80 * shade, 80 * shade + 90, (40, 40, 3), np.uint8)).save(path)
    recipe = {"batch_size": 8, "lr": 0.05, "calibration": 0}
    nb.train(NETWORK, data=str(root / "pictures"), recipe=recipe, epochs=2, threads=1, out=root / "out", progress=False)
    return root


def test_everything_is_there_and_was_compared(trained, tmp_path):
    stages: list[str] = []
    exported = export_all(Trained.read(trained / "out"), tmp_path / "deploy", stages.append)
    written = {path.name for path in (tmp_path / "deploy").iterdir()}
    extra = set(EXTRA_FILES) - {"model_int8.onnx"}  # which needs images
    assert written == {"genotype.yaml", "weights.safetensors", "preprocess.json"} | extra
    assert set(exported.files) == written
    assert set(exported.checks) == {"model.py", "model.onnx"}
    assert all("largest difference" in words for words in exported.checks.values())
    assert len(stages) == 3
    again = export_all(Trained.read(tmp_path / "deploy"), tmp_path / "deploy")
    assert again.files == exported.files, "an export can be exported, also onto itself"
    before, after = (load_file(path / "weights.safetensors") for path in (trained / "out", tmp_path / "deploy"))
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("without", ["nasbench", "onnxruntime"])
def test_predict_py_answers_as_nasbench_does(trained, tmp_path, without):
    """With onnxruntime, and with torch alone: the same class, and the same probability to 1e-4."""
    export_all(Trained.read(trained / "out"), tmp_path)
    files = [str(trained / "pictures" / name / "3.png") for name in ("dark", "light")]
    expected = Trained.read(trained / "out").predict(files)
    program = (
        "import importlib.util, runpy, sys\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name: None if name == {without!r} else find(name)\n"
        f"sys.modules['nasbench'] = sys.modules[{without!r}] = None\n"
        "runpy.run_path('predict.py', run_name='__main__')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, "--json", "--top", "3", *files], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = json.loads(ran.stdout)
    assert [row["file"] for row in found] == files
    for row, classes in zip(found, expected, strict=True):
        assert [entry["name"] for entry in row["classes"]] == [name for name, _ in classes]
        assert [entry["probability"] for entry in row["classes"]] == pytest.approx([p for _, p in classes], abs=1e-4)


def test_the_model_card_is_read_by_huggingface(trained, tmp_path):
    export_all(Trained.read(trained / "out"), tmp_path)
    card = ModelCard.load(tmp_path / "MODEL_CARD.md")
    assert card.data.pipeline_tag == "image-classification"
    assert card.data.library_name == "pytorch"
    text = card.text
    for part in ("# small net", "parameters", "`dark`, `gräu`, `light`", "python predict.py", "| `model.onnx` |", "recipe `given`"):
        assert part in text


def test_the_model_card_states_accuracy_and_latency(trained):
    about = Trained.read(trained / "out")
    test = {"images": 500, "accuracy": 0.91, "low": 0.88, "high": 0.93}
    training = {"data": "photos", "recipe": "quick", "epochs": 4, "validation": None, "test": test}
    limited = make_card(replace(NETWORK, input=(3, 96, 96)), 7.0, local_device(), None, Prediction(5.0, 4.0, 6.0), "too busy")
    text = model_card(replace(about, summary=training, card=limited), {"model.py": "the network"}, {"model.py": "no difference"})
    card = ModelCard(text)
    (result,) = card.data.eval_results
    assert (result.metric_value, result.dataset_name) == (0.91, "photos")
    assert "91.00%, with a 95 % interval of 88.00% to 93.00%" in text
    assert "| `model.py` | the network | no difference |" in text
    assert "The limit is 7 ms at 3x96x96. It was not measured: too busy" in text
    assert "The weights were trained at 3x40x40, where the network is faster" in text
    assert "not of a training for use" in model_card(replace(about, summary={}), {}, {})


def test_a_folder_of_something_else_is_refused(trained, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(NasbenchError, match=r"needs a new or empty folder; .* holds other files"):
        export_all(Trained.read(trained / "out"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(NasbenchError, match="is a file; name another folder"):
        export_all(Trained.read(trained / "out"), tmp_path / "mine.txt")


def test_a_file_that_differs_ends_it_before_anything_is_written(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "nasbench.network.source.module_source", lambda g: nb.network.source.file.module_source(g).replace("F.relu", "F.silu")
    )
    with pytest.raises(NasbenchError, match="its logits differ"):
        export_all(Trained.read(trained / "out"), tmp_path / "deploy")
    assert not (tmp_path / "deploy").exists()


def test_without_onnx_the_rest_is_written(trained, tmp_path, monkeypatch):
    def missing(name):
        raise NasbenchError(f"{name} is not installed; type pip install 'nasbench[onnx]'")

    monkeypatch.setattr("nasbench.network.onnx.onnx_package", missing)
    exported = module.export_all(Trained.read(trained / "out"), tmp_path)
    assert "pip install" in exported.left_out["model.onnx"]
    assert not (tmp_path / "model.onnx").exists()
    assert "model.onnx" not in (tmp_path / "MODEL_CARD.md").read_text()


def test_what_cannot_be_read_is_refused(trained, tmp_path):
    with pytest.raises(NasbenchError, match=r"a trained network is a folder; .*nowhere is none"):
        Trained.read(tmp_path / "nowhere")
    with pytest.raises(NasbenchError, match=r"has no genotype.yaml; finish the search with"):
        Trained.read(tmp_path)
    for name in ("genotype.yaml", "weights.safetensors", "preprocess.json"):
        (tmp_path / name).write_bytes((trained / "out" / name).read_bytes())
    assert Trained.read(tmp_path).summary == {}
    (tmp_path / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"cannot read .*weights.safetensors"):
        Trained.read(tmp_path).network()
    save_file({"other": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(DataError, match="weights of another network"):
        Trained.read(tmp_path).network()
    (tmp_path / "summary.json").write_text('{"epochs": 3, "network": 1}')
    with pytest.raises(DataError, match=r"cannot read .*summary.json: network is 1"):
        Trained.read(tmp_path)
    (tmp_path / "summary.json").write_text("[")
    with pytest.raises(DataError, match=r"cannot read .*summary.json"):
        Trained.read(tmp_path)


def test_the_best_of_a_study_is_read(trained, tmp_path):
    """Its genotype keeps the input for which the limit holds; the weights are for the one at which they were trained."""
    best = tmp_path / "best"
    best.mkdir()
    for name in ("weights.safetensors", "preprocess.json"):
        (best / name).write_bytes((trained / "out" / name).read_bytes())
    (best / "genotype.yaml").write_text(replace(Genotype.from_yaml(trained / "out" / "genotype.yaml"), input=(3, 96, 96)).to_yaml())
    save_card(make_card(Genotype.from_yaml(best / "genotype.yaml"), 9.0, local_device()), best / "card.json")
    found = Trained.read(tmp_path)
    assert found.genotype.input == found.preprocess.input != (3, 96, 96)
    assert found.card.limit_ms == 9.0
    assert found.network()(torch.zeros(1, *found.genotype.input)).shape == (1, 3)
