from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from classics import classics
from genotype_strategies import networks
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from nasbench.errors import GenotypeError
from nasbench.genotype import BLOCK_TYPES, Block, Genotype, Layer, Style, Tracer, digest, digest_of, trace, tracer
from nasbench.genotype.blocks import (
    branches,
    cell,
    conv,
    dense,
    dropout,
    flatten,
    gap,
    identity,
    inception,
    linear,
    lrn,
    mbconv,
    norm,
    pool,
    residual,
    se,
    separable,
    shuffle,
)
from nasbench.genotype.layer import Fields
from nasbench.zoo import known

KINDS = {
    "auxiliary",
    "bins",
    "drop_path",
    "multiply",
    "pad",
    "take",
    "input",
    "conv",
    "norm",
    "act",
    "pool",
    "gap",
    "linear",
    "flatten",
    "dropout",
    "lrn",
    "add",
    "scale",
    "concat",
    "interleave",
    "slice",
}


def net(*rows: Block, shape: tuple[int, int, int] = (8, 16, 16), **style: Any) -> Genotype:
    return Genotype("n", shape, rows, style=Style(**style))


@given(networks())
def test_a_trace_is_a_sequence_of_layers_in_the_order_they_run(g: Genotype) -> None:
    layers = trace(g)
    assert layers[0] == Layer("input", (), g.input, Fields())
    places = [x.where for x in layers[1:]]
    assert len(set(places)) == len(places)
    for i, x in enumerate(layers):
        assert x.index == i
        assert all(j < i for j in x.inputs)
        assert x.kind in KINDS
        assert all(n >= 1 for n in x.shape)
        assert (x.params > 0) == (x.kind in ("conv", "linear", "norm"))
        assert (x.macs > 0) == (x.kind in ("conv", "linear"))


def test_a_residual_block_layer_by_layer() -> None:
    found = [(x.kind, x.inputs, x.shape, x.params, x.macs, x.where) for x in trace(net(residual(16, 2, "out/4", se="out/16")))[1:]]
    assert found == [
        ("conv", (0,), (4, 16, 16), 8 * 4, 8 * 4 * 256, "stem.0.reduce.conv"),
        ("norm", (1,), (4, 16, 16), 8, 0, "stem.0.reduce.norm"),
        ("act", (2,), (4, 16, 16), 0, 0, "stem.0.reduce.act"),
        ("conv", (3,), (4, 8, 8), 9 * 4 * 4, 9 * 4 * 4 * 64, "stem.0.conv.conv"),
        ("norm", (4,), (4, 8, 8), 8, 0, "stem.0.conv.norm"),
        ("act", (5,), (4, 8, 8), 0, 0, "stem.0.conv.act"),
        ("conv", (6,), (16, 8, 8), 4 * 16, 4 * 16 * 64, "stem.0.expand.conv"),
        ("norm", (7,), (16, 8, 8), 32, 0, "stem.0.expand.norm"),
        ("gap", (8,), (16, 1, 1), 0, 0, "stem.0.se.gap"),
        ("conv", (9,), (1, 1, 1), 16 + 1, 16, "stem.0.se.reduce.conv"),
        ("act", (10,), (1, 1, 1), 0, 0, "stem.0.se.reduce.act"),
        ("conv", (11,), (16, 1, 1), 16 + 16, 16, "stem.0.se.expand.conv"),
        ("act", (12,), (16, 1, 1), 0, 0, "stem.0.se.expand.act"),
        ("scale", (8, 13), (16, 8, 8), 0, 0, "stem.0.se.scale"),
        ("conv", (0,), (16, 8, 8), 8 * 16, 8 * 16 * 64, "stem.0.shortcut.conv"),
        ("norm", (15,), (16, 8, 8), 32, 0, "stem.0.shortcut.norm"),
        ("add", (14, 16), (16, 8, 8), 0, 0, "stem.0.add"),
        ("act", (17,), (16, 8, 8), 0, 0, "stem.0.act"),
    ]


def shapes(g: Genotype) -> list[tuple[int, int, int]]:
    return [x.shape for x in trace(g)]


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        (conv(4, 3), (4, 16, 16)),
        (conv(4, 3, 2), (4, 8, 8)),
        (conv(4, 3, padding="valid"), (4, 14, 14)),
        (conv(4, 2), (4, 15, 15)),  # an even window cannot keep the size
        (conv(4, (1, 5), padding=(0, 1)), (4, 16, 14)),
        (conv("in*2"), (16, 16, 16)),
        (pool("max", 3, 2, "valid"), (8, 7, 7)),
        (pool("max", 3, 2, "valid", ceil=True), (8, 8, 8)),
        (pool("max", 2, 2), (8, 8, 8)),
        (gap(), (8, 1, 1)),
        (gap(6), (8, 6, 6)),
        (flatten(), (2048, 1, 1)),
        (linear(10), (10, 1, 1)),
        (identity(), (8, 16, 16)),
        (dense(growth=12, bottleneck=48), (20, 16, 16)),
        (inception(1, 2, 3, 4, 5, 6), (15, 16, 16)),
        (separable(24, stride=2), (24, 8, 8)),
        (mbconv("in*3", stride=2), (24, 8, 8)),
        (shuffle(8), (8, 16, 16)),
        (shuffle(20, stride=2), (20, 8, 8)),
        (se(), (8, 16, 16)),
        (norm(), (8, 16, 16)),
        (lrn(), (8, 16, 16)),
        (dropout(0.2), (8, 16, 16)),
        (residual(8), (8, 16, 16)),
        (branches([[], [conv(4)]]), (12, 16, 16)),
        (branches([[], [conv(8)]], "add"), (8, 16, 16)),
        (branches([[], [conv(4)]], "interleave", split=True), (8, 16, 16)),
    ],
)
def test_shapes(row: Block, shape: tuple[int, int, int]) -> None:
    assert trace(net(row))[-1].shape == shape


SIZE, WINDOW = st.integers(1, 20), st.integers(1, 7)


@given(SIZE, SIZE, WINDOW, WINDOW, st.integers(1, 4), st.integers(0, 3), st.integers(0, 3), st.booleans(), st.booleans())
def test_window_arithmetic_is_torchs(h: int, w: int, kh: int, kw: int, stride: int, ph: int, pw: int, pooling: bool, ceil: bool) -> None:
    theirs: Callable[[torch.Tensor], torch.Tensor]
    if pooling:
        assume(2 * ph <= kh and 2 * pw <= kw)  # torch and we refuse others
        theirs = nn.MaxPool2d((kh, kw), stride, (ph, pw), ceil_mode=ceil)
        row = pool("max", (kh, kw), stride, (ph, pw), ceil)
    else:
        theirs = nn.Conv2d(3, 3, (kh, kw), stride, (ph, pw), device="meta")
        row = conv(3, (kh, kw), stride, (ph, pw))
    try:
        expected = tuple(theirs(torch.empty(1, 3, h, w, device="meta")).shape[1:])
    except RuntimeError:
        with pytest.raises(GenotypeError, match="window"):
            trace(net(row, shape=(3, h, w)))
        return
    assert trace(net(row, shape=(3, h, w), norm="none", act="none"))[-1].shape == expected


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [conv(4, 17, padding="valid")],
            "stem, block 1 (stem.0): a 17x17 window with stride 1 and padding 0x0 does not fit into 8x16x16 (input)",
        ),
        (
            [conv(4), pool("max", 20, 2, "valid")],
            "stem, block 2 (stem.1): a 20x20 window with stride 2 and padding 0x0 does not fit into 4x16x16 (stem.0.act)",
        ),
        ([conv(4, 2, 2)] * 5, "stem, block 5 (stem.4): a 2x2 window"),  # 8, 4, 2, 1, nothing
        ([conv(9, groups=4)], "stem, block 1 (stem.0): 8 input and 9 output channels must both divide into 4 groups"),
        ([conv(12, groups="depthwise")], "8 input and 12 output channels must both divide into 8 groups"),
        ([pool("max", 3, 2, 2)], "pooling may pad at most half of its 3x3 window; got 2x2"),
        (
            [linear(10), conv(4)],
            "stem, block 2 (stem.1): a 1x1 window needs a map of (channels, height, width); this value is flat with 10 numbers",
        ),
        (
            [flatten(), gap()],
            "stem, block 2 (stem.1): gap reads a map of (channels, height, width); this value is already flat with 2048 numbers",
        ),
        ([shuffle(9)], "stem, block 1 (stem.0): shuffle needs an even width, for two halves; got 9"),
        ([conv(7), branches([[], []], split=True)], "stem, block 2 (stem.1): 7 channels do not divide into 2 equal parts"),
        (
            [branches([[conv(4)], [conv(5)]], "add")],
            "stem, block 1 (stem.0): a sum needs equal shapes; got 4x16x16 (stem.0.paths.0.0.act) and 5x16x16 (stem.0.paths.1.0.act)",
        ),
        (
            [branches([[conv(4)], [pool()]])],
            "values side by side need one height and width; got 4x16x16 (stem.0.paths.0.0.act) and 8x8x8 (stem.0.paths.1.0.pool)",
        ),
        (
            [gap(), branches([[], [linear(8)]], "add")],
            "a sum needs equal shapes; got 8x1x1 (stem.0.gap) and 8 flat (stem.1.paths.1.0.linear)",
        ),
        ([gap(), branches([[], [linear(8)]])], "values side by side need one height and width; got 8x1x1 (stem.0.gap) and 8 flat"),
        ([linear(8), lrn()], "stem, block 2 (stem.1): lrn reads a map of (channels, height, width); this value is already flat with 8"),
        ([linear(8), branches([[], []], split=True), conv(4)], "a 1x1 window needs a map of (channels, height, width); this value is flat"),
        (
            [linear(8), branches([[], []], "interleave")],
            "stem, block 2 (stem.1): a shuffle reads a map of (channels, height, width); this value is already flat with 16 numbers",
        ),
        ([branches([[conv(1)], [conv(2)]], "interleave")], "3 channels do not divide into 2 groups to shuffle"),
        ([branches([[], [conv(4), conv(4, 20, padding="valid")]])], "stem, block 1, path 2, block 2 (stem.0.paths.1.1): a 20x20 window"),
        (
            [cell(1, (("identity", 0, "identity", 1),), stride=2)],
            "(stem.0.node2): a cell that halves its map needs two channels or more, one for each of two paths; got a width of 1",
        ),
        ([conv("mid*2")], "stem, block 1 (stem.0): width 'mid*2' names 'mid', which this field cannot know"),
        ([conv(60_000), conv("in*6")], "stem, block 2 (stem.1): a width is at most 65536 channels; 'in*6' of 60000 is 360000"),
    ],
)
def test_shapes_that_do_not_meet_name_the_layer_and_the_shapes(rows: list[Block], said: str) -> None:
    for _ in range(2):  # the second time from memory
        with pytest.raises(GenotypeError) as caught:
            trace(net(*rows))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_stages_are_counted_as_people_do() -> None:
    g = Genotype("n", (3, 4, 4), (conv(4),), ((conv(4),), (conv(4), conv(4, 7, padding="valid"))))
    with pytest.raises(GenotypeError, match=r"^stage 2, block 2 \(stages\.1\.1\): a 7x7 window"):
        trace(g)
    g = Genotype("n", (3, 4, 4), stages=((conv(4), branches([[], [conv(4, 7, padding="valid")]])),))
    with pytest.raises(GenotypeError, match=r"^stage 1, block 2, path 2, block 1 \(stages\.0\.1\.paths\.1\.0\): a 7x7 window"):
        trace(g)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (net(conv(32), mbconv(16, se="in/4")), net(conv(32), mbconv(16, se=8))),
        (net(mbconv(16, expand="in*6")), net(mbconv(16, expand=48))),
        (net(conv(8, padding="same", kernel=3)), net(conv(8, padding=1, kernel=3))),
        (net(conv(8, act="relu")), net(conv(8))),
        (net(conv(8), conv(8)), net(conv(8, repeat=2))),
        (net(conv(8), identity(), dropout(0)), net(conv(8))),
        (net(conv(8, groups="depthwise")), net(conv(8, groups=8))),
        (net(conv(8)), replace(net(conv(8)), name="other")),
        (net(conv(8)), net(conv(8), divisor=8)),  # no relative width is rounded
        (net(gap(), linear(10)), net(gap(), flatten(), linear(10))),
        (Genotype("n", stem=(conv(8), conv(8))), Genotype("n", stem=(conv(8),), stages=((conv(8),),))),
    ],
)
def test_two_spellings_of_a_network_have_one_digest(one: Genotype, other: Genotype) -> None:
    assert one != other
    assert digest(one) == digest(other)


BASE = Genotype(
    "n",
    (8, 16, 16),
    (conv(16, 3), pool("avg", 3, 2), lrn(5), dropout(0.5)),
    ((mbconv(16, 3, 1, "in*3", "in/4"), residual(16), shuffle(16), dense(8), norm()), (branches([[], [conv(8, 3)]], "concat"),)),
    (gap(2), linear(10)),
)


def changed(g: Genotype, where: str, row: int, **fields: Any) -> Genotype:
    if where != "stages":
        rows = list(getattr(g, where))
        rows[row] = rows[row].but(**fields)
        return replace(g, **{where: tuple(rows)})
    rows = list(g.stages[0])
    rows[row] = rows[row].but(**fields)
    return replace(g, stages=(tuple(rows), *g.stages[1:]))


CHANGES = {
    "width": changed(BASE, "stem", 0, width=24),
    "kernel": changed(BASE, "stem", 0, kernel=5),
    "stride": changed(BASE, "stem", 0, stride=2),
    "padding": changed(BASE, "stem", 0, padding="valid"),
    "groups": changed(BASE, "stem", 0, groups=8),
    "act": changed(BASE, "stem", 0, act="silu"),
    "bias": changed(BASE, "stem", 0, bias=True),
    "order": changed(BASE, "stem", 0, order="norm-act-conv"),
    "no norm": changed(BASE, "stem", 0, norm=False),
    "repeat": changed(BASE, "stem", 0, repeat=2),
    "pool mode": changed(BASE, "stem", 1, mode="max"),
    "ceil": changed(BASE, "stem", 1, ceil=True),
    "count_pad": changed(BASE, "stem", 1, count_pad=False),
    "lrn size": changed(BASE, "stem", 2, size=3),
    "lrn alpha": changed(BASE, "stem", 2, alpha=1e-3),
    "lrn beta": changed(BASE, "stem", 2, beta=0.5),
    "lrn k": changed(BASE, "stem", 2, k=1),
    "dropout": changed(BASE, "stem", 3, p=0.4),
    "se width": changed(BASE, "stages", 0, se="in/8"),
    "no se": changed(BASE, "stages", 0, se=None),
    "skip": changed(BASE, "stages", 0, skip=False),
    "expand": changed(BASE, "stages", 0, expand="in*4"),
    "shortcut": changed(BASE, "stages", 1, shortcut="C"),
    "no shortcut": changed(BASE, "stages", 1, shortcut="none"),
    "join": replace(BASE, stages=(BASE.stages[0], (BASE.stages[1][0].but(paths=((), (conv(24, 3),)), join="interleave"),))),
    "classes": changed(BASE, "head", 1, width=11),
    "no bias": changed(BASE, "head", 1, bias=False),
    "gap": changed(BASE, "head", 0, size=1),
    "input": replace(BASE, input=(8, 18, 18)),
    "channels": replace(BASE, input=(4, 16, 16)),
    "eps": replace(BASE, style=Style(eps=1e-3)),
    "momentum": replace(BASE, style=Style(momentum=0.01)),
    "se_act": replace(BASE, style=Style(se_act="silu")),
    "se_gate": replace(BASE, style=Style(se_gate="hardsigmoid")),
    "style's act": replace(BASE, style=Style(act="relu6")),
    "style's order": replace(BASE, style=Style(order="act-conv-norm")),
    "style's norm": replace(BASE, style=Style(norm="none")),
    "drop_path": replace(BASE, style=Style(drop_path=0.1)),
    "init": replace(BASE, style=Style(init="torch")),
}


def test_any_change_of_the_network_changes_the_digest() -> None:
    digests = {"as it was": digest(BASE)} | {name: digest(g) for name, g in CHANGES.items()}
    assert len(set(digests.values())) == len(digests), sorted(digests.items(), key=lambda item: item[1])
    style_fields = {f.name for f in fields(Style)}
    assert style_fields - {"divisor"} <= {
        f for f in style_fields if any(getattr(g.style, f) != getattr(BASE.style, f) for g in CHANGES.values())
    }


def test_any_attribute_of_any_layer_is_in_the_digest() -> None:
    layers = trace(BASE)
    before = digest_of(layers, "torch")
    seen = set()
    for i, x in enumerate(layers):
        for name, value in x.attrs.items():
            seen.add((x.kind, name))
            other = {**x.attrs, name: "something else" if isinstance(value, str) else (7, 7) if isinstance(value, tuple) else value + 1}
            assert digest_of((*layers[:i], x._replace(attrs=Fields(other)), *layers[i + 1 :]), "torch") != before
        if x.inputs and i > 1:
            assert digest_of((*layers[:i], x._replace(inputs=(*x.inputs[:-1], x.inputs[-1] - 1)), *layers[i + 1 :]), "torch") != before
        assert digest_of((*layers[:i], x._replace(where="elsewhere"), *layers[i + 1 :]), "torch") == before
    assert {kind for kind, _ in seen} == {"conv", "norm", "act", "pool", "gap", "linear", "dropout", "lrn", "slice", "interleave"}


def test_a_digest_is_twelve_hex_digits_and_stays() -> None:
    """Studies name their networks by it: when these change, stored trials are no longer recognised as the same networks."""
    assert {name: digest(known(name)) for name in ("resnet50", "mobilenet_v3_small")} == PINNED


PINNED = {"resnet50": "38ea8401e9f0", "mobilenet_v3_small": "2d87c94c7d77"}


def without_memory(g: Genotype) -> tuple[Layer, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracer, "_memory", lambda *key: [])
        return trace(g)


@given(networks())
def test_memory_changes_nothing(g: Genotype) -> None:
    """Traces are equal without memory, cold, warm, and where the blocks stand at other places than when they were remembered."""
    expected = repr(without_memory(g))  # repr: 1, 1.0 and True are equal otherwise
    tracer._memory.cache_clear()
    cold, warm = trace(g), trace(g)
    assert repr(cold) == repr(warm) == expected
    moved = replace(g, stem=(), stages=((identity(), *g.stem),))
    assert repr(trace(moved)) == repr(without_memory(moved))
    twice = replace(g, stem=(*g.stem, *g.stem))
    with contextlib.suppress(GenotypeError):
        assert repr(without_memory(twice)) == repr(trace(twice))


@pytest.mark.parametrize("name", classics())
def test_memory_changes_nothing_for_the_known(name: str) -> None:
    g = known(name)
    expected = repr(without_memory(g))
    tracer._memory.cache_clear()
    assert repr(trace(g)) == repr(trace(g)) == expected


def test_layers_and_their_attributes_are_frozen() -> None:
    layer = trace(net(conv(4)))[1]
    with pytest.raises(TypeError, match="frozen"):
        layer.attrs["stride"] = 2
    with pytest.raises(AttributeError):
        layer.shape = (1, 1, 1)  # type: ignore[misc]


def test_every_word_writes_layers_of_known_kinds() -> None:
    assert set(BLOCK_TYPES) >= {"conv", "branches", "se"}
    assert len(shapes(net(identity(), dropout(0)))) == 1


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda t, x: t.unit(x, "in*2"), r"got the relative width 'in\*2'; write t\.width\('in\*2', x\)"),
        (lambda t, x: t.linear(x, "in/2"), r"got the relative width 'in/2'; write t\.width\('in/2', x\)"),
        (lambda t, x: t.act(x + t.act(x)), r"got x \+ y; write t\.add\(x, y\)"),
        (lambda t, x: sum([x, x]), r"got x \+ y; write t\.add\(x, y\)"),
        (lambda t, x: 2 * x, r"got x \* y; write t\.multiply\(x, 0\.5\), or t\.scale\(x, gate\)"),
        (lambda t, x: x / 2, r"got x / y; write t\.multiply"),
        (lambda t, x: t.layernorm(x), r"a tracer has no method 'layernorm'; it has act, add, .*; did you mean .*norm"),
        (lambda t, x: t.relu(x), r"a tracer has no method 'relu'; it has act, "),
    ],
)
def test_a_wrong_call_of_the_tracer_names_the_right_one(write: Callable[[Tracer, Layer], object], said: str) -> None:
    t = Tracer(Style(), (4, 8, 8))
    t.scope = "stem.0"
    with pytest.raises((GenotypeError, AttributeError), match=said):
        write(t, t.layers[0])
    assert not hasattr(t, "layernorm")
