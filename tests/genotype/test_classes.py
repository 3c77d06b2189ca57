"""What a classifier is, decided on the trace: heads of every form, and other numbers of classes for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import nasbench as nb
from nasbench.errors import GenotypeError
from nasbench.genotype import BLOCK_TYPES, Block, Genotype, Tracer, Value, adapt, block, class_count, trace
from nasbench.genotype.blocks import auxiliary, branches, conv, dropout, gap, linear, multiply, pool
from nasbench.genotype.fields import Width

STEM = (conv(16, 3, 2),)


@pytest.fixture(autouse=True)
def own_blocks() -> Iterator[None]:
    @block
    def mlp(t: Tracer, x: Value, *, hidden: Width, classes: Width) -> Value:
        """A head with a hidden layer."""
        return t.linear(t.act(t.linear(x, t.width(hidden, x), name="hidden")), t.width(classes, x), name="classes")

    @block
    def fixed(t: Tracer, x: Value) -> Value:
        """A head without a field for its classes."""
        return t.linear(x, 10)

    @block
    def halves(t: Tracer, x: Value) -> Value:
        """Half of the numbers: what follows the classes may change their number."""
        return t.split(x, 2)[1]

    yield
    for name in ("mlp", "fixed", "halves"):
        BLOCK_TYPES.pop(name)


def net(*head: Block, stages: tuple[tuple[Block, ...], ...] = ()) -> Genotype:
    return Genotype("n", (3, 16, 16), STEM, stages, head)


AVERAGED = (gap(), branches(((linear(10),), (dropout(0.5), linear(64, "relu"), linear(10))), join="add"), multiply(by=0.5))


@pytest.mark.parametrize(
    "head",
    [
        (gap(), linear(10)),
        (conv(10), gap()),
        (conv(10), gap(), dropout(0.2)),
        (conv(10, 8, padding="valid"),),
        (gap(), conv(10, norm=False, act="none")),
        (linear(10),),
        AVERAGED,
    ],
)
def test_heads_that_end_in_one_number_for_each_class(head: tuple[Block, ...]) -> None:
    """The logits are flat: (N, 10), also where the last block leaves a map of one pixel."""
    g = net(*head)
    assert trace(g)[-1].flat
    assert class_count(trace(g)) == 10
    changed = adapt(g, classes=7)
    assert class_count(trace(changed)) == 7
    assert adapt(changed, classes=10) == g


@pytest.mark.parametrize(("hidden", "classes"), [(32, 10), (10, 10), (10, 4), (7, 10)])
def test_a_head_block_of_a_users_own_is_trained_on_other_classes(hidden: int, classes: int) -> None:
    g = net(gap(), Block("mlp", {"hidden": hidden, "classes": classes}))
    changed = adapt(g, classes=7)
    assert class_count(trace(changed)) == 7
    assert changed.head[1].fields == {"hidden": hidden, "classes": 7}
    auxiliary_head = auxiliary((gap(), Block("mlp", {"hidden": 5, "classes": classes})))
    both = adapt(net(*g.head, stages=((auxiliary_head,),)), classes=7)
    assert both.stages[0][0].fields["rows"][1].fields["classes"] == 7


@pytest.mark.parametrize("head", [(), (conv(10),), (conv(10), pool("avg", 2, 2)), (gap(2),)])
def test_a_network_that_ends_in_a_map_is_no_classifier(head: tuple[Block, ...]) -> None:
    g = net(*head)
    with pytest.raises(
        GenotypeError, match=r"n: a classifier ends in one number for each class; this network ends in a map of \d+x\dx\d \("
    ):
        class_count(trace(g), g.name)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            (gap(), {"op": "fixed"}),
            r"no width of \['gap', 'fixed'\] can be changed from 10 to 7 classes alone; give your head block a field",
        ),
        ((), r"ends in a map of 16x8x8 \(stem\.0\.act\); end its head in \{op: gap\}"),
        ((gap(), branches(((linear(6),), (linear(4),)))), "can be changed from 10 to 7 classes alone"),
        ((gap(), linear(20), {"op": "halves"}), "can be changed from 10 to 7 classes alone"),
    ],
)
def test_where_no_width_is_that_of_the_classes_it_is_said(head: tuple[Any, ...], said: str) -> None:
    blocks = [Block(b["op"]) if isinstance(b, dict) else b for b in head]
    with pytest.raises(GenotypeError, match=said):
        adapt(net(*blocks), classes=7)


def test_the_known_networks_are_as_they_were() -> None:
    """No trace of theirs gained a layer."""
    assert nb.digest("lenet5") == "6623c10e5890"
    assert all(trace(nb.known(name))[-1].where.endswith("linear") for name in ("resnet50", "googlenet", "mobilenet_v3_small"))
    assert nb.trace("nin_cifar10")[-1].where == "head.4.flatten"
