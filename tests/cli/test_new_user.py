"""The whole path of a new user: photographs, a search, a training, an export, and predictions where nasbench is not installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from environments import environment, run_in
from paper_search import profile
from pictures import SCENES, photographs

from nasbench.latency import save_profile

pytestmark = pytest.mark.slow  # a search, a training, an export and seven predictions, each in a new interpreter

SEARCH = ("search", "--space", "tiny", "--device", "paper.json", "--latency", "0.8ms", "--data", "./photos", "--recipe", "short.json")
SEARCH += ("--trials", "2", "--jobs", "2", "--known", "none", "--control", "none", "--train-time", "5s", "--name", "first")
TRAIN = ("train", "runs/first", "--data", "./photos", "--epochs", "6", "--threads", "1", "--out", "runs/trained")
ALL = str(len(SCENES))
RUNTIMES = {"onnxruntime": ("onnxruntime",), "torch": ("torch", "safetensors")}


def nasbench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NASBENCH_CACHE": str(folder / "cache"), "COLUMNS": "160"}
    ran = subprocess.run([sys.executable, "-m", "nasbench", *words], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return ran


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands of a new user have run, with a device on paper, so that nothing is measured."""
    folder = tmp_path_factory.mktemp("new_user")
    photographs(folder / "photos")
    save_profile(profile(), folder / "paper.json")
    (folder / "short.json").write_text('{"images": null, "epochs": 2, "batch_size": 16, "calibration": 32}')
    nasbench(folder, *SEARCH)
    nasbench(folder, *TRAIN)
    nasbench(folder, "export", "runs/trained", "--all", "deploy")
    return folder


@pytest.fixture(scope="module", params=RUNTIMES)
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with what predict.py needs for one way to run a network, and without nasbench."""
    path = tmp_path_factory.mktemp(request.param)
    own = environment(path / "env", "numpy", "pillow", *RUNTIMES[request.param])
    packages = ("nasbench", *RUNTIMES)
    asked = run_in(own, "-c", f"from importlib.util import find_spec; print([n for n in {packages} if find_spec(n)])", folder=path)
    assert asked.stdout.strip() == f"['{request.param}']", asked.stderr
    assert "No module named 'nasbench'" in run_in(own, "-c", "import nasbench", folder=path).stderr
    return own


@pytest.mark.parametrize(("network", "delivered"), [("runs/trained", "deploy"), ("runs/first", "runs/first/best")])
def test_predictions_without_nasbench_are_those_of_nasbench(folder, python, tmp_path, network, delivered) -> None:
    files = sorted(str(file.relative_to(folder)) for file in folder.glob("photos/test/*/*.jpg"))
    shutil.copytree(folder / delivered, tmp_path / "elsewhere")
    ran = run_in(python, tmp_path / "elsewhere" / "predict.py", "--json", "--top", ALL, *files, folder=folder)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    wanted = json.loads(nasbench(folder, "predict", network, "--json", "--top", ALL, *files).stdout)
    assert [row["file"] for row in found] == [row["file"] for row in wanted] == files
    for row, own in zip(found, wanted, strict=True):
        assert row["classes"][0]["name"] == own["classes"][0]["name"]
        probabilities, expected = ({entry["name"]: entry["probability"] for entry in each["classes"]} for each in (row, own))
        assert probabilities == pytest.approx(expected, abs=1e-4)
        assert set(probabilities) == set(SCENES)


def test_the_network_has_learnt_the_photographs(folder) -> None:
    """Equal answers would say nothing of a network that gives every image the same class."""
    summary = json.loads((folder / "runs" / "trained" / "summary.json").read_text())
    assert summary["test"]["accuracy"] > 0.5, "four classes"
    assert json.loads((folder / "runs" / "first" / "best" / "summary.json").read_text())["epochs"] > 1


def test_without_a_runtime_it_says_what_to_install(folder, tmp_path) -> None:
    python = environment(tmp_path / "env", "numpy", "pillow")
    ran = run_in(python, folder / "deploy" / "predict.py", "photos/test/sky/0.jpg", folder=folder)
    assert ran.returncode == 1
    assert ran.stderr.startswith("predict.py runs a network with onnxruntime, or with torch and safetensors; none is installed")
    assert ran.stderr.count("\n") == 1
