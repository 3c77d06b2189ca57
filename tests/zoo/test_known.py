"""The classics equal the published integers of their reference implementations."""

from __future__ import annotations

import re

import pytest

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, cost, digest, trace
from nasbench.zoo import facts, known

NAMES = known()

# Convolutions and linear layers, as the papers' tables list them.
LAYERS = {
    "lenet5_modern": (2, 3),
    "alexnet": (5, 3),
    "vgg16": (13, 3),
    "googlenet": (57, 1),  # 3 in the stem, 6 in each of 9 modules
    "resnet18": (20, 1),  # 17, and 3 projections
    "resnet50": (53, 1),  # 49, and 4 projections
    "resnext50_32x4d": (53, 1),
    "densenet121": (120, 1),
    "squeezenet1_1": (26, 0),  # 3 in each of 8 fires, the first and the last
    "mobilenet_v1": (27, 1),
    "mobilenet_v2": (52, 1),
    "mobilenet_v3_large": (62, 2),  # 15 blocks of 3, less one expansion; 8 gates of 2; stem and last
    "mobilenet_v3_small": (52, 2),
    "shufflenet_v2_x1_0": (56, 1),
    "mnasnet1_0": (52, 1),  # 17 blocks of 3, less one expansion; stem and last
    "mnasnet_a1": (65, 1),  # 16 blocks of 3, less one expansion; 8 gates of 2; stem and last
    "efficientnet_b0": (81, 1),  # 16 blocks of 5, less one expansion; stem and last
    "seresnet50": (53 + 2 * 16, 1),
}


def test_the_table_and_the_facts_name_every_network() -> None:
    assert set(LAYERS) == set(NAMES) == set(facts())
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_macs_are_the_references_to_the_unit(name: str) -> None:
    found, fact = cost(known(name)), facts()[name]
    assert (found.params, found.macs) == (fact.params, fact.macs)


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_the_papers_within_its_rounding(name: str) -> None:
    found, fact = cost(known(name)), facts()[name]
    if fact.paper_params:
        assert found.params == pytest.approx(fact.paper_params, rel=0.05)
    if fact.paper_macs:
        assert found.macs == pytest.approx(fact.paper_macs, rel=0.12)


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_as_many_as_in_the_table(name: str) -> None:
    layers = trace(known(name))
    assert (sum(x.kind == "conv" for x in layers), sum(x.kind == "linear" for x in layers)) == LAYERS[name]
    assert layers[-1].channels == (10 if name == "lenet5_modern" else 1000)
    assert layers[-1].flat


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_a_few_rows_and_reads_back_from_its_file(name: str) -> None:
    g = known(name)
    assert g.name == name
    assert len(g.rows) <= 30
    assert Genotype.from_yaml(g.to_yaml()) == g


def test_no_two_are_the_same_network() -> None:
    assert len({digest(known(name)) for name in NAMES}) == len(NAMES)


def test_facts_say_where_they_come_from() -> None:
    for name, fact in facts().items():
        assert fact.source
        assert fact.references or name == "lenet5_modern"  # nobody ships it


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet5", "there is no known network 'resnet5'; did you mean resnet50"),
        ("mobilenet_v4", "did you mean mobilenet_v"),
        ("ResNet50", "there is no known network 'ResNet50'"),
        ("", "there is no known network ''; `nasbench known` lists the 18 names"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(GenotypeError, match=re.escape(said)):
        known(name)
