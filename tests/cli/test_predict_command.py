"""`nasbench predict` and `nasbench export --all`, as their user types them."""

from __future__ import annotations

import json
import shutil

import pytest
from messages import one_line

import nasbench as nb
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear

NETWORK = Genotype("small", (3, 16, 16), (conv(8, 3, stride=2), conv(8, 3)), head=(gap(), linear(3)))
TRAINED = "runs/train-small-pictures"


@pytest.fixture(scope="module")
def made(program):
    """A network that was trained on pictures of three brightnesses."""
    out = program.folder / "out"
    recipe = {"batch_size": 8, "lr": 0.1, "calibration": 0}
    nb.train(NETWORK, data=str(program.folder / "pictures"), recipe=recipe, epochs=4, threads=1, out=out, progress=False)
    return out


@pytest.fixture
def ready(nasbench, made):
    shutil.copytree(made, nasbench.folder / TRAINED)
    (nasbench.folder / "small.yaml").write_text(NETWORK.to_yaml())
    return nasbench


def test_classes_of_images(ready, call):
    files = ["pictures/dark/2.png", "pictures/light/2.png"]
    shown = call("predict", TRAINED, *files)
    assert shown.returncode == 0, shown.stderr
    assert "dark" in shown.stdout
    listed = json.loads(call("predict", TRAINED, *files, "--top", "2", "--json").stdout)
    assert [row["file"] for row in listed] == files
    assert [row["classes"][0]["name"] for row in listed] == ["dark", "light"]
    for row in listed:
        (first, second) = [entry["probability"] for entry in row["classes"]]
        assert first >= second
        assert first + second <= 1


def test_a_folder_to_deploy(ready, call):
    written = call("export", TRAINED, "--all", "deploy")
    assert written.returncode == 0, written.stderr
    assert "largest difference" in written.stdout
    assert {"model.py", "model.onnx", "predict.py", "MODEL_CARD.md"} <= {path.name for path in (ready.folder / "deploy").iterdir()}
    about = json.loads(call("export", TRAINED, "--all", "deploy", "--json").stdout)
    assert about["path"] == "deploy"
    assert set(about["checks"]) == {"model.py", "model.onnx"}
    eight = json.loads(call("export", TRAINED, "--all", "deploy", "--data", "./pictures", "--json").stdout)
    assert "8 bits: " in (eight["checks"] | eight["left_out"])["model_int8.onnx"]
    first, again = (call("predict", folder, "pictures/grey/1.png", "--json").stdout for folder in (TRAINED, "deploy"))
    assert first == again


def test_a_torch_module(ready, call):
    written = call("export", "small.yaml", "--python", "small.py")
    assert (written.returncode, written.stdout.strip()) == (0, "wrote small.py: the class Small, which computes what small does")
    assert "class Small(nn.Module):" in (ready.folder / "small.py").read_text()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("predict", "nowhere", "pictures/dark/2.png"), ["a trained network is a folder", "nowhere"]),
        (("predict", "pictures", "pictures/dark/2.png"), ["has no genotype.yaml", "nasbench train"]),
        (("predict", TRAINED, "none.png"), ["cannot read none.png"]),
        (("predict", TRAINED, "small.yaml"), ["small.yaml", "not that of an image"]),
        (("predict", TRAINED), ["IMAGE"]),
        (("export", TRAINED, "--all", "pictures"), ["new or empty folder", "pictures holds other files"]),
        (("export", TRAINED, "--all", "deploy", "--classes", "4"), ["--all writes the trained network as it is", "--classes"]),
        (("export", TRAINED, "--data", "./pictures"), ["--data is for an 8-bit model", "add --all FOLDER"]),
        (("export", "small.yaml", "--all", "deploy"), ["a trained network is a folder", "small.yaml is none"]),
    ],
)
def test_bad_input_is_one_line(ready, call, words, parts):
    one_line(call(*words), *parts)
    assert not (ready.folder / "deploy").exists()
