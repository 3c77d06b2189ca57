"""Pictures of networks: their data by equality, and that no name covers another or leaves the axes."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from readable import boxes, new_axes

import nasbench as nb
from nasbench.analysis.plots.networks import (
    SIZE,
    Point,
    history,
    networks_picture,
    plot_history,
    plot_networks,
    plot_receptive,
    plot_shares,
    stage_shares,
)

EIGHT = ["alexnet", "squeezenet1_0", "vgg16", "resnet50", "mobilenet_v2", "efficientnet_b0", "densenet121", "googlenet"]
MANY = [
    "alexnet_original", "zfnet", "nin", "vgg16", "vgg19", "googlenet_original", "inception_v3", "resnet18", "resnet34", "resnet50",
    "resnet152", "preresnet18", "resnext50_32x4d", "wide_resnet50_2", "densenet121", "squeezenet1_1", "xception", "mobilenet_v1",
    "shufflenet_v2_x1_0", "senet154", "mobilenet_v2", "mnasnet1_0", "mnasnet0_5", "mobilenet_v3_large", "efficientnet_b0",
]  # fmt: skip


def test_the_picture_knows_who_has_a_figure() -> None:
    picture = networks_picture(nb.known_frame(["vgg16", "alexnet", "resnet50"]))
    cost = {name: nb.cost(nb.known(name)) for name in ("vgg16", "alexnet", "resnet50")}
    assert picture.published == [
        Point("resnet50", cost["resnet50"].macs, cost["resnet50"].params, 75.99, True),
        Point("vgg16", cost["vgg16"].macs, cost["vgg16"].params, 74.4, False),
    ]
    assert picture.missing == [Point("alexnet", cost["alexnet"].macs, cost["alexnet"].params, None, False)]


@pytest.mark.parametrize("names", [EIGHT[:2], EIGHT[2:4], EIGHT, MANY, ["lenet1", "lenet5"]], ids=len)
def test_names_neither_overlap_nor_leave_the_axes(names: list[str]) -> None:
    ax = plot_networks(networks_picture(nb.known_frame(names)), new_axes(SIZE))
    drawn = boxes(ax, names)
    frame = ax.get_window_extent()
    assert all(b.left >= frame.x0 and b.right <= frame.x1 and b.bottom >= frame.y0 and b.top <= frame.y1 for b in drawn)
    assert all(a.shared(b) == 0 for a, b in itertools.combinations(drawn, 2))


def test_names_without_placing_would_overlap() -> None:
    """The control: the same names in the middle of their bubbles cover each other."""
    ax = new_axes(SIZE)
    for p in networks_picture(nb.known_frame(MANY)).published:
        ax.annotate(p.name, (p.macs, p.top1), ha="center", va="center", fontsize=8)
    ax.set_xscale("log")
    drawn = boxes(ax, [t.get_text() for t in ax.texts])
    assert any(a.shared(b) > 0 for a, b in itertools.combinations(drawn, 2))


def test_a_bubbles_area_is_its_parameters() -> None:
    ax = plot_networks(networks_picture(nb.known_frame(["vgg16", "resnet50", "densenet121"])), new_axes(SIZE))
    areas = [c.get_sizes()[0] for c in ax.collections]  # the largest first
    params = [nb.cost(nb.known(name)).params for name in ("vgg16", "resnet50", "densenet121")]
    assert [a / areas[0] for a in areas] == pytest.approx([p / params[0] for p in params])


def test_heights_are_figures_and_the_strip_lies_below_them() -> None:
    ax = plot_networks(networks_picture(nb.known_frame(EIGHT)), new_axes(SIZE))
    at = {t.get_text(): t.xy[1] for t in ax.texts if t.get_text() in EIGHT}
    assert (at["resnet50"], at["squeezenet1_0"]) == (75.99, 57.5)
    below = max(at["alexnet"], at["googlenet"])
    assert below < 57.5
    assert below < min(ax.get_yticks())  # no tick gives the strip a figure
    assert any("no published top-1" in t.get_text() for t in ax.texts)
    assert "published" in ax.get_ylabel()
    assert "millions" in ax.get_xlabel()


def test_the_history_has_a_front_by_year() -> None:
    data = history(
        nb.known_frame(["alexnet_original", "googlenet_original", "resnet50", "mobilenet_v2", "efficientnet_b0", "lenet5"]), (2014, 2019)
    )
    assert [p[0] for p in data.points] == ["alexnet_original", "googlenet_original", "resnet50", "mobilenet_v2", "efficientnet_b0"]
    macs = {name: float(nb.cost(nb.known(name)).macs) for name in ("googlenet_original", "mobilenet_v2", "efficientnet_b0")}
    assert data.fronts == {
        2014: [(macs["googlenet_original"], 71.0)],  # ten crops are no match
        2019: [(macs["mobilenet_v2"], 72.0), (macs["efficientnet_b0"], 77.1)],
    }
    ax = plot_history(data, ["resnet50"], new_axes(SIZE))
    assert [t.get_text() for t in ax.texts if t.get_text()] == ["resnet50"]
    assert {"best by the end of 2014", "best by the end of 2019"} <= {t.get_text() for t in ax.get_legend().get_texts()}


def test_shares_add_up_to_all_of_it() -> None:
    shares = stage_shares({name: nb.known(name) for name in ("vgg16", "resnet50", "mobilenet_v2")}, "params_count")
    assert shares.sum(axis=1).tolist() == pytest.approx([100.0] * 3)
    assert list(shares.columns) == ["stem", *(f"stage {i}" for i in range(1, 8)), "head"]
    assert shares.loc["vgg16", "head"] == pytest.approx(100 * 123_642_856 / 138_357_544)
    assert shares.loc["vgg16", "stem"] == 0
    ax = plot_shares(shares, "parameters", new_axes(SIZE))
    assert ax.get_xlabel() == "share of the parameters (%)"


def test_receptive_fields_are_drawn_over_depth() -> None:
    ax = plot_receptive({name: nb.known(name) for name in ("vgg16", "resnet18")}, new_axes(SIZE))
    assert [line.get_label() for line in ax.lines if not line.get_label().startswith("_")] == ["vgg16", "resnet18"]
    assert max(ax.lines[0].get_ydata()) == 212
    assert "pixels" in ax.get_ylabel()


def test_pictures_of_networks_load_neither_torch_nor_a_search_library() -> None:
    heavy = ("torch", "optuna", "ray")
    check = (
        f"import sys, nasbench.analysis.plots.networks, nasbench.analysis.network_steps; print([m for m in {heavy} if m in sys.modules])"
    )
    for extra, expected in (("", "[]"), ("import optuna; ", "['optuna']")):
        run = subprocess.run([sys.executable, "-c", extra + check], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == expected
