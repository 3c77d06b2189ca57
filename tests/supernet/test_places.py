"""Which part of a shared tensor a network's weights are."""

from __future__ import annotations

from math import prod

import pytest

import nasbench as nb
from nasbench.errors import StudyError
from nasbench.genotype import Genotype
from nasbench.network import build
from nasbench.supernet.places import CONTEXTS, Place, places
from nasbench.supernet.plan import SupernetPlan


def of(g: Genotype, context: tuple[str, ...] = ()) -> dict[str, Place]:
    shapes = {name: tuple(p.shape) for name, p in build(g, device="meta").named_parameters()}
    return {place.name: place for place in places(nb.trace(g), shapes, context)}


KNOWN = (
    "lenet5", "vgg11", "resnet18", "googlenet", "densenet121", "squeezenet1_1", "shufflenet_v2_x1_0", "efficientnet_b0",
    "mobilenet_v3_small", "nasnet_a_mobile", "inception_v3", "resnext50_32x4d",
)  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_the_pieces_of_each_parameter_cover_it_once(name: str) -> None:
    g = nb.known(name)
    found = of(g)
    shapes = {n: tuple(p.shape) for n, p in build(g, device="meta").named_parameters()}
    assert found.keys() == shapes.keys()
    for place in found.values():
        assert prod(place.view) == prod(shapes[place.name])
        covered = 0
        for piece in place.pieces:
            assert piece.start == covered
            covered += piece.sizes[place.axis]
            assert piece.sizes[: place.axis] == place.view[: place.axis]
            assert piece.sizes[place.axis + 1 :] == place.view[place.axis + 1 :]
        assert covered == place.view[place.axis]
    keys = [piece.key for place in found.values() for piece in place.pieces]
    assert len(keys) == len(set(keys))  # no two layers of one network share


def test_a_layer_after_joined_channels_has_a_tensor_for_each_source() -> None:
    place = of(nb.known("densenet121"))["stages.0.1.bottleneck.conv.weight"]
    assert [piece.sizes[1] for piece in place.pieces] == [64, 32]
    assert [piece.key.rpartition(" of ")[2] for piece in place.pieces] == ["stem.1.pool", "stages.0.0.grow.conv"]


def test_the_first_classifier_after_a_map_keeps_pixels_apart() -> None:
    found = of(nb.known("vgg11"))
    assert (4096, 512, 49) in [place.view for place in found.values()]  # 512 channels of 7 x 7 pixels


def test_contexts_part_what_the_place_alone_would_share() -> None:
    space = nb.space("mbconv")
    values = space.encode(nb.known("mobilenet_v2"))
    relu = space.decode(lambda name, options: values[name])
    hard = space.decode(lambda name, options: "hardswish" if name == "stages.2.0.act" else values[name])

    def keys(g: Genotype, context: tuple[str, ...]) -> set[str]:
        return {piece.key for place in of(g, context).values() for piece in place.pieces if piece.key.startswith("stages.2")}

    assert keys(relu, ()) == keys(hard, ())
    assert keys(relu, ("activation",)).isdisjoint(keys(hard, ("activation",)))
    later = space.decode(lambda name, options: {"stages.0.0.stride": 2, "stages.3.0.stride": 1}.get(name, values[name]))
    assert keys(relu, ()) == keys(later, ())
    assert keys(relu, ("map",)).isdisjoint(keys(later, ("map",)))


def test_a_norm_that_begins_at_zero_is_no_other_one() -> None:
    """Else a block without a shortcut would begin with zeros, and its gradients would overflow."""
    space = nb.space("tiny")
    keys = {
        (name, piece.key)
        for seed in range(30)
        for name, place in of(space.sample(seed)).items()
        if name.endswith("project.norm.weight")
        for piece in place.pieces
    }
    added, others = ({name for name, key in keys if (" added " in key) == wanted} for wanted in (True, False))
    assert added
    assert others


def test_bad_plans_name_the_field() -> None:
    with pytest.raises(StudyError, match="a context is one of map, activation, kernel; got 'maps'; did you mean map"):
        SupernetPlan(steps=1, context=("maps",))
    with pytest.raises(StudyError, match="sampling is uniform or sandwich; got 'sandwitch'; did you mean sandwich"):
        SupernetPlan(steps=1, sampling="sandwitch")
    with pytest.raises(StudyError, match="lr is a number from 1e-08 to 10; got 30"):
        SupernetPlan(steps=1, lr=30)
    assert SupernetPlan.from_json(SupernetPlan(steps=3, context=CONTEXTS).to_json()) == SupernetPlan(steps=3, context=CONTEXTS)
