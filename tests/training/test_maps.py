"""The stages whose kernels are wider than what they can see: against a network that is written out by hand, and against the gradients."""

from __future__ import annotations

import pytest
import torch

import nasbench as nb
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.training.maps import blind_stages, often_blind, seeing_size
from nasbench.training.recipe import Recipe


def staged(kernel: int = 3, side: int = 224) -> nb.Genotype:
    """Five stages; each halves the map and has two more convolutions."""
    stages = tuple((conv(8, 3, 2), conv(8, kernel, repeat=2)) for _ in range(5))
    return nb.Genotype("staged", (3, side, side), stages=stages, head=(gap(), linear(10)))


@pytest.mark.parametrize(
    ("kernel", "size", "blind"),
    [(3, 64, set()), (3, 32, {5}), (3, 16, {4, 5}), (5, 64, {5}), (7, 64, {5}), (7, 32, {4, 5}), (7, 16, {3, 4, 5})],
)
def test_stages_by_hand(kernel: int, size: int, blind: set[int]) -> None:
    """At 32 pixels the last maps are 16, 8, 4, 2 and 1: a kernel of 3 needs 2 pixels, of 5 it needs 3, of 7 it needs 4."""
    assert blind_stages(staged(kernel), Recipe(train_size=size)) == blind


@pytest.mark.parametrize("pixels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_the_rule_is_that_of_the_weights(kernel: int, pixels: int) -> None:
    """A kernel is wider than what it reaches exactly if some of its weights never meet a pixel, and so have no gradient."""
    layer = torch.nn.Conv2d(1, 1, kernel, padding=kernel // 2, bias=False)
    layer(torch.ones(1, 1, pixels, pixels)).sum().backward()
    assert bool((layer.weight.grad == 0).any()) == (kernel > 2 * pixels - 1)


def test_pointwise_layers_and_the_head_do_not_count() -> None:
    net = nb.Genotype("net", (3, 32, 32), stages=((conv(8, 3, 32),), (conv(8, 1, repeat=3),)), head=(conv(8, 3), gap(), linear(10)))
    assert blind_stages(net, Recipe()) == set()


def test_a_network_that_cannot_be_trained_there_says_nothing() -> None:
    assert blind_stages(nb.known("alexnet"), Recipe(train_size=32)) == set()


def test_most_of_the_networks_decide() -> None:
    networks = [staged(3), staged(3), staged(7)]
    assert often_blind(networks, Recipe(train_size=64)) == []
    assert often_blind([staged(3), staged(7), staged(7)], Recipe(train_size=64)) == [5]
    assert often_blind([staged(3), staged(7)], Recipe(train_size=64)) == [], "a half is not most"


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_the_smallest_resolution_that_sees(kernel: int) -> None:
    size = seeing_size([staged(kernel)], Recipe(train_size=32))
    assert size is not None
    assert often_blind([staged(kernel)], Recipe(train_size=size)) == []
    assert often_blind([staged(kernel)], Recipe(train_size=size - 16)) != []
    assert seeing_size([staged(kernel)], Recipe(train_size=224)) == 224


def test_small_inputs_keep_their_own_size() -> None:
    """`train_size` says nothing for them."""
    assert blind_stages(staged(3, 16), Recipe(train_size=200)) == {4, 5}
    assert seeing_size([staged(3, 16)], Recipe()) is None
