"""Which conventions change outputs: each sentence for networks that use it, and for no others."""

from __future__ import annotations

import pytest

import nasbench as nb
from nasbench.genotype.conventions import conventions

USES = {
    "option A take every stride-th pixel": ("resnet20_cifar10", "resnet18_a"),
    "max pooling 3x3 pads 1 pixel on each side; Caffe pads none": ("nin_cifar10", "resnet50", "resnet18_a"),
    "max pooling pads nothing and rounds the size up": ("nin", "seresnet50", "googlenet_original", "inception_v2"),
    "averages at the edge count padded zeros": ("nin_cifar10", "inception_v3", "inception_v2"),
    "averages at the edge leave padded zeros out": ("inception_v4",),
    "averages of 2x2 pixels go through a coefficient": ("lenet1", "lenet5"),
    "the activation is tanh(x)": ("lenet1", "lenet5"),
    "TensorFlow's SAME pads less at the top and left": ("resnet20_cifar10", "resnet18_a", "resnet50", "seresnet50", "googlenet_original"),
    "batch norms add 1e-05": ("resnet20_cifar10", "resnet18_a", "resnet50", "seresnet50", "inception_v2"),
    "batch norms add 0.001": ("inception_v3", "inception_v4"),
    "local response normalisation divides alpha": ("googlenet_original",),
}
NETWORKS = sorted({name for names in USES.values() for name in names} | {"lenet5_modern"})


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_names_its_conventions(name: str) -> None:
    said = conventions(name)
    expected = {start for start, names in USES.items() if name in names}
    found = {start for start in USES if any(start in sentence for sentence in said)}
    assert found - {"TensorFlow's SAME pads less at the top and left"} == expected - {"TensorFlow's SAME pads less at the top and left"}
    assert expected <= found
    assert len(said) == len(found)
    assert (not said) == (name == "lenet5_modern")


def test_every_known_network_can_be_asked() -> None:
    assert all(isinstance(conventions(nb.known(name)), list) for name in nb.known()[::7])
