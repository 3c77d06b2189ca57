from __future__ import annotations

import base64
import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest
from classics import CORE
from genotype_strategies import genotypes
from hypothesis import given

from nasbench.errors import GenotypeError
from nasbench.genotype import Block, Genotype, Style, adapt, digest, trace
from nasbench.genotype.blocks import branches, conv, gap, identity, linear, mbconv, residual
from nasbench.zoo import known


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "a network's name is a text of 1 to 100 printable characters; got ''"),
        ({"name": "x" * 101}, "1 to 100"),
        ({"name": "a\nb"}, r"got 'a\nb'"),
        ({"name": "\ud800"}, "printable"),  # no text at all: it could not be written to a file
        ({"name": 3}, "got 3"),
        ({"input": (3, 224)}, "input is [channels, height, width], whole numbers from 1 to 16384; got (3, 224)"),
        ({"input": (3, 0, 224)}, "got (3, 0, 224)"),
        ({"input": (3, 224.0, 224)}, "got (3, 224.0, 224)"),
        ({"input": (True, 224, 224)}, "got (True, 224, 224)"),
        ({"input": (3, 224, 10**6)}, "got (3, 224, 1000000)"),
        ({"input": "abc"}, "got 'abc'"),
        ({"stem": (3,)}, "stem, block 1: a block is made by its block type, as in conv(64); got 3"),
        ({"stages": ((conv(8),), (conv(8), "conv"))}, "stage 2, block 2: a block is made by its block type, as in conv(64); got 'conv'"),
        ({"head": ({"op": "gap"},)}, "head, block 1: a block is made"),
        ({"stem": (identity(repeat=2000),) * 11}, "a network has at most 20,000 blocks; with repeats it has 22,000; write fewer"),
        ({"stem": (branches(paths=[[], [identity(repeat=2000)]], repeat=2000),)}, "with repeats it has 4,002,000"),
    ],
)
def test_an_impossible_genotype_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(GenotypeError) as caught:
        Genotype(**{"name": "n", **fields})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"norm": "layer"}, "style.norm is one of batch, none; got 'layer'"),
        ({"act": "rleu"}, "style.act is one of none, relu, relu6"),
        ({"act": None}, "got None"),
        ({"act": ["relu"]}, "got ['relu']"),
        ({"eps": 0}, "style.eps is a number above 0, at most 1; got 0"),
        ({"eps": float("nan")}, "got nan"),
        ({"eps": True}, "got True"),
        ({"eps": "1e-3"}, "got '1e-3'"),
        ({"momentum": 1.5}, "style.momentum is a number above 0, at most 1; got 1.5"),
        ({"divisor": 0}, "style.divisor is a whole number from 1 to 256; got 0"),
        ({"divisor": 8.0}, "got 8.0"),
        ({"init": "xavier"}, "style.init is one of he_fan_out, he_fan_in, torch; got 'xavier'"),
    ],
)
def test_an_impossible_style_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(GenotypeError) as caught:
        Style(**fields)
    assert said in str(caught.value)


def test_an_unknown_field_of_a_style_names_the_nearest() -> None:
    with pytest.raises(GenotypeError, match=r"style has no field 'momentun'; it reads norm, eps, .*; did you mean momentum"):
        Style.of({"momentun": 0.1})


def test_a_style_keeps_numbers_as_one_type() -> None:
    """1 and 1.0 are equal, and a trace from memory may come from either: they must be one in the digest too."""
    whole, real = (Genotype("n", (3, 8, 8), (conv(4),), style=Style(eps=e, momentum=e)) for e in (1, 1.0))
    assert whole == real
    assert repr(trace(whole)) == repr(trace(real))
    assert digest(whole) == digest(real)


def test_lists_become_tuples() -> None:
    g = Genotype("n", [3, 8, 8], [conv(4)], [[conv(4)]], [gap()])  # type: ignore[arg-type]
    assert g == Genotype("n", (3, 8, 8), (conv(4),), ((conv(4),),), (gap(),))
    assert hash(g) == hash(Genotype("n", (3, 8, 8), (conv(4),), ((conv(4),),), (gap(),)))


def test_rows_are_stem_stages_and_head_in_sequence() -> None:
    g = Genotype("n", stem=(conv(1),), stages=((conv(2), conv(3)), (), (conv(4),)), head=(conv(5),))
    assert [row.fields["width"] for row in g.blocks] == [1, 2, 3, 4, 5]


def test_only_the_first_of_a_run_keeps_its_stride() -> None:
    assert mbconv(24, stride=2, repeat=3).unrolled == (mbconv(24, stride=2), mbconv(24), mbconv(24))
    assert mbconv(24, repeat=2).unrolled == (mbconv(24), mbconv(24))
    assert conv(24, stride=2).unrolled == (conv(24, stride=2),)
    shapes = [x.shape for x in trace(Genotype("n", (3, 16, 16), (conv(4, 3, 2, repeat=2),))) if x.kind == "conv"]
    assert shapes == [(4, 8, 8), (4, 8, 8)]


def test_blocks_inside_paths_are_counted() -> None:
    assert conv(8, repeat=3).size == 3
    assert branches(paths=[[conv(8, repeat=3)], [], [branches(paths=[[], [conv(8)]])]], repeat=2).size == 2 * (1 + 3 + 2)


@given(genotypes())
def test_a_copy_is_equal(g: Genotype) -> None:
    assert pickle.loads(pickle.dumps(g)) == g
    assert copy.deepcopy(g) == g
    assert hash(copy.deepcopy(g)) == hash(g)


def test_a_pickled_genotype_has_the_right_hash_in_another_process() -> None:
    """Python hashes texts differently in each process; a hash that travelled along would break sets and dictionaries there."""
    g = known("mobilenet_v2")
    assert len({g, known("mobilenet_v2")}) == 1  # hashed before it is sent
    _ = [row.unrolled for row in g.blocks]
    sent = base64.b64encode(pickle.dumps(g)).decode()
    code = (
        "import pickle, base64, sys; from nasbench.zoo import known; g = pickle.loads(base64.b64decode(sys.argv[1]));"
        "k = known('mobilenet_v2'); print(len({g, k}), len({g.style, k.style}), len({*g.blocks, *k.blocks}))"
    )
    for seed in ("1", "2"):
        run = subprocess.run([sys.executable, "-c", code, sent], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True)
        assert run.stdout.split() == ["1", "1", str(len(set(g.blocks)))]


def test_adapt_changes_input_and_classes_and_nothing_else() -> None:
    for name in CORE:
        g = known(name)
        small = adapt(g, input=(1, 64, 64) if name != "lenet5_modern" else (3, 28, 28), classes=7)
        last = [x for x in trace(small) if x.kind in ("conv", "linear")][-1]
        assert last.channels == 7
        assert len(trace(small)) == len(trace(g))
        assert adapt(small, input=g.input, classes=1000 if name != "lenet5_modern" else 10) == g
    assert adapt(g) == g


def test_adapt_needs_a_row_that_makes_channels() -> None:
    with pytest.raises(GenotypeError, match=r"n: the number of classes is the width of a block in the head; no width of \['gap'\]"):
        adapt(Genotype("n", stem=(conv(8),), head=(gap(),)), classes=10)


def test_but_validates() -> None:
    assert residual(64, stride=2).but(stride=1, repeat=3) == residual(64, repeat=3)
    with pytest.raises(GenotypeError, match="residual has no field 'strid'"):
        residual(64).but(strid=2)
    assert isinstance(linear(10).but(width=5), Block)
