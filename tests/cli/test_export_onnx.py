"""`export --onnx`: a model that answers as torch does, or one line that says why there is none."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import nasbench as nb
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import branches, conv, gap, linear
from nasbench.training.preprocess import Preprocess, save_preprocess

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

TINY = Genotype("winner", (3, 16, 16), (conv(8, 3), conv(8, 3, stride=2)), (), (gap(), linear(5)))


@pytest.fixture
def study(nasbench) -> Path:
    """A finished study, as far as an export looks at it."""
    best = nasbench.folder / "runs" / "mine" / "best"
    best.mkdir(parents=True)
    (best / "genotype.yaml").write_text(TINY.to_yaml())
    torch.manual_seed(7)
    save_file(nb.build(TINY).state_dict(), best / "weights.safetensors")
    return best


def answers(path: Path, image: torch.Tensor) -> np.ndarray:
    return onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"]).run(None, {"image": image.numpy()})[0]


def one_line(ran, *parts: str) -> None:
    assert ran.returncode == 2, ran.stdout
    assert len(ran.stderr.strip().splitlines()) == 1, ran.stderr
    assert ran.stderr.startswith("nasbench: ")
    for part in parts:
        assert part in ran.stderr


def test_a_known_network(nasbench, call) -> None:
    ran = call("export", "mobilenet_v3_small", "--onnx", "m.onnx", "--input", "3x64x64", "--classes", "7")
    assert ran.returncode == 0, ran.stderr
    for words in ("wrote m.onnx: mobilenet_v3_small, random weights", "opset", "17", "image 1x3x64x64", "logits 1x7", "on 4 random images"):
        assert words in ran.stdout, words
    assert answers(nasbench.folder / "m.onnx", torch.zeros(1, 3, 64, 64)).shape == (1, 7)
    first = (nasbench.folder / "m.onnx").read_bytes()
    call("export", "mobilenet_v3_small", "--onnx", "m.onnx", "--input", "3x64x64", "--classes", "7")
    assert (nasbench.folder / "m.onnx").read_bytes() == first


def test_json_and_any_batch(nasbench, call) -> None:
    ran = call("export", "lenet5_modern", "--onnx", "m.onnx", "--dynamic-batch", "--json")
    found = json.loads(ran.stdout)
    path = nasbench.folder / "m.onnx"
    assert (found["file"], found["name"], found["bytes"]) == ("m.onnx", "lenet5_modern", path.stat().st_size)
    assert (found["opset"], found["images"], found["batches"], found["weights"]) == (17, 4, [1, 4], None)
    assert (found["input_name"], found["input_shape"][0], found["output_name"], found["output_shape"]) == (
        "image",
        "batch",
        "logits",
        ["batch", 10],
    )
    assert found["error"] < 1e-5
    assert onnx.load(path).opset_import[0].version == found["opset"]
    assert answers(path, torch.zeros(3, *found["input_shape"][1:])).shape == (3, 10)


def test_a_studys_winner_with_its_weights(nasbench, call, study: Path) -> None:
    ran = call("export", "runs/mine", "--onnx", "m.onnx")
    assert ran.returncode == 0, ran.stderr
    assert "wrote m.onnx: winner, weights of runs/mine/best/weights.safetensors" in ran.stdout
    torch.manual_seed(7)
    image = torch.randn(1, 3, 16, 16)
    torch.manual_seed(7)
    net = nb.build(TINY).eval()
    with torch.no_grad():
        assert np.allclose(answers(nasbench.folder / "m.onnx", image), net(image).numpy(), rtol=1e-4, atol=1e-6)
    again = call("export", "runs/mine", "--onnx", "n.onnx", "--input", "3x24x24")
    assert "image 1x3x24x24" in again.stdout


def test_weights_of_a_file(nasbench, call, study: Path) -> None:
    torch.manual_seed(8)
    net = nb.build(TINY).eval()
    torch.save(net.state_dict(), nasbench.folder / "other.pth")
    assert call("export", "runs/mine", "--onnx", "m.onnx", "--weights", "other.pth", "-o", "m.yaml").returncode == 0
    image = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        assert np.allclose(answers(nasbench.folder / "m.onnx", image), net(image).numpy(), rtol=1e-4, atol=1e-6)
    assert nb.Genotype.from_yaml(nasbench.folder / "m.yaml") == TINY
    assert (nasbench.folder / "m.safetensors").exists()


def test_a_block_of_ones_own(nasbench, call) -> None:
    (nasbench.folder / "mine.py").write_text(
        "from nasbench.genotype import Tracer, Value, block\n\n\n@block\ndef halves(t: Tracer, x: Value) -> Value:\n"
        '    """The halves, swapped."""\n    a, b = t.split(x, 2)\n    return t.concat(t.act(b, \'gelu\'), a)\n'
    )
    rows = "stem: [{op: conv, width: 4, kernel: 3}, {op: halves}]\nhead: [{op: gap}, {op: linear, width: 3}]\n"
    (nasbench.folder / "net.yaml").write_text(f"name: net\ninput: [3, 8, 8]\n{rows}")
    ran = call("export", "net.yaml", "--onnx", "m.onnx", "--plugin", "mine.py")
    assert ran.returncode == 0, ran.stderr
    assert "stem.1.concat" in {n.name for n in onnx.load(nasbench.folder / "m.onnx").graph.node}


def test_random_weights_that_grow_beyond_all_numbers_are_settled(nasbench, call) -> None:
    fourfold = replace(branches([[], [], [], []], "add"), repeat=8)
    g = Genotype("deep", (3, 8, 8), (conv(4, 3),), ((fourfold, conv(4, 3)),) * 9, (gap(), linear(5)))
    (nasbench.folder / "deep.yaml").write_text(g.to_yaml())
    ran = call("export", "deep.yaml", "--onnx", "m.onnx")
    assert ran.returncode == 0, ran.stderr
    assert np.isfinite(answers(nasbench.folder / "m.onnx", torch.ones(1, 3, 8, 8))).all()


def test_a_study_without_weights(nasbench, call, study: Path) -> None:
    (study / "weights.safetensors").unlink()
    one_line(call("export", "runs/mine", "--onnx", "m.onnx"), "a finished study holds best/weights.safetensors", "--weights FILE")
    (study / "genotype.yaml").unlink()
    one_line(call("export", "runs/mine", "--onnx", "m.onnx"), "a study is a directory with study.yaml; runs/mine has none")
    assert not (nasbench.folder / "m.onnx").exists()


@pytest.mark.parametrize("cut", [0, 20, 900])
def test_a_study_whose_weights_are_cut(nasbench, call, study: Path, cut: int) -> None:
    weights = study / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:cut])
    one_line(call("export", "runs/mine", "--onnx", "m.onnx"), "cannot be read")
    assert not (nasbench.folder / "m.onnx").exists()


def test_another_number_of_classes_than_the_weights(nasbench, call, study: Path) -> None:
    one_line(call("export", "runs/mine", "--onnx", "m.onnx", "--classes", "9"), "they have 5 classes and the network has 9")
    assert not (nasbench.folder / "m.onnx").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--onnx", "absent/m.onnx"), ("cannot write absent/m.onnx",)),
        (("--onnx", "file/m.onnx"), ("cannot write file/m.onnx",)),
        (("--onnx", "pictures"), ("cannot write pictures",)),
        (("--onnx", "m.onnx", "--weights", "absent.pth"), ("absent.pth is not there",)),
        (("--onnx", "m.onnx", "--input", "3x4"), ("CHANNELSxHEIGHTxWIDTH",)),
        (("--dynamic-batch",), ("got no --onnx; add --onnx FILE",)),
        (("--json",), ("got no --onnx; add --onnx FILE",)),
        (("--json", "-o", "m.yaml"), ("got no --onnx; add --onnx FILE",)),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(nasbench, call, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    (nasbench.folder / "file").write_text("")
    before = sorted(nasbench.folder.iterdir())
    one_line(call("export", "lenet5_modern", *words), *parts)
    assert sorted(nasbench.folder.iterdir()) == before


def test_a_model_that_answers_something_else_is_not_written(nasbench, call, monkeypatch: pytest.MonkeyPatch) -> None:
    from nasbench.genotype.kinds.activation import ACTS

    (nasbench.folder / "m.onnx").write_text("old")
    monkeypatch.setitem(ACTS, "relu", ACTS["relu"]._replace(onnx="LeakyRelu", attrs={"alpha": 0.2}))
    one_line(call("export", "lenet5_modern", "--onnx", "m.onnx"), "logits under onnxruntime are within 0.0001 of torch's", "please report")
    assert (nasbench.folder / "m.onnx").read_text() == "old"


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_extra(nasbench, call, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    one_line(call("export", "lenet5_modern", "--onnx", "m.onnx"), f"{missing} is not here", "pip install 'nasbench[onnx]'")
    assert not (nasbench.folder / "m.onnx").exists()
    assert call("export", "lenet5_modern").returncode == 0


def test_a_full_disk_keeps_the_old_file(nasbench) -> None:
    (nasbench.folder / "m.onnx").write_text("old")

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    one_line(nasbench("export", "lenet5_modern", "--onnx", "m.onnx", preexec_fn=full), "cannot write m.onnx")
    assert (nasbench.folder / "m.onnx").read_text() == "old"
    assert not list(nasbench.folder.glob(".m.onnx*"))


PREPROCESS = Preprocess(
    input=(3, 16, 16), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.1), classes=("a", "b", "猫", "d", "line\nbreak"), decoded_size=64
)


def test_the_winners_preprocessing_is_in_the_models_metadata(nasbench, call, study: Path) -> None:
    """Whoever gets the file alone can use it: nothing of this was in any file before."""
    save_preprocess(PREPROCESS, study / "preprocess.json")
    ran = call("export", "runs/mine", "--onnx", "m.onnx")
    assert ran.returncode == 0, ran.stderr
    assert r"5: a, b, 猫, d, line\nbreak" in ran.stdout
    assert "3x16x16, see the metadata for mean and std" in ran.stdout
    stored = onnxruntime.InferenceSession(nasbench.folder / "m.onnx", providers=["CPUExecutionProvider"]).get_modelmeta()
    assert Preprocess.from_metadata(stored.custom_metadata_map) == PREPROCESS
    assert json.loads(stored.custom_metadata_map["classes"]) == list(PREPROCESS.classes)


def test_the_metadata_of_weights_go_where_the_weights_go(nasbench, call, study: Path) -> None:
    save_file(nb.build(TINY).state_dict(), nasbench.folder / "w.safetensors", PREPROCESS.to_metadata())
    assert call("export", "runs/mine", "--onnx", "m.onnx", "-o", "m.yaml", "--weights", "w.safetensors").returncode == 0
    assert Preprocess.from_metadata({p.key: p.value for p in onnx.load(nasbench.folder / "m.onnx").metadata_props}) == PREPROCESS
    with safe_open(nasbench.folder / "m.safetensors", "pt") as file:
        assert Preprocess.from_metadata(file.metadata()) == PREPROCESS


def test_a_damaged_preprocessing_is_one_line(call, study: Path) -> None:
    (study / "preprocess.json").write_text("{}")
    one_line(call("export", "runs/mine", "--onnx", "m.onnx"), "best/preprocess.json is not nasbench preprocess 1")
