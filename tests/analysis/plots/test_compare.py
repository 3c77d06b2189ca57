"""Fronts of several studies in one picture."""

from __future__ import annotations

import pytest
from made_study import make_study, result
from readable import new_axes

import nasbench as nb
from nasbench.analysis.plots.compare import fronts_picture, plot_fronts


@pytest.fixture
def comparison(tmp_path):
    return nb.compare_studies(
        [
            make_study(tmp_path / "a", [result(0.70, 10), result(0.80, 12), result(0.75, 14)]),
            make_study(tmp_path / "b", [result(0.65, 6), result(0.72, 9)], latency_ms=10.0),
            make_study(tmp_path / "c", [result(0.85, 17, constraints={})], latency_ms=None, macs=200_000_000),
        ]
    )


def test_the_pictures_data_and_the_picture(comparison):
    picture = fronts_picture(comparison)
    assert picture["a"].points == [(10.0, 0.70), (12.0, 0.80), (14.0, 0.75)]
    assert picture["a"].front == [(10.0, 0.70), (12.0, 0.80)]
    assert (picture["b"].limit_ms, picture["c"].limit_ms) == (10.0, None)
    ax = plot_fronts(picture, new_axes())
    assert ax.get_ylabel().endswith("(%)")
    assert ax.get_xlabel().startswith("latency (ms)")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [f"{name}, {picture[name].hypervolume_ms:.2f} ms x accuracy" for name in "abc"]
