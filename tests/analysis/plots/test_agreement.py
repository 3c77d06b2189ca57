"""Measurements beside their predictions."""

from __future__ import annotations

import pytest
from made_study import add_measurements, add_profile, make_study, measurement, networks_of, result
from readable import assert_readable, new_axes

import nasbench as nb
from nasbench.analysis.plots.agreement import agreement_frame, inside_intervals, plot_agreement
from nasbench.genotype import digest
from nasbench.latency import Predictor

SEARCH = [result(0.70, 10, seconds=60), result(None, 30, seconds=0), result(0.80, 12, seconds=30), result(0.75, 14, seconds=30)]


@pytest.fixture
def measured(tmp_path):
    path = make_study(tmp_path / "one", SEARCH)
    predictor = Predictor(add_profile(path))
    networks = networks_of(path)
    ms = [predictor.predict(g).ms for g in networks]
    add_measurements(path, {digest(networks[0]): measurement(ms[0]), digest(networks[1]): measurement(3 * ms[1])})
    add_measurements(path, {digest(networks[2]): measurement(9 * ms[2], noisy=True), "gone": measurement(1)}, "finalists")
    return path, ms


def test_every_measurement_beside_its_prediction(measured):
    path, ms = measured
    df = agreement_frame(nb.open_study(path))
    assert df["predicted_ms"].tolist() == pytest.approx(ms[:3])
    assert df["measured_ms"].tolist() == pytest.approx([ms[0], 3 * ms[1], 9 * ms[2]])
    assert df["where"].tolist() == ["search", "search", "finalists"]
    assert df["noisy"].tolist() == [False, False, True]
    assert (df["predicted_low_ms"] <= df["predicted_ms"]).all()
    assert inside_intervals(df) == (1, 2)  # a noisy one says nothing


def test_picture(measured):
    ax = plot_agreement(agreement_frame(nb.open_study(measured[0])), 20.0, new_axes((6.6, 6.2)))
    assert_readable(ax)
    assert ax.get_title("left").startswith("1 of 2 measurements")
    assert ax.get_xlim() == ax.get_ylim()


def test_none_yet(study):
    df = agreement_frame(study)
    assert df.empty
    assert inside_intervals(df) == (0, 0)
