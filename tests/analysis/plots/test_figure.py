"""Figures are written whole or not at all, and logarithmic axes have plain numbers."""

from __future__ import annotations

import pytest
from readable import new_axes

from nasbench.analysis.plots.figure import axes, number_log_axis, save_picture


def test_a_picture_that_cannot_be_drawn_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("old")

    def fail(figure):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        save_picture(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_the_axes_are_those_given_or_new_ones_of_the_size():
    given = new_axes()
    assert axes(given) is given
    assert axes(None, (3, 2)).figure.get_size_inches().tolist() == [3, 2]


def test_numbers_on_a_logarithmic_axis():
    ax = new_axes()
    ax.set(xscale="log", xlim=(1, 2e6))
    number_log_axis(ax.xaxis, minor="25")
    assert [ax.xaxis.get_major_formatter()(v) for v in (0.1, 1, 1e6)] == ["0.1", "1", "1,000,000"]
    assert [ax.xaxis.get_minor_formatter()(v) for v in (20, 3000, 5000)] == ["20", "", "5,000"]
