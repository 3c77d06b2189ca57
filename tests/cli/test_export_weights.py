"""`export --weights`: another library's weights under our names, or one line that says why not."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

import nasbench as nb


@pytest.fixture
def theirs(nasbench) -> torch.nn.Module:
    torch.manual_seed(0)
    net = torchvision.models.squeezenet1_1(weights=None).eval()
    torch.save(net.state_dict(), nasbench.folder / "theirs.pth")
    return net


def test_what_is_written_computes_the_same(nasbench, call, theirs) -> None:
    ran = call("export", "squeezenet1_1", "--weights", "theirs.pth", "-o", "mine.yaml")
    assert ran.returncode == 0, ran.stderr
    assert "mine.safetensors" in ran.stdout
    mine = nb.build(nb.Genotype.from_yaml(nasbench.folder / "mine.yaml")).eval()
    nb.load_weights(mine, load_file(nasbench.folder / "mine.safetensors"))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(mine(image), theirs(image))


@pytest.mark.parametrize("inside", ["state_dict", "model", "state_dict_ema"])
def test_checkpoints_and_safetensors_are_read_too(nasbench, call, theirs, inside: str) -> None:
    parallel = {f"module.{key}": value for key, value in theirs.state_dict().items()}
    torch.save({inside: parallel, "epoch": 3}, nasbench.folder / "checkpoint.pt")
    assert call("export", "squeezenet1_1", "--weights", "checkpoint.pt", "-o", "mine.yaml").returncode == 0
    assert call("export", "squeezenet1_1", "--weights", "mine.safetensors", "-o", "again.yaml").returncode == 0
    mine, again = (load_file(nasbench.folder / f"{name}.safetensors") for name in ("mine", "again"))
    assert all(torch.equal(mine[key], again[key]) for key in mine.keys() | again.keys())


def test_an_order_that_a_file_has_lost_is_found_again_by_the_names(nasbench, call, theirs) -> None:
    save_file(theirs.state_dict(), nasbench.folder / "theirs.safetensors")
    for source in ("theirs.pth", "theirs.safetensors"):
        ran = call("export", "squeezenet1_1", "--weights", source, "-o", f"{source}.yaml")
        assert ran.returncode == 0, ran.stderr
    one, two = (load_file(nasbench.folder / name) for name in ("theirs.pth.safetensors", "theirs.safetensors.safetensors"))
    assert all(torch.equal(one[key], two[key]) for key in one.keys() | two.keys())


def test_names_that_tell_nothing_need_the_network(nasbench, call, theirs) -> None:
    """Two layers of one shape; --like says of which network the weights are."""
    names = {key: key.replace("features", "body") for key in theirs.state_dict()}
    save_file({names[key]: value for key, value in theirs.state_dict().items()}, nasbench.folder / "theirs.safetensors")
    torch.save({names[key]: value for key, value in theirs.state_dict().items()}, nasbench.folder / "ordered.pth")
    (nasbench.folder / "own.yaml").write_text(nb.known("squeezenet1_1").to_yaml().replace("name: squeezenet1_1", "name: own"))
    for source in ("theirs.safetensors", "ordered.pth"):
        ran = call("export", "own.yaml", "--weights", source, "-o", "mine.yaml")
        assert ran.returncode == 2
        assert "stages.0.0.expand1x1.conv.weight may be body.3.expand1x1.weight or body." in ran.stderr
        assert "on the command line --like" in ran.stderr
    save_file({f"net.{key}": value for key, value in theirs.state_dict().items()}, nasbench.folder / "theirs.safetensors")
    for options in ((), ("--like", "squeezenet1_1"), ("--like", "torchvision.models.squeezenet1_1(weights=None)")):
        assert call("export", "own.yaml", "--weights", "theirs.safetensors", *options, "-o", "mine.yaml").returncode == 0, options
        one = load_file(nasbench.folder / "mine.safetensors")
        assert call("export", "own.yaml", "--weights", "ordered.pth", "--like", "order", "-o", "mine.yaml").returncode == 0
        two = load_file(nasbench.folder / "mine.safetensors")
        assert all(torch.equal(one[key], two[key]) for key in one.keys() | two.keys())
    ran = call("export", "own.yaml", "--like", "order")
    assert (ran.returncode, "got no --weights; add --weights FILE" in ran.stderr) == (2, True)


def test_numbers_that_no_training_leaves_are_noted(nasbench, call, theirs) -> None:
    state = theirs.state_dict()
    state["features.0.bias"][1] = float("nan")
    torch.save(state, nasbench.folder / "theirs.pth")
    ran = call("export", "squeezenet1_1", "--weights", "theirs.pth", "-o", "mine.yaml")
    assert ran.returncode == 0
    assert "note: 1 number of the weights is NaN, in features.0.bias; a network with them answers NaN; train it again" in ran.stderr


def test_another_number_of_classes_is_said(nasbench, call) -> None:
    torch.save(torchvision.models.squeezenet1_1(weights=None, num_classes=7).state_dict(), nasbench.folder / "tuned.pth")
    ran = call("export", "squeezenet1_1", "--weights", "tuned.pth", "-o", "mine.yaml")
    assert ran.returncode == 2
    assert "is [1000, 512, 1, 1] and classifier.1.weight is [7, 512, 1, 1]; they have 7 classes and the network has 1000" in ran.stderr
    assert "--classes 7" in ran.stderr
    assert call("export", "squeezenet1_1", "--classes", "7", "--weights", "tuned.pth", "-o", "mine.yaml").returncode == 0


class Code:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.pth", "absent.pth is not there"),
        ("folder", "folder is a folder"),
        ("text.pth", "cannot be read"),
        ("text.safetensors", "cannot be read"),
        ("code.pth", "cannot be read as one"),
        ("list.pth", "holds list"),
        ("empty.pth", "holds nothing"),
        ("cut.pth", "cannot be read"),
        ("other.pth", "each tensor must have the shape of its counterpart; stem.0.conv.weight is [64, 3, 3, 3] and"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(nasbench, call, theirs, name: str, said: str) -> None:
    folder = nasbench.folder
    (folder / "folder").mkdir()
    for text in ("text.pth", "text.safetensors"):
        (folder / text).write_text("no weights")
    (folder / "code.pth").write_bytes(pickle.dumps(Code()))
    torch.save([1, 2], folder / "list.pth")
    torch.save({}, folder / "empty.pth")
    (folder / "cut.pth").write_bytes((folder / "theirs.pth").read_bytes()[:5000])
    torch.save(torchvision.models.squeezenet1_0(weights=None).state_dict(), folder / "other.pth")
    ran = call("export", "squeezenet1_1", "--weights", name, "-o", "mine.yaml")
    assert ran.returncode == 2
    assert said in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert not (folder / "ran").exists()
    assert not list(folder.glob("mine.*"))


def test_weights_need_a_file_to_go_to(call, theirs) -> None:
    ran = call("export", "squeezenet1_1", "--weights", "theirs.pth")
    assert ran.returncode == 2
    assert "--out" in ran.stderr
