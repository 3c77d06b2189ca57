"""The genotypes of a front side by side."""

from __future__ import annotations

import pandas as pd
import pytest
from readable import assert_readable

import nasbench as nb
from nasbench.analysis.plots.genotypes import chosen, front_genotypes, plot_rows, rows_frame, shares_frame
from nasbench.genotype import Block, digest
from nasbench.zoo import known


def test_stage_by_stage():
    df = rows_frame({"a": known("mobilenet_v3_small"), "b": known("lenet5_modern")})
    assert list(df.index)[:3] == ["input", "style", "stem"]
    assert df.index[-1] == "head"
    assert df.loc["input", "a"] == "3x224x224"
    assert df.loc["stem", "a"] == "conv 16 /2\nkernel 3, act hardswish"
    assert df.loc["stage 2", "a"].splitlines()[0] == "2 x mbconv 24 /2"
    assert "expand 4.5 11/3" in df.loc["stage 2", "a"]
    assert rows_frame({"a": known("mobilenet_v2")}).loc["stage 2", "a"] == "2 x mbconv 24 /2, kernel 3"
    missing = [r for r in df.index if r.startswith("stage") and df.loc[r, "b"] == ""]
    assert missing  # LeNet has fewer stages


def test_a_field_left_at_its_default_is_not_called_none():
    rows = (Block("mbconv", {"width": 80, "stride": 2}), Block("mbconv", {"width": 80, "expand": "in*2.5"}))
    g = nb.Genotype("g", (3, 32, 32), stages=(rows, (Block("mbconv", {"width": 80, "expand": None}),)))
    df = rows_frame({"a": g})
    assert df.loc["stage 1", "a"] == "2 x mbconv 80 /2\nkernel 3, expand 6 2.5"
    assert df.loc["stage 2", "a"] == "mbconv 80\nkernel 3, no expand"


def test_a_field_has_one_value_for_each_block_or_one_for_all():
    expand = ("in*4.5", "in*2.5", "in*2.5", "in*2.3")
    rows = tuple(Block("mbconv", {"width": 80 + 8 * (i > 1), "expand": e, "stride": 2 - (i > 0)}) for i, e in enumerate(expand))
    long = (
        Block("mbconv", {"width": 8, "expand": "in*4"}, 5),
        Block("mbconv", {"width": 8, "expand": "in*3"}),
        Block("mbconv", {"width": 8}),
    )
    strides = tuple(Block("conv", {"width": 8, "kernel": 3, "stride": s}) for s in (2, 1, 2))
    df = rows_frame({"a": nb.Genotype("g", (3, 32, 32), stem=strides, stages=(rows, long))})
    assert df.loc["stage 1", "a"].splitlines() == ["4 x mbconv 80 80 88 88 /2", "kernel 3", "expand 4.5 2.5 2.5 2.3"]
    assert df.loc["stage 2", "a"].splitlines()[1:] == ["kernel 3", "expand 4 (x5) 3 6"]
    assert df.loc["stem", "a"].splitlines() == ["3 x conv 8 /2/1/2", "kernel 3"]


def test_shares_are_of_the_whole():
    networks = {"a": known("mobilenet_v3_small"), "b": known("resnet18")}
    shares = shares_frame(networks)
    assert shares.sum().tolist() == pytest.approx([100, 100])
    assert list(shares.index) == list(rows_frame(networks).index)
    assert shares.loc["input"].tolist() == [0, 0]


def test_both_ends_of_a_long_front():
    df = pd.DataFrame({"number": range(30)})
    assert chosen(df, 8)["number"].tolist() == [0, 4, 8, 12, 17, 21, 25, 29]
    assert chosen(df.iloc[:3], 8)["number"].tolist() == [0, 1, 2]


def test_names_have_their_figures(study):
    networks = front_genotypes(study.front())
    assert list(networks) == ["random 2: 9.0 ms, 65.0 %", "search 0: 10.0 ms, 70.0 %", "search 2: 12.0 ms, 80.0 %"]
    assert [digest(g) for g in networks.values()] == list(study.front()["digest"])


@pytest.mark.parametrize("names", [["mobilenet_v2"], ["mobilenet_v3_small", "mobilenet_v2", "mnasnet_a1", "efficientnet_b0"]])
def test_every_cell_holds_its_words(names):
    """No text is wider or higher than its cell, so none runs into another."""
    ax = plot_rows({f"{n}: 1.0 ms, 50.0 %": known(n) for n in names})
    assert_readable(ax)
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()
    cells = [bar.get_window_extent() for bar in ax.patches]
    assert len(cells) == len(ax.texts)
    for cell, text in zip(cells, ax.texts, strict=True):
        box = text.get_window_extent()
        assert box.width <= cell.width, text.get_text()
        assert box.height <= cell.height, text.get_text()
