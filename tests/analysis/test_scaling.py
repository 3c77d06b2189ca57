"""Scaling fits as frames, read from the fits that are stored under studies/."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_study import make_study

import nasbench as nb
from nasbench.errors import StudyError

DATA = Path(__file__).parents[2] / "studies" / "data"


@pytest.fixture(scope="module", params=["MACs", "latency"])
def fit(request):
    return nb.open_fit(DATA / f"scaling-{request.param.lower()}")


def test_trials_with_their_shares_of_growth(fit):
    df = fit.trials()
    assert set(df["phase"]) == {"grid", "curves"}
    grown = df[df["direction"] != "base"]
    assert (grown["depth_share"] + grown["width_share"] + grown["resolution_share"]).tolist() == pytest.approx([1.0] * len(grown))


def test_curves_are_means_over_seeds_with_their_interval(fit):
    df, trials = fit.curves(), fit.trials()
    assert set(df["direction"]) >= {"base", "depth", "width", "resolution"}
    assert (df["low"] <= df["accuracy"]).all()
    assert (df["accuracy"] <= df["high"]).all()
    base = trials[(trials["phase"] == "curves") & (trials["direction"] == "base")]["accuracy"]
    first = df[df["direction"] == "base"].iloc[0]
    assert first["seeds"] == len(base)
    assert first["accuracy"] == pytest.approx(base.mean())


def test_coefficients_belong_to_the_shares(fit):
    df = fit.coefficients()
    assert df["axis"].tolist() == ["depth", "width", "resolution"]
    assert df["share"].sum() == pytest.approx(1, abs=1e-6)
    assert ((df["low"] <= df["value"]) & (df["value"] <= df["high"])).all()
    assert tuple(df["share"]) == pytest.approx(fit.fit.shares)


def test_what_it_is_made_of(fit):
    assert fit.cost == fit.report["cost"]
    assert set(fit.about) >= {"created", "versions", "git"}
    assert len(fit.differences()) == len(fit.report["differences"])


def test_a_fit_that_has_not_ended(tmp_path):
    unfinished = nb.open_fit(make_study(tmp_path / "one", kind=nb.open_fit(DATA / "scaling-macs").study.command["kind"], cost="MACs"))
    assert unfinished.report == {}
    assert unfinished.trials().empty
    assert unfinished.differences().empty
    with pytest.raises(StudyError, match=r"fit\.json"):
        unfinished.coefficients()


def test_a_study_of_another_kind(tmp_path):
    with pytest.raises(StudyError, match="open_study"):
        nb.open_fit(make_study(tmp_path / "one"))
    with pytest.raises(StudyError, match=r"study\.yaml"):
        nb.open_fit(tmp_path)
