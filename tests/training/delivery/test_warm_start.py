"""A training that begins with given weights: what is taken, what is refused, and how fast it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.models import resnet18

import nasbench as nb
from nasbench.errors import NasbenchError, WeightsError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear, residual
from nasbench.training.delivery.config import train_config
from nasbench.training.delivery.run import run_training
from nasbench.training.delivery.warm_start import GivenWeights
from nasbench.training.optimizer import make_optimizer
from nasbench.training.recipe import Recipe

NETWORK = Genotype("small", (1, 12, 12), (conv(8, 3, stride=2), residual(8, 3)), head=(gap(), linear(7)))
RECIPE = Recipe(epochs=2, batch_size=32, lr=0.1, images=320, calibration=0, warmup=0.0, head_start=0.5, body_lr=0.1)


class Quiet:
    def __init__(self):
        self.lines = []

    def stage(self, name, total=None): ...
    def step(self, message=None): ...
    def rounds(self, done, total): ...

    def say(self, message):
        self.lines.append(message)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Weights for seven classes; the embedded images have ten."""
    torch.manual_seed(5)
    save_file(nb.build(NETWORK).state_dict(), tmp_path / "given.safetensors")
    return tmp_path / "given.safetensors"


def config(file, **more):
    return train_config(NETWORK, **{"recipe": RECIPE, "threads": 1, "weights": file, **more})


def test_other_classes_get_a_fresh_classifier(file, tmp_path):
    quiet = Quiet()
    run_training(config(file), tmp_path / "out", quiet)
    assert "weights of" in quiet.lines[1]
    assert "fresh: head.1.linear.weight, head.1.linear.bias" in quiet.lines[1]


def test_the_head_learns_first_and_the_rest_slowly(file, tmp_path):
    """After the first of two epochs nothing but the classifier has changed; with body_lr 0 nothing else ever does."""
    given = load_file(file)
    for epochs, body_lr in ((1, 0.1), (2, 0.0)):
        recipe = RECIPE.to_dict() | {"head_start": 0.9 if epochs == 1 else 0.5, "body_lr": body_lr, "epochs": epochs}
        out = tmp_path / f"{epochs}"
        run_training(config(file, recipe=Recipe.from_dict(recipe | {"warmup": 0.0})), out, Quiet())
        trained = load_file(out / "weights.safetensors")
        if body_lr == 0.0:
            parameters = [name for name, _ in nb.build(NETWORK).named_parameters() if not name.startswith("head")]
            assert all(torch.equal(trained[name], given[name]) for name in parameters)
        assert not torch.equal(trained["head.1.linear.weight"], torch.zeros_like(trained["head.1.linear.weight"]))
    whole = tmp_path / "whole"
    run_training(config(file), whole, Quiet())
    moved = load_file(whole / "weights.safetensors")
    assert any(not torch.equal(moved[name], given[name]) for name in parameters)


def test_the_groups_of_the_optimizer_and_their_rates():
    net = nb.build(NETWORK)
    given = {name for name, _ in net.named_parameters() if not name.startswith("head")}
    groups = make_optimizer(net, RECIPE, given).param_groups
    assert [group["given"] for group in groups] == [False, False, True, True]
    assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))
    assert [group["given"] for group in make_optimizer(net, RECIPE).param_groups] == [False, False]


def test_branches_do_not_start_at_zero(file):
    """That would erase their given weights."""
    assert not config(file).recipe.identity_start
    assert config(None).recipe.identity_start


def test_the_usual_recipe_is_finetune(file):
    assert config(file, recipe=None).named.name == "finetune"
    assert config(file, recipe="quick").named.name == "quick"


def test_another_file_is_another_command(file, tmp_path):
    run_training(config(file), tmp_path / "out", Quiet())
    save_file({name: value + 1 for name, value in load_file(file).items()}, file)
    with pytest.raises(NasbenchError, match="weights"):
        run_training(config(file), tmp_path / "out", Quiet())


def test_an_interrupted_one_ends_with_the_same_bits(file, tmp_path):
    class Stops(Quiet):
        def step(self, message=None):
            raise KeyboardInterrupt

    run_training(config(file), tmp_path / "whole", Quiet())
    with pytest.raises(KeyboardInterrupt):
        run_training(config(file), tmp_path / "stopped", Stops())
    run_training(config(file), tmp_path / "stopped", Quiet())
    whole, stopped = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


def test_weights_of_another_library(tmp_path):
    torch.manual_seed(1)
    module = resnet18()
    torch.save(module.state_dict(), tmp_path / "resnet18.pth")
    given = GivenWeights.read(tmp_path / "resnet18.pth", nb.known("resnet18"))
    net = nb.build(nb.adapt(nb.known("resnet18"), classes=3, input=(3, 64, 64)))
    taken = given.put_into(net)
    assert "99." in given.words(net, taken)
    assert "fresh: head." in given.words(net, taken)
    first = next(name for name in net.state_dict() if name.startswith("stem"))
    assert torch.equal(net.state_dict()[first], module.conv1.weight)


def test_slices_of_a_wider_network(tmp_path):
    """The widths of `NETWORK` are a half of these."""
    wider = Genotype("wider", (1, 12, 12), (conv(16, 5, stride=2), residual(16, 3)), head=(gap(), linear(9)))
    (tmp_path / "wider.yaml").write_text(wider.to_yaml())
    torch.manual_seed(7)
    state = nb.build(wider).state_dict()
    save_file(state, tmp_path / "wider.safetensors")
    words = {"weights": tmp_path / "wider.safetensors", "like": str(tmp_path / "wider.yaml"), "slices": True}
    asked = train_config(NETWORK, recipe=Recipe.from_dict(RECIPE.to_dict() | {"body_lr": 0.0}), threads=1, **words)
    quiet = Quiet()
    run_training(asked, tmp_path / "out", quiet)
    assert "fresh: head.1.linear.weight, head.1.linear.bias" in quiet.lines[1]
    assert quiet.lines[2] == "slices of wider: 0 whole and 8 sliced layers; random: 1 for other classes (head.1.linear)"
    trained = load_file(tmp_path / "out" / "weights.safetensors")
    assert torch.equal(trained["stem.0.conv.weight"], state["stem.0.conv.weight"][:8, :, 1:4, 1:4])
    assert asked.command()["slices_of"] == f"wider {nb.digest(wider)}"


def test_slices_of_weights_of_another_network_than_like_says(file):
    with pytest.raises(WeightsError, match=r"the weights are those of lenet5, which --like names: .* has .* tensors") as raised:
        GivenWeights.of(config(file, like="lenet5", slices=True))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slices": True}, "which --like names; add --weights FILE, or --pretrained"),
        ({"slices": True, "weights": "a.pth"}, "which --like names; add --like"),
        ({"slices": True, "weights": "a.pth", "like": "order"}, "--like is a known network or the .yaml file of one"),
        ({"slices": True, "weights": "a.pth", "like": "lenet5"}, "cannot read the weights a.pth"),
    ],
)
def test_slices_need_weights_and_their_network(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NasbenchError, match=message) as raised:
        train_config(NETWORK, **options)
    assert "\n" not in str(raised.value)


def test_what_is_refused(file, tmp_path):
    with pytest.raises(NasbenchError, match=r"cannot read the weights .*none.pth"):
        config(tmp_path / "none.pth")
    with pytest.raises(NasbenchError, match="got no --weights"):
        config(None, like="order")
    with pytest.raises(WeightsError):
        GivenWeights.read(file, nb.known("lenet5"))
    other = Genotype("small", (1, 12, 12), (conv(16, 3, stride=2), residual(16, 3)), head=(gap(), linear(9)))
    with pytest.raises(WeightsError, match=r"no shape in .* agrees"):
        GivenWeights.read(file, NETWORK).put_into(nb.build(other))
