"""Slices of the weights of another network: which channels and pixels, and what is left random."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nasbench as nb
from nasbench.errors import WeightsError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import auxiliary, conv, dropout, fire, flatten, gap, linear, mbconv, pool, residual, separable, shuffle
from nasbench.network.slices import ABSENT, AFTER, CLASSES, JOINED, KIND, LARGER, slice_weights

HEAD = (gap(), linear(5))


def network(*rows, head=HEAD) -> Genotype:
    return Genotype("made", (3, 16, 16), stages=(rows,), head=head)


def weights_of(g: Genotype, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random numbers everywhere, also in norms, whose initial ones are alike."""
    draw = torch.Generator().manual_seed(seed)
    state = nb.build(g).state_dict()
    return {name: torch.rand(value.shape, generator=draw) + 0.5 if value.is_floating_point() else value for name, value in state.items()}


def sliced(own: Genotype, other: Genotype):
    weights = weights_of(other)
    return slice_weights(own, other, weights), weights


@settings(max_examples=20)
@given(st.sampled_from(["tiny", "shuffle", "dense", "nasbench201"]), st.integers(0, 30))
def test_slices_of_the_same_network_are_a_copy(space: str, seed: int) -> None:
    g = nb.space(space).sample(seed)
    found, weights = sliced(g, g)
    assert found.weights.keys() == nb.build(g, device="meta").state_dict().keys()
    assert all(torch.equal(found.weights[name], value) for name, value in weights.items())
    assert (found.part, found.left) == (0, {})


@pytest.mark.parametrize("name", ["lenet5", "googlenet", "inception_v2", "squeezenet1_1", "shufflenet_v2_x0_5", "nasnet_a_mobile"])
def test_slices_of_the_same_known_network_are_a_copy(name: str) -> None:
    """Also with auxiliary heads, joined and interleaved channels, and a classifier that reads a map."""
    g = nb.known(name)
    found, weights = sliced(g, g)
    assert not found.left
    assert all(torch.equal(found.weights[each], value) for each, value in weights.items())


def test_a_smaller_width_takes_the_leading_channels() -> None:
    found, weights = sliced(network(conv(4, 3), conv(6, 3)), network(conv(8, 3), conv(16, 3)))
    first, second = (f"stages.0.{i}.conv.weight" for i in range(2))
    assert torch.equal(found.weights[first], weights[first][:4])
    assert torch.equal(found.weights[second], weights[second][:6, :4])
    for role in ("weight", "bias", "running_mean", "running_var"):
        assert torch.equal(found.weights[f"stages.0.1.norm.{role}"], weights[f"stages.0.1.norm.{role}"][:6])
    assert torch.equal(found.weights["head.1.linear.weight"], weights["head.1.linear.weight"][:, :6])
    assert torch.equal(found.weights["head.1.linear.bias"], weights["head.1.linear.bias"])
    assert (found.whole, found.part, found.left) == (0, 5, {})


@pytest.mark.parametrize("row", [conv, separable, mbconv])
def test_a_smaller_kernel_takes_the_centre(row) -> None:
    found, weights = sliced(network(row(8, 3)), network(row(8, 5)))
    (name,) = (name for name, value in weights.items() if value.shape[2:] == (5, 5))
    assert torch.equal(found.weights[name], weights[name][:, :, 1:4, 1:4])
    assert not found.left


SMALL_AND_LARGE = [
    (network(conv(4, 3), conv(6, 3)), network(conv(8, 5), conv(16, 3))),
    (
        network(conv(8, 3), mbconv(8, 3, 2, "in*2", "in/4"), mbconv(8, 3)),
        network(conv(16, 3), mbconv(16, 5, 2, "in*3", "in/4"), mbconv(16, 7, expand="in*8")),
    ),
    (network(conv(8, 3), residual(8)), network(conv(12, 5), residual(12, kernel=5))),
    (network(fire(4, 6), fire(4, 8)), network(fire(6, 9), fire(8, 8))),
    (network(conv(8, 3), separable(6, 3)), network(conv(12, 3), separable(10, 5))),
    (network(conv(4, 3, 2), head=(flatten(), linear(7), linear(5))), network(conv(6, 5, 2), head=(flatten(), linear(9), linear(5)))),
]  # fmt: skip


@pytest.mark.parametrize(("small", "large"), SMALL_AND_LARGE)
def test_a_slice_computes_what_the_network_does_without_the_rest(small: Genotype, large: Genotype) -> None:
    """In the larger network all weights that are not in the slice become zero; then the logits of both are equal.

    To know which weights are in the slice, the weights are their own positions.
    """
    state = nb.build(large).state_dict()
    positions = {name: torch.arange(1.0, value.numel() + 1).reshape(value.shape) for name, value in state.items()}
    chosen = slice_weights(small, large, positions).weights
    values = weights_of(large)
    kept = {
        name: torch.where(torch.isin(positions[name], chosen[name]), value, torch.ones(()) if "running_var" in name else torch.zeros(()))
        for name, value in values.items()
        if name in chosen
    }
    assert kept.keys() == {name for name in values if name in nb.build(small).state_dict()}
    outer, inner = nb.build(large).eval(), nb.build(small).eval()
    outer.load_state_dict(values | kept)
    inner.load_state_dict(slice_weights(small, large, values).weights)
    images = torch.randn(2, *small.input, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, logits = outer(images), inner(images)
    assert torch.allclose(logits, wanted, rtol=1e-4)
    assert wanted.std() > 1e-3 * wanted.abs().max()


def test_what_is_left_random_and_why() -> None:
    own = network(conv(8, 3), residual(8), conv(16, 3), conv(8, 5), conv(8, 3), conv(4))
    other = network(conv(8, 3), mbconv(8, 3), conv(8, 3), conv(8, 3), conv(8, 3))
    found, _ = sliced(own, other)
    blocks = {place.rpartition(".")[0]: why for place, why in found.left.items() if "norm" not in place}
    assert blocks["stages.0.2"] == blocks["stages.0.3"] == LARGER
    assert blocks["stages.0.5"] == ABSENT
    assert found.left["stages.0.2.norm"] == AFTER
    assert "stages.0.0.conv.weight" in found.weights
    assert "stages.0.4.conv.weight" in found.weights
    assert not any(name.startswith("stages.0.1") for name in found.weights), "a residual block has no layers of an mbconv"


def test_another_kind_at_the_same_place() -> None:
    grouped = network(conv(8, 3), conv(8, 3, groups=2))
    found, _ = sliced(grouped, network(conv(8, 3), conv(8, 3)))
    assert found.left == {"stages.0.1.conv": KIND, "stages.0.1.norm": AFTER}
    even, _ = sliced(network(conv(8, 3), conv(8, 2)), network(conv(8, 3), conv(8, 3)))
    assert even.left == {"stages.0.1.conv": KIND, "stages.0.1.norm": AFTER}, "a kernel of 3 has no centre of 2"


def test_a_classifier_of_other_classes_stays_random() -> None:
    own, other = (network(conv(8, 3), head=(gap(), dropout(0.1), linear(classes))) for classes in (5, 9))
    found, _ = sliced(own, other)
    assert found.left == {"head.2.linear": CLASSES}
    assert "head.2.linear.weight" not in found.weights


def test_channels_that_are_joined_in_another_way_are_not_mixed_up() -> None:
    """The second half of the channels of a smaller shuffle block is not the second half of the larger one."""
    found, _ = sliced(network(conv(8, 3), shuffle(8, 3), conv(4)), network(conv(16, 3), shuffle(16, 3), conv(4)))
    assert found.left["stages.0.2.conv"] == JOINED
    flat = [network(conv(4, 3, stride), head=(flatten(), linear(7), linear(5))) for stride in (2, 1)]
    assert sliced(*flat)[0].left == {"head.1.linear": JOINED}


def test_auxiliary_heads_are_sliced_too() -> None:
    def with_head(width: int) -> Genotype:
        return network(conv(width, 3), auxiliary(rows=(pool("avg", 4, 4), conv(width), flatten(), linear(5))), conv(width, 3))

    found, weights = sliced(with_head(4), with_head(6))
    assert not found.left
    name = next(name for name in weights if "rows" in name and name.endswith("conv.weight"))
    assert torch.equal(found.weights[name], weights[name][:4, :4])
    none, _ = sliced(with_head(4), network(conv(6, 3)))
    assert {why for place, why in none.left.items() if "rows" in place and "norm" not in place} == {ABSENT}


def test_nothing_in_common_is_one_line() -> None:
    with pytest.raises(WeightsError) as raised:
        sliced(network(mbconv(8, 3, expand="in*2")), Genotype("other", (3, 16, 16), stages=((residual(8),),), head=(gap(), linear(9))))
    assert re.fullmatch(r"slices need .*; made and other have none in common; name another network with --like, .*", str(raised.value))


def test_the_words_say_how_many_layers_and_why() -> None:
    found, _ = sliced(network(conv(4, 3), conv(16, 3), conv(16, 3)), network(conv(8, 3), conv(8, 3), conv(8, 3)))
    assert found.words("big") == (
        "of big: 0 whole and 2 sliced layers; random: 3 wider, or with a larger kernel (stages.0.1.conv and others), "
        "2 normalising random channels (stages.0.1.norm and others)"
    )
