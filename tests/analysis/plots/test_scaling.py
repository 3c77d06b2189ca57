"""What the pictures of scaling show, and that nothing of them is cut off."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nasbench.analysis.plots.scaling import (
    FamilyPicture,
    curves_picture,
    family_picture,
    flat,
    plot_curves,
    plot_family,
    plot_triangle,
    save_family,
    save_fit,
    triangle_picture,
)
from nasbench.analysis.scaling import open_fit
from nasbench.errors import NasbenchError
from nasbench.scaling_fit.config import CURVES, GRID, FitConfig
from nasbench.scaling_fit.directions import compared_directions, lattice
from nasbench.scaling_fit.outcome import fit_trials
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.zoo import known

BASE = known("resnet20_cifar10")


def tell(phase, directions, accuracy, cost):
    """Store finished trials, given as (direction, size, shares)."""
    for direction, size, shares in directions:
        trial = phase.enter(BASE)
        value = accuracy(shares, size) + 0.002 * (trial.number % 3 - 1)
        record = {"status": "ok", "values": [value], "accuracy": value, "seconds": 1.0, "direction": direction, "size": size, "ratio": size}
        more = {"growth": size**1.2, "shares": list(shares), "side": 32, "macs": round(4e7 * size), "params_count": 1000}
        phase.tell(trial.number, record | more | ({"latency_ms": 2.0 * size} if cost == "latency" else {}))


def accuracy(shares, size):
    away = sum((x - y) ** 2 for x, y in zip(shares, (0.2, 0.6, 0.2), strict=True))
    return 0.7 + math.log2(size) * (0.03 - 0.03 * away)


@pytest.fixture(scope="module", params=["MACs", "latency"])
def fit(request, tmp_path_factory):
    """A fit that was never run: its ledger and its report, from a formula."""
    path, latency = tmp_path_factory.mktemp("fit") / "study", request.param == "latency"
    asked = FitConfig(network="resnet20_cifar10", genotype=BASE, latency=latency)
    base = ("base", 1.0, (0.0, 0.0, 0.0))
    with StudyDirectory.create(path, asked.command("no images", "key", {})) as folder, Ledger.open(folder) as ledger:
        grid, fresh = (ledger.phase(name, ("maximize",), None, 0) for name in (GRID, CURVES))
        tell(grid, [base, *(("lattice", 2.0, shares) for shares in lattice(4))] * 2, accuracy, request.param)
        trials = [t for t in grid.records() if t.more["direction"] != "base"]
        law, gain = fit_trials(trials, 0.7, latency, 0)
        directions = [(name, size, shares) for size in (2.0, 4.0) for name, shares in compared_directions(law.shares).items()]
        tell(fresh, [base, *directions] * 3, accuracy, request.param)
        report = {"network": "resnet20_cifar10", "latencies": "measured on paper" if latency else None, "cost": request.param}
        (path / "fit.json").write_text(json.dumps(report | {"gain_of_doubling": gain, "fit": asdict(law)}))
    return open_fit(path)


def inside(ax):
    """Whether all that belongs to an axes lies in its figure."""
    figure = ax.figure
    figure.draw_without_rendering()
    box, own = figure.bbox, ax.get_tightbbox()
    return box.x0 - 1 <= own.x0 and own.x1 <= box.x1 + 1 and box.y0 - 1 <= own.y0 and own.y1 <= box.y1 + 1


def axes():
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)  # without one, drawing lays nothing out
    return figure.subplots()


def test_curves_begin_at_the_base_and_are_those_of_the_frame(fit):
    picture = curves_picture(fit)
    df = fit.curves()
    base = df[df["direction"] == "base"].iloc[0]
    assert {c.direction for c in picture.curves} == set(df["direction"]) - {"base"}
    for curve in picture.curves:
        assert curve.cost[0] == base[picture.column]
        assert curve.accuracy[0] == pytest.approx(100 * base["accuracy"])
        assert curve.cost == sorted(curve.cost)
        assert all(h >= 0 for h in curve.half)
    assert picture.column == ("latency_ms" if fit.cost == "latency" else "macs")
    ax = plot_curves(picture, axes())
    assert "accuracy" in ax.get_ylabel()
    assert ("ms" if fit.cost == "latency" else "multiply-adds") in ax.get_xlabel()
    assert len(ax.get_legend().get_texts()) == len(picture.curves)
    assert inside(ax)


def test_curves_over_the_other_cost_need_it(fit):
    if fit.cost == "latency":
        assert curves_picture(fit, "macs").column == "macs"
    else:
        with pytest.raises(NasbenchError, match="profile the device"):
            curves_picture(fit, "latency_ms")
    with pytest.raises(NasbenchError, match="got seconds"):
        curves_picture(fit, "seconds")


def test_both_pictures_and_the_table_are_written(fit):
    assert save_fit(fit.study).stat().st_size > 20_000
    assert len((fit.study.path / "curves.csv").read_text().splitlines()) == len(fit.curves()) + 1


def test_the_triangle_shows_the_lattice_and_the_best_point(fit):
    picture = triangle_picture(fit)
    trials = fit.trials()
    tried = trials[(trials["phase"] == "grid") & (trials["direction"] != "base") & (trials["status"] == "ok")]
    assert sum(p[4] for p in picture.points) == len(tried)
    assert all(p[0] + p[1] + p[2] == pytest.approx(1) for p in picture.points)
    assert picture.shares == fit.fit.shares
    best = picture.grid[int(np.argmax(picture.surface))]
    assert np.abs(best - np.array(picture.shares)).max() <= 0.06
    ax = plot_triangle(picture, axes())
    assert inside(ax)


def test_shares_lie_where_the_words_stand():
    x, y = flat([(0, 1, 0), (1, 0, 0), (0, 0, 1), (1 / 3, 1 / 3, 1 / 3)])
    assert x == pytest.approx([0, 1, 0.5, 0.5])
    assert y == pytest.approx([0, 0, 3**0.5 / 2, 3**0.5 / 6])


FAMILY = {
    "base": "net", "device": "a CPU", "least_used": 0.85,
    "members": [
        {"target_ms": 5.0, "kept": True, "phi": -1.0, "macs": 1e8, "resolution": 192, "predicted_ms": 4.6,
         "again": {"median_ms": 4.7, "low_ms": 4.6, "high_ms": 4.9}},
        {"target_ms": 10.0, "kept": False, "used": 0.0, "why": "none"},
        {"target_ms": 20.0, "kept": True, "phi": 2.0, "macs": 1e9, "resolution": 288, "predicted_ms": 18.5, "again": None},
    ],
}  # fmt: skip


def test_a_family_shows_members_and_missed_limits(tmp_path):
    picture = family_picture(FAMILY)
    assert isinstance(picture, FamilyPicture)
    assert [m[:4] for m in picture.members] == [(5.0, 4.7, 4.6, 4.9), (20.0, 18.5, 18.5, 18.5)]
    assert picture.missed == [10.0]
    ax = plot_family(picture, axes())
    assert [t.get_text() for t in ax.get_xticklabels()] == ["5 ms", "10 ms", "20 ms"]
    assert inside(ax)
    (tmp_path / "family.json").write_text(json.dumps(FAMILY))
    assert save_family(tmp_path).stat().st_size > 10_000
