"""Auxiliary heads as data: what they cost, what they are called, where they are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nasbench.errors import GenotypeError
from nasbench.genotype import Block, Genotype, Layer, adapt, cost, cost_of, digest, inference, trace
from nasbench.genotype.blocks import auxiliary, branches, cell, conv, dropout, gap, identity, linear, pool
from nasbench.latency.predicting.signature import signatures
from nasbench.scaling import scale
from nasbench.zoo import facts, known

NAMES = ("googlenet", "googlenet_original", "inception_v3")
SIDE = (pool("avg", 5, 3, "valid"), conv(8), linear(5))


def net(*rows: Block, classes: int = 5, size: int = 16) -> Genotype:
    return Genotype("n", (4, size, size), (conv(8), *rows, conv(8)), head=(gap(), linear(classes)))


WITH = net(auxiliary(SIDE))


def heads(g: Genotype) -> list[Layer]:
    return [x for x in trace(g) if x.kind == "auxiliary"]


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("googlenet", 13_004_888),  # torchvision's googlenet(aux_logits=True)
        ("googlenet_original", 13_378_280),  # the paper's table with both heads
        ("inception_v3", 27_161_264),  # torchvision's inception_v3(aux_logits=True)
    ],
)
def test_parameters_of_the_heads_are_those_of_the_references(name: str, whole: int) -> None:
    found, fact = cost(known(name)), facts()[name]
    assert found.params == fact.params
    assert found.params + found.auxiliary_params == whole


@pytest.mark.parametrize("g", [WITH, *map(known, NAMES)], ids=lambda g: g.name)
def test_only_training_pays(g: Genotype) -> None:
    bare = inference(trace(g))
    assert [x.index for x in bare] == list(range(len(bare)))
    assert len(trace(g)) > len(bare)
    with_heads, without = cost(g), cost_of(bare)
    assert replace(with_heads, auxiliary_params=0, train_peak_bytes=0) == replace(without, train_peak_bytes=0)
    assert with_heads.train_peak_bytes > without.train_peak_bytes + 4 * 3 * with_heads.auxiliary_params
    assert signatures(trace(g)) == signatures(bare)


def test_memory_of_training_by_hand() -> None:
    """Of the head: parameters three times, running statistics, and the values of pool, conv, norm (act in place) and linear."""
    params = 8 * 8 + 16 + (8 * 16 * 5 + 5)
    values = 8 * 16 + 2 * 8 * 16 + 5
    assert cost(WITH).auxiliary_params == params
    assert cost(WITH).train_peak_bytes - cost(net()).train_peak_bytes == 4 * (3 * params + 16 + values)


def test_a_network_without_its_heads_is_the_network_without_heads() -> None:
    assert inference(trace(net())) == trace(net())
    stripped = inference(trace(WITH))
    assert [(x.kind, x.inputs, x.shape) for x in stripped] == [(x.kind, x.inputs, x.shape) for x in trace(net())]


@pytest.mark.parametrize(
    "other",
    [
        net(),
        net(auxiliary(SIDE, weight=0.4)),
        net(auxiliary((pool("avg", 5, 2, "valid"), *SIDE[1:]))),
        net(auxiliary((SIDE[0], conv(9), SIDE[2]))),
        net(auxiliary((*SIDE[:2], dropout(0.5), SIDE[2]))),
        net(auxiliary(SIDE), auxiliary(SIDE)),
        replace(WITH, stem=(*WITH.stem[:1], *WITH.stem[2:], auxiliary(SIDE))),  # on another layer
    ],
)
def test_another_head_is_another_network(other: Genotype) -> None:
    assert digest(other) != digest(WITH)


def test_the_spelling_of_a_head_does_not_matter() -> None:
    spelled = auxiliary((pool("avg", 5, 3, 0), identity(), conv("in"), linear(5)))
    assert digest(net(spelled)) == digest(WITH)
    assert digest(replace(WITH, stem=(), stages=(WITH.stem,))) == digest(WITH)
    assert net(spelled) != WITH


def test_a_head_that_does_not_fit_is_left_out() -> None:
    small = adapt(WITH, input=(4, 4, 4))
    assert heads(small) == []
    assert digest(small) == digest(adapt(net(), input=(4, 4, 4)))
    assert [len(heads(adapt(known("inception_v3"), input=(3, size, size)))) for size in (299, 224)] == [1, 0]
    assert [len(heads(adapt(known("googlenet_original"), input=(3, size, size)))) for size in (224, 64)] == [2, 0]
    assert [len(heads(adapt(known("googlenet"), input=(3, size, size)))) for size in (224, 32)] == [2, 2]  # adaptive pooling fits any


@pytest.mark.parametrize(
    ("g", "said"),
    [
        (net(auxiliary((*SIDE[:2], linear(6)))), "n: an auxiliary head ends in the classes of its network; stem.1.auxiliary ends in 6"),
        (net(auxiliary((conv(5),))), "stem.1.auxiliary ends in a map of 5x16x16, the network in 5 numbers; change its last block"),
        (net(auxiliary((auxiliary(SIDE), linear(5)))), "stem, block 2 (stem.1): the blocks of an auxiliary head end in their last layer"),
        (net(auxiliary((linear(5), auxiliary((linear(5),))))), "the blocks of an auxiliary head end in their last layer"),
        (replace(net(), head=(gap(), linear(5), auxiliary((linear(5),)))), "a network ends in its last layer; head.2.auxiliary comes"),
        (net(auxiliary((conv(8, groups=3), linear(5)))), "stem, block 2, block 1 (stem.1.rows.0): 8 input and 8 output channels must both"),
        (net(auxiliary((branches([[], [conv(3)]], "add"),))), "stem, block 2, block 1 (stem.1.rows.0): a sum needs equal shapes; got"),
        (
            net(auxiliary((identity(), branches([[], [gap(), linear(3), gap()]])))),
            "stem, block 2, block 2, path 2, block 3 (stem.1.rows.1.paths.1.2): gap reads a map",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(g: Genotype, said: str) -> None:
    with pytest.raises(GenotypeError) as caught:
        trace(g)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_classes_reach_every_head() -> None:
    inside = replace(WITH, stem=(conv(8), branches([[conv(8), auxiliary(SIDE)], []]), conv(8)))
    for g in (WITH, inside, *map(known, NAMES)):
        changed = adapt(g, classes=7)
        assert {x.channels for x in (*heads(changed), trace(changed)[-1])} == {7}
        assert adapt(changed, classes=trace(g)[-1].channels) == g
    with pytest.raises(GenotypeError, match=r"an auxiliary head has none: \['gap'\]; end it in"):
        adapt(net(auxiliary((gap(),))), classes=7)


def test_scaling_takes_a_head_for_a_head() -> None:
    """Its convolutions grow, to multiples of the divisor; fully connected layers and the classes stay, as at the network's end."""
    side = auxiliary((gap(4), conv(128), linear(1024), conv(5), linear(5)))
    g = Genotype("g", stages=((conv(16), side, branches([[side], [conv(8)]])),), head=(gap(), linear(5)))
    rows = scale(g, width=2).stages[0]
    expected = auxiliary((gap(4), conv(256), linear(1024), conv(16), linear(5)))
    assert rows == (conv(32), expected, branches([[expected], [conv(16)]]))
    assert len(heads(scale(known("googlenet"), width=0.5, resolution=128))) == 2


@pytest.mark.parametrize("name", NAMES)
def test_heads_are_read_back_from_a_file(name: str) -> None:
    g = known(name)
    assert Genotype.from_yaml(g.to_yaml()) == g
    assert g.to_yaml().count("op: auxiliary") == len(heads(g))


def test_a_head_counts_as_its_rows() -> None:
    row = auxiliary((conv(8, repeat=3), linear(5)))
    assert row.size == 1 + 3 + 1
    assert row.inside == (conv(8, repeat=3), linear(5))
    with pytest.raises(GenotypeError, match="with repeats it has"):
        net(branches([[], [auxiliary((conv(8, repeat=2000), linear(5)))]], repeat=20))
    with pytest.raises(GenotypeError, match="1e\\+10 parameters"):
        trace(net(auxiliary((linear(60000, repeat=9), linear(5)))))


def test_a_cell_does_not_see_a_head_before_it() -> None:
    def cells(*between: Block) -> Genotype:
        one = cell(8, (("sep3", 0, "identity", 1),))
        return Genotype("n", (4, 16, 16), (conv(8), one, *between, one), head=(gap(), linear(5)))

    kept: Any = [(x.kind, x.inputs, x.shape, x.attrs) for x in inference(trace(cells(auxiliary(SIDE))))]
    assert kept == [(x.kind, x.inputs, x.shape, x.attrs) for x in trace(cells())]
    assert len(heads(cells(auxiliary(SIDE)))) == 1
