"""torchvision's pretrained weights: from a cache that the test fills, from an address on this machine, and where there are none."""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import torch
import torchvision
from torchvision.models import get_model_weights

import nasbench as nb
from nasbench.errors import NasbenchError, WeightsError
from nasbench.training.delivery import pretrained
from nasbench.training.delivery.config import train_config
from nasbench.training.delivery.pretrained import has_pretrained, pretrained_file
from nasbench.training.delivery.warm_start import GivenWeights

NAME = "shufflenet_v2_x0_5"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError(OSError(-2, "Name or service not known"))

    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, torch.Tensor]]:
    """Random weights of a network in the cache, in a file that is named by its SHA-256 as torchvision's are."""
    torch.manual_seed(3)
    state = torchvision.models.get_model(NAME, weights=None).state_dict()
    content = io.BytesIO()
    torch.save(state, content)
    url = f"https://nowhere.invalid/models/{NAME}-{hashlib.sha256(content.getvalue()).hexdigest()[:8]}.pth"
    monkeypatch.setattr(pretrained, "_address", lambda name: url if name == NAME else None)
    cache.mkdir(parents=True)
    file = cache / os.path.basename(url)
    file.write_bytes(content.getvalue())
    return file, state


def test_the_networks_with_pretrained_weights_are_those_of_torchvision() -> None:
    assert {name for name in nb.known() if has_pretrained(name)} == set(nb.known()) & set(torchvision.models.list_models())


def test_weights_are_taken_from_the_cache(cached) -> None:
    file, state = cached
    config = train_config(nb.known(NAME), pretrained=True)
    assert (config.weights, config.named.name) == (str(file), "finetune")
    assert config.command() == train_config(nb.known(NAME), weights=file).command()
    given = GivenWeights.read(file, config.network)
    net = nb.build(nb.adapt(config.network, input=(3, 64, 64), classes=4))
    words = given.words(net, given.put_into(net))
    first = next(name for name in net.state_dict() if name.endswith("weight"))
    assert torch.equal(net.state_dict()[first], state["conv1.0.weight"])
    assert re.search(r"fresh: head\.\d+\.linear\.weight, head\.\d+\.linear\.bias$", words), words


@pytest.mark.parametrize(
    "network",
    [nb.adapt(nb.known(NAME), input=(3, 64, 64), classes=7), replace(nb.known(NAME), name="mine")],
    ids=["other classes and input", "another name"],
)
def test_a_known_network_is_recognised(cached, network: nb.Genotype) -> None:
    assert pretrained_file(network) == cached[0]


def test_a_damaged_file_in_the_cache_is_refused(cache: Path) -> None:
    """Its name is torchvision's own, and its bytes are not."""
    cache.mkdir(parents=True)
    file = cache / os.path.basename(get_model_weights(NAME).DEFAULT.url)
    file.write_bytes(b"half of a download")
    with pytest.raises(WeightsError, match="so it is damaged or another file; delete it, and the same command downloads it") as raised:
        pretrained_file(nb.known(NAME))
    assert str(file) in str(raised.value)


def test_a_download_is_whole_and_checked(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub.urlopen", urlopen)
    sha256 = hashlib.sha256(b"the weights").hexdigest()
    for digits in (sha256[:8], "00000000"):
        place = tmp_path / f"{NAME}-{digits}.pth"
        place.write_bytes(b"the weights")
        monkeypatch.setattr(pretrained, "_address", lambda name, place=place: place.as_uri() if name == NAME else None)
        if digits != "00000000":
            assert pretrained_file(nb.known(NAME)).read_bytes() == b"the weights"
            continue
        with pytest.raises(WeightsError, match=r"cannot be downloaded \(invalid hash value"):
            pretrained_file(nb.known(NAME))
    assert [file.name for file in cache.iterdir()] == [f"{NAME}-{sha256[:8]}.pth"]


def test_without_a_network_one_line_says_what_to_do(cache: Path) -> None:
    with pytest.raises(WeightsError) as raised:
        train_config(nb.known(NAME), pretrained=True)
    message = str(raised.value)
    assert "cannot be downloaded (<urlopen error [Errno -2] Name or service not known>)" in message
    assert str(cache) in message
    assert get_model_weights(NAME).DEFAULT.url in message
    assert "--weights FILE" in message
    assert "\n" not in message
    assert not list(cache.iterdir()), "nothing is left of a failed download"


def test_a_cache_that_cannot_be_written(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="Not a directory"):
        pretrained_file(nb.known(NAME))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mobilenet_v2_075", "it has none of mobilenet_v2_075; the nearest that has is mobilenet_v2; give the weights of another library"),
        ("mnasnet1_4", "the nearest that has is mnasnet1_3;"),
        ("lenet5", "it has none of lenet5; give the weights of another library with --weights FILE"),
    ],
)
def test_a_network_without_pretrained_weights(cache: Path, name: str, parts: str) -> None:
    with pytest.raises(WeightsError, match=re.escape(parts)):
        pretrained_file(nb.known(name))


def test_a_network_that_is_not_known(cache: Path) -> None:
    for network in (nb.space("tiny").sample(0), replace(nb.space("tiny").sample(0), name=NAME)):
        with pytest.raises(WeightsError, match=r"is not one; name one that is like it with --like KNOWN --slices"):
            pretrained_file(network)


def test_it_is_not_given_with_other_weights(tmp_path: Path) -> None:
    for more in ({"weights": tmp_path / "a.pth"}, {"like": "order"}):
        with pytest.raises(NasbenchError, match=r"got --(weights|like), too; leave one of them out"):
            train_config(nb.known(NAME), pretrained=True, **more)


def test_slices_of_the_pretrained_weights_of_another_network(cached) -> None:
    file, state = cached
    found = nb.space("tiny").sample(0)
    config = train_config(found, pretrained=True, like=NAME, slices=True)
    assert (config.weights, config.slices_of) == (str(file), nb.known(NAME))
    given = GivenWeights.of(config)
    assert given is not None
    assert torch.equal(given.weights["stem.0.conv.weight"], state["conv1.0.weight"][: nb.trace(found)[1].channels])
