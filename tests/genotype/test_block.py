"""Each word's signature is its schema: what it accepts, what it refuses and what it says then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from genotype_strategies import blocks
from hypothesis import given
from pydantic import Field

from nasbench.errors import GenotypeError
from nasbench.genotype import BLOCK_TYPES, Block, Genotype, Style, Tracer, Value, block, fields, trace
from nasbench.genotype.blocks import conv, fire, mbconv, pool, residual
from nasbench.genotype.fields import Kernel, Width

NEEDED: dict[str, dict[str, Any]] = {
    "activation": {},
    "auxiliary": {"rows": [{"op": "linear", "width": 10}]},
    "cell": {"width": 8, "nodes": (("sep3", 0, "identity", 1),)},
    "fused_mbconv": {"width": 8},
    "multiply": {"by": 0.5},
    "spp": {},
    "take": {"channels": (0, 2)},
    "branches": {"paths": [[], [{"op": "conv", "width": 8}]]},
    "conv": {"width": 8},
    "dense": {"growth": 8},
    "dropout": {},
    "edge_cell": {"edges": (("conv3",), ("none", "identity"))},
    "fire": {"squeeze": 4, "expand": 8},
    "flatten": {},
    "gap": {},
    "identity": {},
    "inception": {"conv1x1": 1, "reduce3x3": 2, "conv3x3": 3, "reduce5x5": 4, "conv5x5": 5, "pool_proj": 6},
    "linear": {"width": 10},
    "lrn": {},
    "mbconv": {"width": 8},
    "norm": {},
    "pool": {},
    "residual": {"width": 8},
    "se": {},
    "separable": {"width": 8},
    "shuffle": {"width": 8},
}


@pytest.fixture
def free_name() -> Iterator[str]:
    """A word of the user's, taken out of the vocabulary again afterwards."""
    yield "twice"
    BLOCK_TYPES.pop("twice", None)


def test_the_table_names_every_word() -> None:
    assert set(NEEDED) == set(BLOCK_TYPES)


@pytest.mark.parametrize("op", NEEDED)
def test_a_word_needs_its_fields_and_no_more(op: str) -> None:
    fields = NEEDED[op]
    made = Block(op, fields)
    assert set(fields) <= set(made.fields)
    assert tuple(made.fields) == BLOCK_TYPES[op].names  # every field, in the order of the signature
    assert set(BLOCK_TYPES[op].required) == set(fields)
    for missing in fields:
        with pytest.raises(GenotypeError, match=f"^{op} needs the field '{missing}'; it reads {', '.join(BLOCK_TYPES[op].names)}"):
            Block(op, {k: v for k, v in fields.items() if k != missing})


@pytest.mark.parametrize("op", NEEDED)
def test_a_word_is_documented_and_typed(op: str) -> None:
    word = BLOCK_TYPES[op]
    assert len(word.doc) > 20
    assert set(word.annotations) == set(word.names)


@pytest.mark.parametrize("op", NEEDED)
def test_an_unknown_field_is_refused_with_the_nearest(op: str) -> None:
    for name in BLOCK_TYPES[op].names:
        wrong = f"{name}x"
        fields = {k: v for k, v in NEEDED[op].items() if k != name}  # so the field that is meant is missing as well
        with pytest.raises(GenotypeError) as caught:
            Block(op, {**fields, wrong: 1})
        message = str(caught.value)
        assert message.startswith(f"{op} has no field '{wrong}'; it reads ")
        assert "did you mean " in message
        assert name in message.split("did you mean ")[1]


@pytest.mark.parametrize(
    ("op", "fields", "said"),
    [
        ("conv", {"width": 0}, "conv.width: a width is 1 to 65536 channels; got 0"),
        ("conv", {"width": -8}, "conv.width: a width is 1 to 65536 channels; got -8"),
        ("conv", {"width": 65_537}, "got 65537"),
        ("conv", {"width": 8.0}, "conv.width: a width is a whole number or relative, such as in*6 or out/4; got 8.0"),
        ("conv", {"width": True}, "got True"),
        ("conv", {"width": None}, "got None"),
        ("conv", {"width": [8]}, "got (8,)"),
        ("conv", {"width": "6*in"}, "got '6*in'"),
        ("conv", {"width": 8, "kernel": 0}, "conv.kernel: a kernel is a whole number from 1 to 64, or [height, width] of such; got 0"),
        ("conv", {"width": 8, "kernel": [3, 3, 3]}, "got (3, 3, 3)"),
        ("conv", {"width": 8, "kernel": [3, 0]}, "got (3, 0)"),
        ("conv", {"width": 8, "kernel": 65}, "got 65"),
        ("conv", {"width": 8, "kernel": "3x"}, "got '3x'"),
        ("conv", {"width": 8, "kernel": 3.0}, "got 3.0"),
        ("conv", {"width": 8, "stride": 0}, "conv.stride: input should be greater than or equal to 1; got 0"),
        ("conv", {"width": 8, "stride": "2"}, "conv.stride: input should be a valid integer; got '2'"),
        ("conv", {"width": 8, "stride": True}, "got True"),
        ("conv", {"width": 8, "stride": 1.0}, "got 1.0"),
        ("conv", {"width": 8, "padding": "some"}, "conv.padding: padding is same, valid, a whole number from 0, or [height, width]"),
        ("conv", {"width": 8, "padding": -1}, "got -1"),
        ("conv", {"width": 8, "padding": [1, "same"]}, "got (1, 'same')"),
        ("conv", {"width": 8, "padding": False}, "got False"),
        ("conv", {"width": 8, "groups": 0}, "conv.groups: groups is a whole number from 1 or depthwise; got 0"),
        ("conv", {"width": 8, "groups": "deep"}, "got 'deep'"),
        ("conv", {"width": 8, "act": "rleu"}, "conv.act: input should be 'none', 'relu'"),
        ("conv", {"width": 8, "act": False}, "got False"),
        ("conv", {"width": 8, "norm": 1}, "conv.norm: input should be a valid boolean; got 1"),
        ("conv", {"width": 8, "bias": "yes"}, "conv.bias: input should be a valid boolean; got 'yes'"),
        ("conv", {"width": 8, "order": "norm-conv-act"}, "conv.order: input should be 'conv-norm-act', 'norm-act-conv' or 'act-conv-norm'"),
        ("pool", {"mode": "min"}, "pool.mode: input should be 'max' or 'avg'; got 'min'"),
        ("gap", {"size": 0}, "gap.size: input should be greater than or equal to 1; got 0"),
        ("dropout", {"p": 1}, "dropout.p: input should be less than 1; got 1"),
        ("dropout", {"p": -0.1}, "dropout.p: input should be greater than or equal to 0; got -0.1"),
        ("dropout", {"p": float("nan")}, "got nan"),
        ("lrn", {"alpha": float("inf")}, "lrn.alpha: input should be less than or equal to 1000; got inf"),
        ("lrn", {"k": 0}, "lrn.k: input should be greater than 0; got 0"),
        ("residual", {"width": 8, "shortcut": "D"}, "residual.shortcut: input should be 'A', 'B', 'C' or 'none'; got 'D'"),
        ("mbconv", {"width": 8, "skip": None}, "mbconv.skip: input should be a valid boolean; got None"),
        ("branches", {"paths": []}, "branches.paths: paths is a list of at least two paths"),
        ("branches", {"paths": [[], 3]}, "each a list of blocks (an empty one passes its input on); got ((), 3)"),
        ("branches", {"paths": [[], [3]]}, "branches.paths: path 2, block 1: a block is a mapping with an op; got 3"),
        ("branches", {"paths": [[], [{"op": "cnv"}]]}, "there is no block 'cnv'"),
        ("branches", {"paths": [[], [{"op": "conv", "width": 0}]]}, "branches.paths: conv.width: a width is 1 to 65536 channels; got 0"),
        ("auxiliary", {"rows": []}, "auxiliary.rows: rows is a list of at least one block, the last of them the classifier; got ()"),
        ("auxiliary", {"rows": {"op": "gap"}}, "at least one block, the last of them the classifier; got {'op': 'gap'}"),
        ("auxiliary", {"rows": [{"op": "gap"}, 3]}, "auxiliary.rows: block 2: a block is a mapping with an op; got 3"),
        ("auxiliary", {"rows": [{"op": "gpa"}]}, "there is no block 'gpa'"),
        ("auxiliary", {"rows": [{"op": "gap"}], "weight": 0}, "auxiliary.weight: input should be greater than 0; got 0"),
        ("branches", {"paths": [[], []], "join": "sum"}, "branches.join: input should be 'concat', 'add' or 'interleave'; got 'sum'"),
    ],
)
def test_an_impossible_value_is_refused_with_the_rule_and_the_value(op: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(GenotypeError) as caught:
        Block(op, fields)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize("op", ["cnv", "Conv", "conv2d", "", 3, None, ["conv"], {"op": "conv"}])
def test_an_unknown_word_is_refused_with_the_vocabulary(op: Any) -> None:
    with pytest.raises(GenotypeError, match=r"there is no block .* the block types are .*mbconv.*residual"):
        Block(op)


def test_an_unknown_word_names_the_nearest() -> None:
    with pytest.raises(GenotypeError, match="did you mean mbconv or conv"):
        Block("mbconf")


@pytest.mark.parametrize("repeat", [0, -1, 2049, 10**9, True, 1.0, "2", None])
def test_an_impossible_repeat_is_refused(repeat: Any) -> None:
    with pytest.raises(GenotypeError, match="conv: repeat is a whole number from 1 to 2048; got"):
        Block("conv", {"width": 8}, repeat)


def test_a_word_called_with_values_makes_the_block() -> None:
    assert fire(16, 64) == fire(squeeze=16, expand=64) == Block("fire", {"squeeze": 16, "expand": 64})
    assert mbconv(24, 5, 2, "in*3", repeat=3) == Block("mbconv", {"width": 24, "kernel": 5, "stride": 2, "expand": "in*3"}, 3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fire(16, 64, "relu", "none", 3), "fire reads 4 fields (squeeze, expand, act, bypass); got 5 values"),
        (lambda: fire(16, squeeze=8, expand=8), "fire: field 'squeeze' is given twice, as 16 and 8"),
        (lambda: fire(16), "fire needs the field 'expand'"),
    ],
)
def test_a_wrong_call_is_refused(make: Callable[[], Block], said: str) -> None:
    with pytest.raises(GenotypeError) as caught:
        make()
    assert said in str(caught.value)


def test_two_spellings_of_a_value_are_one_block() -> None:
    assert conv(8, [3, 3]) == conv(8, 3)
    assert conv(8, (1, 3)) == conv(8, [1, 3])
    assert hash(conv(8, [3, 3])) == hash(conv(8, 3))
    assert Block("dropout", {"p": 0}).fields["p"] == 0.0


@given(blocks())
def test_a_row_can_be_made_again_from_what_is_written(row: Block) -> None:
    written = row.written()
    op, repeat = written.pop("op"), written.pop("repeat", 1)
    again = Block(op, written, repeat)
    assert again == row
    assert hash(again) == hash(row)


def test_defaults_are_not_written() -> None:
    assert conv(8, 1, 1, "same").written() == {"op": "conv", "width": 8}
    assert residual(8, stride=2, repeat=3).written() == {"op": "residual", "width": 8, "stride": 2, "repeat": 3}
    assert mbconv(8, expand=None).written() == {"op": "mbconv", "width": 8, "expand": None}  # None is not the default here


def test_a_word_of_the_users_works_like_any_other(free_name: str) -> None:
    @block
    def twice(t: Tracer, x: Value, *, width: Width = "in*2") -> Value:
        """Two units of one width."""
        return t.unit(t.unit(x, t.width(width, x)), t.width(width, x))

    g = Genotype.from_yaml("input: [4, 8, 8]\nstem: [{op: twice}]\n")
    assert g.stem == (Block(free_name),)
    assert [x.where for x in trace(g)][1:] == [
        "stem.0.conv", "stem.0.norm", "stem.0.act", "stem.0.conv_2", "stem.0.norm_2", "stem.0.act_2",
    ]  # fmt: skip
    assert trace(g)[-1].shape == (8, 8, 8)  # in is the block's input, not the layer's
    with pytest.raises(GenotypeError, match="twice has no field 'widht'; it reads width; did you mean width"):
        Block(free_name, {"widht": 8})


def test_a_word_may_not_take_anothers_name() -> None:
    def fire(t: Tracer, x: Value, *, width: Width) -> Value:
        return x

    kept = BLOCK_TYPES["fire"]
    with pytest.raises(
        GenotypeError, match=r"there is already a block 'fire', from nasbench\.genotype\.blocks\.mobile; choose another name"
    ):
        block(fire)
    assert BLOCK_TYPES["fire"] is kept


def positional(t, x, width: int): ...
def after_before(t, x, before, width: int): ...
def values(t, *x): ...
def anything(t, x, *, width: int, **before): ...
def lonely(t): ...
def untyped(t, x, *, width): ...
def named_op(t, x, *, op: int): ...
def named_repeat(t, x, *, repeat: int): ...
def unknown_type(t, x, *, width: Widht): ...  # noqa: F821
def listed(t, x, *, kernels: list[int]): ...
def list_inside(t, x, *, kernels: tuple[list[int], ...] | None = None): ...
def mapped(t, x, *, kernels: dict = None): ...  # noqa: RUF013
def list_default(t, x, *, kernels: tuple[int, ...] = [3, 5]): ...
def set_default(t, x, *, kernels: tuple[int, ...] = {3, 5}): ...
def wrong_default(t, x, *, width: Width = "6*in"): ...
def none_default(t, x, *, kernel: Kernel, width: Width = None): ...
def underscored(t, x, *, _width: int): ...
def pydantics(t, x, *, model_config: int): ...
def generated(t, x):
    yield x


async def awaited(t, x):
    return x


def bad_pattern(t, x, *, act: Annotated[str, Field(pattern="(")]): ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (positional, r"a block is a function .* positional takes \(t, x, width: 'int'\); write a \* before 'width'"),
        (after_before, r"after_before takes .*; write a \* before 'width'"),
        (values, r"values takes \(t, \*x\); name each field, after a \*"),
        (anything, r"anything takes .*; name each field, after a \*"),
        (lonely, r"lonely takes \(t\)"),
        (lambda t, x: x, "a block is a function .* with a name, and returns a value; got <function <lambda>"),
        (int, "a block is a function .* with a name, and returns a value; got <class 'int'>"),
        (generated, "a block is a function .* and returns a value; got <function generated"),
        (awaited, "a block is a function .* and returns a value; got <function awaited"),
        (untyped, r"untyped: field 'width' needs a type, such as width: Width \(see nasbench\.genotype\.fields\)"),
        (named_op, "named_op: every block has op and repeat already; call field 'op' something else"),
        (named_repeat, "named_repeat: every block has op and repeat already; call field 'repeat' something else"),
        (unknown_type, "unknown_type: its types cannot be read: NameError: name 'Widht' is not defined; import them at the top"),
        (listed, r"listed: a field's value never changes; field 'kernels' is a list; write tuple\[int, \.\.\.\]"),
        (list_inside, "list_inside: a field's value never changes; field 'kernels' is a list"),
        (mapped, "mapped: a field's value never changes; field 'kernels' is a dict"),
        (list_default, r"list_default: a default never changes; field 'kernels' has \[3, 5\]; write \(3, 5\)"),
        (set_default, r"set_default: a default never changes; field 'kernels' has \{3, 5\}; write a tuple, number or text"),
        (
            wrong_default,
            r"wrong_default: a default is a value of its type; field 'width' has '6\*in': a width is a number of channels or in",
        ),
        (none_default, "none_default: a default is a value of its type; field 'width' has None: a width is a whole number or relative"),
        (underscored, "underscored: pydantic, which checks fields, keeps the name '_width' for itself; choose another"),
        (pydantics, "pydantics: pydantic, which checks fields, keeps the name 'model_config' for itself"),
        (bad_pattern, "bad_pattern: its types cannot be read: SchemaError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_function_that_is_no_word_is_refused(function: Any, said: str) -> None:
    before = dict(BLOCK_TYPES)
    with pytest.raises(GenotypeError, match=said) as caught:
        block(function)
    assert "\n" not in str(caught.value)
    assert before == BLOCK_TYPES


def test_what_may_stand_in_a_word(free_name: str) -> None:
    """The control for the table above: defaults and types of every lawful form."""

    @block
    def twice(
        t: Tracer,
        x: Value,
        before: Value,
        *,
        kernels: tuple[int, ...] = (3, 5),
        width: Width | None = None,
        p: float = 0,
        deep: bool = True,
    ) -> Value:
        return x

    assert twice().fields == {"kernels": (3, 5), "width": None, "p": 0, "deep": True}
    assert twice.reads_before
    assert twice.doc == "a block from test_block.py, which has no docstring"
    assert hash(Block(free_name, {"kernels": [3]})) == hash(twice(kernels=(3,)))


def test_a_cell_of_a_notebook_may_be_run_again(free_name: str) -> None:
    """Each run of a cell makes another function under another file name, in one module."""
    code = "@block\ndef twice(t: Tracer, x: Value, *, width: Width = {}) -> Value:\n    return t.unit(x, width)\n"
    for cell, width in enumerate((8, 16)):
        names = {"block": block, "Tracer": Tracer, "Value": Value, "Width": Width, "__name__": "__main__"}
        exec(compile(code.format(width), f"<cell {cell}>", "exec", dont_inherit=True), names)
        assert trace(Genotype("n", (3, 8, 8), (Block(free_name),)))[-1].shape[0] == width


def test_a_pair_that_is_too_short_is_not_taken_for_a_missing_field(free_name: str) -> None:
    @block
    def twice(t: Tracer, x: Value, *, size: tuple[int, int]) -> Value:
        return x

    with pytest.raises(GenotypeError, match=r"^twice\.size: field required; got \(1,\)$"):
        Block(free_name, {"size": [1]})
    with pytest.raises(GenotypeError, match=r"^twice needs the field 'size'"):
        Block(free_name)


def test_a_type_is_written_as_the_file_has_it(free_name: str) -> None:
    """Not as Python evaluates it: this file postpones annotations, and the cell's does not."""
    code = (
        "@block\ndef twice(t, x, *, width: Width, se: Width | None = None, stride: Stride = 1, act: Act = 'relu', deep: bool = True): ..."
    )
    names = {"block": block, "__name__": "cell"} | {k: getattr(fields, k) for k in ("Width", "Stride", "Act")}
    exec(compile(code, "<cell>", "exec", dont_inherit=True), names)
    assert [row[1] for row in BLOCK_TYPES[free_name].describe()] == ["Width", "Width | None", "Stride", "Act", "bool"]


def test_fields_are_frozen() -> None:
    fields = pool().fields
    for change in (lambda: fields.update(kernel=2), lambda: fields.__setitem__("kernel", 2), lambda: fields.pop("kernel"), fields.clear):
        with pytest.raises(TypeError, match=r"frozen; make another block with block\.but"):
            change()
    assert pool().but(kernel=2) == pool("max", 2)
    assert pool() == pool()


def test_style_of_a_word_is_the_networks_unless_the_row_says_its_own() -> None:
    layers = trace(Genotype("n", (3, 8, 8), (conv(8), conv(8, act="silu"), conv(8, act="none")), style=Style(act="tanh")))
    assert [x.attrs["act"] for x in layers if x.kind == "act"] == ["tanh", "silu"]
