"""Frames of networks: exact counts beside published figures, where the cost lies, and how far a layer sees."""

from __future__ import annotations

import pandas as pd
import pytest

import nasbench as nb
from nasbench.analysis.networks import network_frame, part_names, receptive_frame, stage_frame
from nasbench.errors import GenotypeError
from nasbench.zoo import facts


def test_every_known_network_has_its_counts_and_its_facts() -> None:
    frame = nb.known_frame()
    assert list(frame.index) == nb.known()
    for name in ("resnet50", "vgg16", "wrn28_10_cifar10", "lenet1"):
        row, fact, cost = frame.loc[name], facts()[name], nb.cost(nb.known(name))
        assert (row.params_count, row.macs, row.peak_bytes, row.depth_layers) == (cost.params, cost.macs, cost.peak_bytes, cost.depth)
        assert (row.family, row.year, row.input_px) == (fact.family, fact.year, nb.known(name).input[1])
        for column, value in (("top1_percent", fact.top1), ("paper_macs", fact.paper_macs), ("cifar10_error_percent", fact.cifar10_error)):
            assert (pd.isna(row[column]) and value is None) or row[column] == value
    assert frame.top1_percent.notna().sum() == 90


def test_like_for_like_is_one_crop_at_the_networks_own_size() -> None:
    frame = nb.known_frame(["resnet50", "plain34", "vgg16", "preresnet200", "squeezenet1_0", "efficientnet_b7", "lenet5"])
    assert list(frame.index[frame.top1_like_for_like]) == ["resnet50", "efficientnet_b7"]


def test_a_family_and_a_network_of_ones_own() -> None:
    assert set(nb.known_frame(family="mobilenetv3").index) == {"mobilenet_v3_large", "mobilenet_v3_small"}
    own = network_frame({"mine.yaml": nb.adapt(nb.known("resnet18"), (3, 64, 64), 10)})
    assert own.loc["mine.yaml", ["year", "top1_percent", "paper_macs"]].isna().all()
    assert not own.top1_like_for_like.any()
    with pytest.raises(GenotypeError, match="did you mean resnet50"):
        nb.known_frame(["resnet5"])


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "efficientnet_b0", "nasnet_a_mobile", "lenet5"])
def test_stages_add_up_to_the_network(name: str) -> None:
    g = nb.known(name)
    frame, cost = stage_frame(g), nb.cost(g)
    assert (frame.params_count.sum(), frame.macs.sum(), frame.activations_count.sum()) == (cost.params, cost.macs, cost.activations)
    assert list(frame.index)[-1] == "head"
    assert len(frame) == len(g.stages) + bool(g.stem) + 1


def test_parts_are_in_the_order_of_the_network() -> None:
    deep = nb.Genotype("deep", (3, 32, 32), stages=tuple((nb.Block("conv", {"width": 8}),) for _ in range(11)))
    names = part_names([nb.known("resnet18"), deep])
    assert names == ["stem", *(f"stage {i}" for i in range(1, 12)), "head"]  # stage 10 comes after stage 9
    assert [name for name in names if name in stage_frame(deep).index] == list(stage_frame(deep).index)
    assert part_names([]) == ["stem", "head"]


# Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", table of networks.
RECEPTIVE = {
    "alexnet_original": 195,
    "vgg16": 212,
    "resnet50_v1": 483,
    "resnet101_v1": 1027,
    "inception_v3": 1311,
    "inception_resnet_v2": 3039,
    "mobilenet_v1": 315,
}


@pytest.mark.parametrize("name", RECEPTIVE)
def test_a_layer_sees_as_far_as_published(name: str) -> None:
    frame = receptive_frame(nb.known(name))
    assert frame.seen_px.max() == RECEPTIVE[name]
    assert frame.step_px.max() == 32


def test_squeeze_and_excitation_does_not_count_as_seeing() -> None:
    plain, squeezed = receptive_frame(nb.known("resnet50_v1")), receptive_frame(nb.known("seresnet50"))
    assert squeezed.seen_px.max() == plain.seen_px.max()


def test_a_shortcut_sees_as_far_as_its_longest_path() -> None:
    frame = receptive_frame(nb.known("resnet18"))
    assert frame.loc["stem.0.conv"].tolist() == [1, 7, 2]
    assert frame.loc["stem.1.pool"].tolist() == [1, 11, 4]  # 7 and (3 - 1) steps of 2
    assert frame[frame.index.str.startswith("stages.0.0")].seen_px.max() == 11 + 2 * 2 * 4
